//! Water: a mirror broken by waves, or a swell painted crest by crest.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, Rgb, WIDTH, add, mix, scale};
use super::noise::{fbm, lerp, smoothstep, value};
use super::scene::Time;

/// Mirrors what has been painted above the horizon into the rows below it.
pub fn mirror(canvas: &mut Canvas, stage: &Stage, calm: f32) {
    let source = canvas.clone();
    let horizon = stage.horizon;
    let below = HEIGHT as f32 - horizon;
    let seed = stage.scene.seed as u32;
    let palette = &stage.palette;
    let light = stage.light;
    let rough = 1.0 - calm;
    let storm = stage.scene.weather.storm;
    canvas.shade(horizon as usize, HEIGHT, |x, y, _| {
        let d = ((y - horizon) / below).clamp(0.0, 1.0);
        let depth = 1.0 / (d + 0.035);
        let across = (x - WIDTH as f32 * 0.5) / WIDTH as f32;
        let (u, v) = (across * depth * 3.2, depth * 7.0);
        let ripple = fbm(u * 1.6, v * 2.3, 3, seed ^ 0x3a7) - 0.5;
        let swell = value(u * 0.5 + 9.0, v * 0.9, seed ^ 0x4b1) - 0.5;
        let wave = ripple * 0.75 + swell * 0.55;
        let reach = (4.0 + 90.0 * d) * (0.18 + rough);
        let mx = x + ripple * reach * 0.55;
        let my = horizon - (y - horizon) * 0.92 - 2.0 + wave * reach * 1.3;
        let reflection = source.sample(
            mx.clamp(0.0, WIDTH as f32 - 1.0),
            my.clamp(0.0, horizon - 2.0),
        );
        let facing = smoothstep(-0.30, 0.35, wave);
        let deep = mix(palette.water, scale(palette.water, 0.35), d);
        let fresnel = lerp(0.86, 0.42, d.powf(0.7)) * (0.75 + 0.25 * facing);
        let mut colour = mix(deep, reflection, fresnel * lerp(1.0, 0.82, rough));
        colour = scale(colour, lerp(1.0, 0.74 + 0.42 * facing, 0.3 + 0.7 * rough));
        if rough > 0.5 {
            let lace = fbm(u * 5.0 + swell * 2.0, v * 6.0, 3, seed ^ 0x0f0a);
            let caps = smoothstep(0.60, 0.78, lace + wave * 0.35) * (rough - 0.5);
            colour = mix(colour, foam_colour(stage), caps * (0.25 + 0.6 * storm));
        }
        add(colour, palette.glow, glitter(stage, x, d, wave, light.x))
    });
}

/// The path of light towards the viewer.
fn glitter(stage: &Stage, x: f32, d: f32, wave: f32, light_x: f32) -> f32 {
    let width = 26.0 + 170.0 * d;
    let off = (x - light_x) / width;
    let path = (-off * off).exp();
    let spark = smoothstep(0.10, 0.34, wave + 0.10 * (1.0 - d));
    let strength = match stage.scene.time {
        Time::Day => 0.30,
        Time::Night => 0.32,
        _ => 0.62,
    };
    path * (0.12 + spark) * strength * stage.light.visible * (1.0 - 0.55 * d)
}

/// One crest line of an open sea, `t` = 0 far … 1 near: its height at `x`.
pub fn crest(stage: &Stage, t: f32, x: f32) -> f32 {
    let storm = stage.scene.weather.storm;
    let seed = (stage.scene.seed as u32) ^ ((t * 977.0) as u32);
    let wavelength = lerp(46.0, 390.0, t * t.sqrt());
    let amplitude =
        lerp(1.5, 40.0 + 46.0 * storm, t * t) * if stage.scene.calm { 0.35 } else { 1.0 };
    // A rounded crest where smooth noise passes its middle: narrow tops, wide troughs, no even spacing.
    let u = x / wavelength + t * 57.0;
    let off = (2.0 * value(u, t * 31.0, seed) - 1.0) / 0.42;
    let sharp = (-off * off).exp();
    let modulation = 0.35 + 0.9 * value(x / (wavelength * 1.7), t * 17.0, seed ^ 5);
    let chop = fbm(x / (wavelength * 0.18), t * 13.0, 4, seed ^ 9) - 0.5;
    crest_base(stage, t) - amplitude * (sharp * modulation + 0.22 * chop)
}

/// How far below its base the body of a crest is seen.
fn depth_of(t: f32) -> f32 {
    8.0 + 70.0 * t
}

pub fn crest_base(stage: &Stage, t: f32) -> f32 {
    stage.horizon + (HEIGHT as f32 * 1.03 - stage.horizon) * t.powf(1.55)
}

pub const CRESTS: usize = 12;

/// Paints the crests `from..to` of an open sea over what is there, far to near.
pub fn swell(canvas: &mut Canvas, stage: &Stage, from: usize, to: usize) {
    let palette = &stage.palette;
    let storm = stage.scene.weather.storm;
    let seed = stage.scene.seed as u32;
    for index in from..to.min(CRESTS) {
        let t = (index as f32 + 0.6) / CRESTS as f32;
        let line: Vec<f32> = (0..=WIDTH).map(|x| crest(stage, t, x as f32)).collect();
        let top = line.iter().copied().fold(f32::MAX, f32::min).max(0.0) as usize;
        let next = crest_base(stage, (index as f32 + 1.6) / CRESTS as f32);
        let depth = (next - crest_base(stage, t)).max(6.0) + depth_of(t);
        let sky = palette.sky(0.25 + 0.5 * t);
        // The crest's body fades into the broken mirror below it.
        let bottom = (next + depth_of(t)) as usize;
        canvas.shade(top, bottom, |x, y, old| {
            let column = x as usize;
            let crest = line[column];
            let cover = (y - crest + 0.5).clamp(0.0, 1.0);
            if cover <= 0.0 {
                return old;
            }
            let slope = line[column + 1] - line[column];
            let down = ((y - crest) / depth).clamp(0.0, 1.0);
            let side = (stage.light.x - x).signum();
            let lit = smoothstep(-0.55, 0.75, slope * side) * (1.0 - 0.7 * down);
            let streak = fbm(
                x / (22.0 + 60.0 * t),
                y / (5.0 + 9.0 * t) + slope * 2.0,
                3,
                seed ^ index as u32,
            ) - 0.5;
            let mut body = mix(
                mix(palette.water, sky, 0.42 * (1.0 - down)),
                scale(palette.water, 0.30),
                down * 0.9,
            );
            body = mix(palette.haze, body, smoothstep(0.0, 0.35, t));
            // Light through the thin crest.
            let through = (-(y - crest) / (5.0 + 15.0 * t)).exp();
            body = add(
                body,
                mix(palette.glow, palette.water, 0.5),
                through * lit * 0.34 * (0.3 + 0.7 * stage.light.visible),
            );
            body = scale(body, 1.0 + streak * 0.55);
            let path =
                (-((x - stage.light.x) / (40.0 + 190.0 * t)).powi(2)).exp() * stage.light.visible;
            body = add(
                body,
                palette.glow,
                path * smoothstep(0.05, 0.3, streak + 0.15 * lit) * 0.6 * (1.0 - 0.5 * t),
            );
            let foam = foam(x, y, crest, t, storm, streak, seed);
            let solid = 1.0 - smoothstep(0.10, 0.95, down);
            let painted = mix(body, foam_colour(stage), foam);
            mix(old, painted, cover * solid * (0.35 + 0.55 * t))
        });
    }
}

fn foam_colour(stage: &Stage) -> Rgb {
    let base = mix(stage.palette.horizon, [0.9, 0.93, 0.95], 0.45);
    scale(
        base,
        if stage.scene.time == Time::Night {
            0.35
        } else {
            0.75
        },
    )
}

fn foam(x: f32, y: f32, crest: f32, t: f32, storm: f32, streak: f32, seed: u32) -> f32 {
    let down = y - crest;
    let lace = fbm(x / (16.0 + 30.0 * t), y / (3.0 + 5.0 * t), 4, seed ^ 0xf0a);
    let tip = (-down / (1.2 + 6.0 * t)).exp() * smoothstep(0.44, 0.62, lace + 0.10 * storm);
    let trail =
        storm * smoothstep(0.56, 0.70, lace + streak * 0.3) * (-down / (8.0 + 34.0 * t)).exp();
    (tip * (0.20 + 0.65 * storm) + trail * 0.55).clamp(0.0, 0.9)
}
