//! Scenes with water: the open sea and the shore, what floats there and what stands by it.

use super::canvas::{Canvas, HEIGHT, Rgb, mix};
use super::outdoor::{away, people};
use super::scene::{Place, Shot, Subject};
use super::{Stage, boats, land, things, water};

pub fn sea(canvas: &mut Canvas, stage: &mut Stage) {
    let rough = if stage.scene.calm { 0.0 } else { 1.0 };
    if stage.scene.has(Subject::Lighthouse) {
        headland(canvas, stage);
    }
    if stage.scene.has(Subject::Ship) && stage.scene.shot == Shot::Wide {
        let x = berth(stage);
        boats::ship(canvas, stage, x, stage.horizon + 2.0, 120.0 * stage.scale);
    }
    water::mirror(canvas, stage, 1.0 - 0.8 * rough);
    if rough == 0.0 {
        float(canvas, stage, 0.25);
        return;
    }
    // The boat floats between two crests: the near one hides its keel.
    let slot = match (stage.scene.far, stage.scene.shot) {
        (true, Shot::Wide) => 4,
        (_, Shot::Wide) => 6,
        (_, Shot::Medium) => 8,
        (_, Shot::Close) => 10,
    };
    water::swell(canvas, stage, 1, slot);
    let t = (slot as f32 - 0.4) / water::CRESTS as f32;
    let x = berth(stage) + stage.rng.range(-60.0, 60.0);
    let y = water::crest(stage, t, x) + 8.0 * t;
    vessel(canvas, stage, x, y, 60.0 + 250.0 * t);
    water::swell(canvas, stage, slot, water::CRESTS);
}

/// Where a vessel floats: not under the lighthouse.
fn berth(stage: &Stage) -> f32 {
    let land = stage.scene.has(Subject::Lighthouse) || stage.scene.has(Subject::House);
    if land {
        1280.0 - away(stage)
    } else {
        away(stage)
    }
}

fn vessel(canvas: &mut Canvas, stage: &mut Stage, x: f32, y: f32, size: f32) {
    let size = size * stage.scale.clamp(0.62, 1.4);
    if stage.scene.has(Subject::Boat) {
        let sail = stage.scene.sail || stage.rng.chance(0.35);
        boats::boat(canvas, stage, x, y, size, sail, true);
    } else if stage.scene.has(Subject::Ship) && stage.scene.shot != Shot::Wide {
        boats::ship(canvas, stage, x, y, size * 1.3);
    }
}

/// A vessel on still water with its reflection left to the water's own tone.
fn float(canvas: &mut Canvas, stage: &mut Stage, down: f32) {
    let x = berth(stage);
    let y = stage.horizon + (HEIGHT as f32 - stage.horizon) * down * stage.scale.clamp(0.5, 1.8);
    vessel(canvas, stage, x, y, 90.0 * stage.scale);
}

/// A rocky point with the lighthouse on it.
fn headland(canvas: &mut Canvas, stage: &mut Stage) {
    let x = away(stage);
    let side = if x > 640.0 { 1.0 } else { -1.0 };
    let k = stage.scale.clamp(0.7, 1.7);
    let level = stage.horizon + 3.0;
    let seed = stage.scene.seed as u32;
    let line = (0..=super::WIDTH)
        .map(|column| {
            let u = (column as f32 - x) * side / k;
            let shoulder = if u < 0.0 {
                (1.0 + u / 190.0).max(0.0).powf(1.3)
            } else {
                1.0 - 0.25 * (u / 500.0).min(1.0)
            };
            let rugged = super::noise::fbm(column as f32 / 44.0, 6.0, 5, seed) - 0.5;
            level + 12.0 - k * shoulder * (62.0 + 52.0 * rugged)
        })
        .collect::<Vec<f32>>();
    let foot = line.get(x as usize).copied().unwrap_or(level) + 5.0;
    land::ridge(
        canvas,
        stage,
        &land::Ridge {
            line,
            cover: None,
            far: 0.10,
            mist: 0.25,
            snow: 0.0,
        },
    );
    if stage.scene.has(Subject::Lighthouse) {
        // The whole tower stays in the picture, with air above it.
        let height = (235.0 * k).min((foot - 26.0) / 1.1);
        things::lighthouse(canvas, stage, x, foot, height);
    }
    if stage.scene.person().is_some() && stage.scene.place == Place::Sea {
        // On the landward side, where the rock is broad enough to stand on.
        people(canvas, stage, x + side * 34.0 * k, foot + 12.0 * k, 27.0);
    }
    if stage.scene.has(Subject::House) {
        things::house(canvas, stage, x + side * 95.0 * k, foot + 4.0, 62.0 * k);
    }
}

pub fn shore(canvas: &mut Canvas, stage: &mut Stage) {
    land::mountains(canvas, stage, stage.horizon - 4.0, 95.0, 3);
    if stage.scene.has(Subject::Lighthouse) || stage.scene.has(Subject::House) {
        headland(canvas, stage);
    }
    let calm = if stage.scene.calm {
        0.95
    } else if stage.scene.weather.storm > 0.0 {
        0.15
    } else {
        0.62
    };
    water::mirror(canvas, stage, calm);
    if stage.scene.weather.storm > 0.0 {
        water::swell(canvas, stage, 4, water::CRESTS);
    }
    let boat = stage.scene.has(Subject::Boat) || stage.scene.has(Subject::Ship);
    if boat {
        float(canvas, stage, 0.2);
    }
    if stage.scene.person().is_some() || (!boat && stage.scene.shot != Shot::Wide) {
        land::ground(canvas, stage, HEIGHT as f32 * 0.88, sand(stage));
        let x = if stage.light.x < 640.0 { 760.0 } else { 520.0 };
        people(canvas, stage, x, HEIGHT as f32 * 0.93, 130.0);
    }
    if stage.scene.has(Subject::Fire) {
        things::fire(
            canvas,
            stage,
            560.0,
            HEIGHT as f32 * 0.94,
            52.0 * stage.scale,
        );
    }
}

fn sand(stage: &Stage) -> Rgb {
    mix([0.42, 0.32, 0.20], stage.palette.haze, 0.3)
}
