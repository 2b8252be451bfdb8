//! Scenes under the sky: what stands where, far to near.

use super::canvas::{Canvas, HEIGHT, mix};
use super::pen::Pen;
use super::scene::{Place, Shot, Subject, Time};
use super::{Stage, city, coast, figure, flora, land, sky, things, water, weather};
use crate::cancel::{Cancelled, Progress};

pub fn paint(canvas: &mut Canvas, stage: &mut Stage, progress: &Progress) -> Result<(), Cancelled> {
    sky::paint(canvas, stage, HEIGHT);
    weather::lightning(canvas, stage);
    progress.set(0.35)?;
    match stage.scene.place {
        Place::Sea => coast::sea(canvas, stage),
        Place::Shore => coast::shore(canvas, stage),
        Place::Forest => forest(canvas, stage),
        Place::Desert => desert(canvas, stage),
        Place::City => town(canvas, stage),
        Place::Mountains => mountains(canvas, stage),
        Place::Meadow | Place::Stair | Place::Room | Place::Detail | Place::Space => {
            meadow(canvas, stage)
        }
    }
    progress.set(0.6)?;
    if stage.scene.has(Subject::Birds) {
        let size = 15.0 * stage.scale.max(0.7);
        let count = if stage.scene.shot == Shot::Close {
            7
        } else {
            19
        };
        things::birds(
            canvas,
            stage,
            count,
            stage.horizon * 0.22,
            stage.horizon * 0.92,
            size,
        );
    }
    if stage.scene.shot == Shot::Close && stage.scene.person().is_some() {
        canvas.blur(7);
        figure::bust(canvas, stage);
    }
    weather::fall(canvas, stage);
    Ok(())
}

/// People, unless the shot is so close that they are drawn as a bust over everything.
pub fn people(canvas: &mut Canvas, stage: &mut Stage, x: f32, y: f32, height: f32) {
    if stage.scene.shot != Shot::Close {
        let lantern = !stage.scene.has(Subject::Fire)
            && (stage.scene.has(Subject::Lamp)
                || (stage.scene.time == Time::Night && !stage.scene.moon));
        figure::people(canvas, stage, x, y, height * stage.scale, lantern);
    }
}

/// A third of the picture's width, on the side away from the light.
pub fn away(stage: &Stage) -> f32 {
    if stage.light.x < 640.0 { 850.0 } else { 430.0 }
}

fn forest(canvas: &mut Canvas, stage: &mut Stage) {
    land::mountains(canvas, stage, stage.horizon, 150.0, 2);
    let ground = if stage.scene.weather.snow_ground {
        [0.62, 0.68, 0.78]
    } else {
        [0.035, 0.060, 0.022]
    };
    land::ground(canvas, stage, stage.horizon + 24.0, ground);
    land::forest(canvas, stage, 6, stage.horizon + 18.0);
    shafts(canvas, stage);
    if stage.scene.has(Subject::House) {
        things::house(
            canvas,
            stage,
            660.0,
            HEIGHT as f32 * 0.80,
            120.0 * stage.scale,
        );
    }
    people(canvas, stage, 640.0, HEIGHT as f32 * 0.92, 165.0);
    if stage.scene.has(Subject::Fire) {
        things::fire(
            canvas,
            stage,
            560.0,
            HEIGHT as f32 * 0.93,
            70.0 * stage.scale,
        );
    }
    let mut pen = Pen::new();
    flora::grass(&mut pen, stage.palette.near, 62.0, &mut stage.rng);
    canvas.over(pen.layer());
}

/// Light falling between the trees.
fn shafts(canvas: &mut Canvas, stage: &Stage) {
    let strength = 0.20
        * stage.light.visible
        * if stage.scene.time == Time::Night {
            0.4
        } else {
            1.0
        };
    let (lx, ly) = (stage.light.x, stage.light.y - 180.0);
    let seed = stage.scene.seed as u32;
    canvas.shade(0, HEIGHT, |x, y, old| {
        let angle = (x - lx).atan2(y - ly);
        let ray = super::noise::fbm(angle * 16.0, 1.0, 3, seed ^ 0x5a);
        let low = super::noise::smoothstep(stage.horizon * 0.55, stage.horizon, y);
        let fade = low * (-((x - lx).powi(2) + (y - ly).powi(2)).sqrt() / 520.0).exp();
        super::canvas::add(
            old,
            stage.palette.glow,
            super::noise::smoothstep(0.45, 0.8, ray) * fade * strength,
        )
    });
}

fn desert(canvas: &mut Canvas, stage: &mut Stage) {
    land::mountains(canvas, stage, stage.horizon, 60.0, 2);
    land::dunes(canvas, stage);
    people(
        canvas,
        stage,
        away(stage) - 60.0,
        HEIGHT as f32 * 0.80,
        92.0,
    );
    if stage.scene.has(Subject::House) {
        let x = away(stage);
        things::house(canvas, stage, x, HEIGHT as f32 * 0.72, 90.0 * stage.scale);
    }
    if stage.scene.has(Subject::Fire) {
        things::fire(
            canvas,
            stage,
            600.0,
            HEIGHT as f32 * 0.84,
            60.0 * stage.scale,
        );
    }
}

fn town(canvas: &mut Canvas, stage: &mut Stage) {
    let horizon = stage.horizon;
    city::paint(canvas, stage);
    stage.horizon = horizon;
    people(canvas, stage, 640.0, HEIGHT as f32 * 0.955, 170.0);
}

fn mountains(canvas: &mut Canvas, stage: &mut Stage) {
    land::mountains(canvas, stage, stage.horizon, 290.0, 4);
    let snow = stage.scene.weather.snow_ground;
    if stage.scene.calm && !snow {
        stage.horizon += 50.0;
        water::mirror(canvas, stage, 0.92);
        stage.horizon -= 50.0;
    } else {
        let tint = if snow {
            [0.66, 0.72, 0.82]
        } else {
            [0.10, 0.13, 0.05]
        };
        land::ground(canvas, stage, stage.horizon + 96.0, tint);
        grove(canvas, stage, stage.horizon + 118.0);
    }
    if stage.scene.has(Subject::House) {
        let x = away(stage);
        things::house(canvas, stage, x, HEIGHT as f32 * 0.86, 100.0 * stage.scale);
    }
    people(
        canvas,
        stage,
        if stage.light.x < 640.0 { 700.0 } else { 580.0 },
        HEIGHT as f32 * 0.94,
        120.0,
    );
    if stage.scene.has(Subject::Fire) {
        things::fire(
            canvas,
            stage,
            560.0,
            HEIGHT as f32 * 0.92,
            60.0 * stage.scale,
        );
    }
}

/// A few conifers at both sides, framing the view.
fn grove(canvas: &mut Canvas, stage: &mut Stage, base: f32) {
    let mut pen = Pen::new();
    for index in 0..22 {
        let side = if index % 2 == 0 { -1.0f32 } else { 1.0 };
        let out = stage.rng.range(250.0, 680.0);
        let t = (out - 250.0) / 430.0;
        let tall = (60.0 + 170.0 * t) * stage.rng.range(0.7, 1.2);
        let colour = stage.palette.distance(0.32 * (1.0 - t));
        flora::conifer(
            &mut pen,
            640.0 + side * out,
            base + 70.0 * t + stage.rng.range(0.0, 24.0),
            tall,
            0.0,
            colour,
            &mut stage.rng,
        );
    }
    canvas.over(pen.layer());
}

fn meadow(canvas: &mut Canvas, stage: &mut Stage) {
    let snow = stage.scene.weather.snow_ground;
    land::mountains(canvas, stage, stage.horizon - 6.0, 80.0, 2);
    let tint = if snow {
        [0.66, 0.72, 0.82]
    } else if stage.scene.time == Time::Golden {
        [0.30, 0.23, 0.06]
    } else {
        [0.11, 0.20, 0.05]
    };
    land::hills(
        canvas,
        stage,
        stage.horizon + 10.0,
        70.0,
        0.58,
        21,
        Some(tint),
    );
    land::hills(
        canvas,
        stage,
        stage.horizon + 34.0,
        56.0,
        0.34,
        22,
        Some(tint),
    );
    land::ground(canvas, stage, stage.horizon + 62.0, tint);
    let x = away(stage);
    if stage.scene.has(Subject::House) {
        things::house(
            canvas,
            stage,
            x,
            stage.horizon + 92.0 + 30.0 * stage.scale,
            105.0 * stage.scale,
        );
    }
    if stage.scene.has(Subject::Lighthouse) {
        things::lighthouse(
            canvas,
            stage,
            x,
            stage.horizon + 60.0,
            260.0 * stage.scale.min(1.6),
        );
    }
    let alone = stage.scene.subjects.is_empty() || stage.scene.has(Subject::Tree);
    if alone {
        let mut pen = Pen::new();
        let trunk = super::canvas::scale(stage.palette.near, 0.7);
        let leaf = mix(
            stage.palette.near,
            if stage.scene.time == Time::Golden {
                [0.42, 0.16, 0.03]
            } else {
                [0.05, 0.13, 0.03]
            },
            0.6,
        );
        flora::broadleaf(
            &mut pen,
            x,
            stage.horizon + 100.0,
            290.0 * stage.scale.clamp(0.7, 1.5),
            trunk,
            (!snow).then_some(leaf),
            &mut stage.rng,
        );
        canvas.over(pen.layer());
    }
    people(
        canvas,
        stage,
        if x > 640.0 { 560.0 } else { 730.0 },
        HEIGHT as f32 * 0.90,
        128.0,
    );
    if stage.scene.has(Subject::Fire) {
        things::fire(
            canvas,
            stage,
            600.0,
            HEIGHT as f32 * 0.90,
            66.0 * stage.scale,
        );
    }
    if !snow {
        let mut pen = Pen::new();
        flora::grass(&mut pen, stage.palette.near, 70.0, &mut stage.rng);
        canvas.over(pen.layer());
    }
}
