//! A city: rows of buildings in haze, windows lit by the hour, a street or water before them.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, WIDTH, add, mix, scale};
use super::noise::{fbm, lattice, lerp, smoothstep};
use super::pen::Pen;
use super::things::lamp_strength;

pub fn paint(canvas: &mut Canvas, stage: &mut Stage) {
    const ROWS: usize = 4;
    let lamp = lamp_strength(stage);
    for row in 0..ROWS {
        let t = row as f32 / (ROWS - 1) as f32;
        let body = stage.palette.distance(lerp(0.80, 0.10, t));
        let unit = lerp(34.0, 104.0, t) * stage.scale.clamp(0.8, 1.6);
        let foot = stage.horizon + 14.0 + 60.0 * t * t;
        let mut pen = Pen::new();
        pen.plain();
        let mut x = -40.0;
        let mut windows = Vec::new();
        while x < WIDTH as f32 + 20.0 {
            let wide = unit * stage.rng.range(0.55, 1.35);
            // The skyline peaks away from the light, which stays free.
            let clear = smoothstep(40.0, 330.0, (x + wide * 0.5 - stage.light.x).abs());
            let tall = lerp(330.0, 250.0, t)
                * stage.rng.range(0.22, 1.0).powf(1.4)
                * lerp(0.42, 1.0, clear)
                + unit * 0.9;
            let top = foot - tall;
            let colour = scale(body, stage.rng.range(0.82, 1.2));
            pen.shaded(
                &[
                    (x, HEIGHT as f32),
                    (x, top),
                    (x + wide, top),
                    (x + wide, HEIGHT as f32),
                ],
                (0.0, top, colour),
                (
                    0.0,
                    foot + 30.0,
                    mix(colour, stage.palette.haze, 0.42 * (1.0 - t)),
                ),
            );
            match stage.rng.index(5) {
                0 => pen.polygon(
                    &[
                        (x + wide * 0.2, top),
                        (x + wide * 0.2, top - unit * 0.25),
                        (x + wide * 0.8, top - unit * 0.25),
                        (x + wide * 0.8, top),
                    ],
                    colour,
                    1.0,
                ),
                1 => pen.line(
                    &[(x + wide * 0.5, top), (x + wide * 0.5, top - unit * 0.7)],
                    1.2 + t,
                    colour,
                    1.0,
                ),
                2 => pen.polygon(
                    &[
                        (x, top),
                        (x + wide * 0.5, top - unit * 0.42),
                        (x + wide, top),
                    ],
                    colour,
                    1.0,
                ),
                _ => {}
            }
            windows.push((x, top, wide));
            x += wide * stage.rng.range(0.92, 1.12);
        }
        canvas.over(pen.layer());
        light_windows(canvas, stage, &windows, row, t, foot, lamp);
        super::land::mist(canvas, stage, foot - 6.0, 52.0, 0.45 * (1.0 - t));
    }
    if stage.scene.calm || stage.scene.seed.is_multiple_of(3) {
        stage.horizon += 74.0;
        super::water::mirror(canvas, stage, 0.55);
    } else {
        street(canvas, stage, lamp);
    }
}

fn light_windows(
    canvas: &mut Canvas,
    stage: &Stage,
    buildings: &[(f32, f32, f32)],
    row: usize,
    t: f32,
    foot: f32,
    lamp: f32,
) {
    let (pitch_x, pitch_y) = (lerp(6.0, 15.0, t), lerp(8.0, 19.0, t));
    let seed = (stage.scene.seed as u32) ^ (row as u32 * 7919);
    let mut pen = Pen::new();
    pen.plain();
    for (index, &(x, top, wide)) in buildings.iter().enumerate() {
        let columns = ((wide - pitch_x) / pitch_x).max(0.0) as i32;
        let floors = ((foot - top) / pitch_y).max(0.0) as i32;
        let share = 0.16 + 0.4 * lattice(index as i32, 3, seed);
        for floor in 1..floors {
            for column in 0..columns {
                let roll = lattice(column + index as i32 * 91, floor, seed);
                if roll > share {
                    continue;
                }
                let warm = lattice(floor, column, seed ^ 5);
                let tone = mix(
                    stage.palette.lamp,
                    [0.75, 0.86, 1.0],
                    if warm > 0.8 { 0.7 } else { 0.1 * warm },
                );
                let (wx, wy) = (
                    x + pitch_x * (column as f32 + 0.75),
                    top + pitch_y * floor as f32,
                );
                let bright = lamp * (0.35 + 0.65 * roll / share.max(0.01)) * lerp(0.45, 1.0, t);
                pen.polygon(
                    &[
                        (wx, wy),
                        (wx, wy + pitch_y * 0.46),
                        (wx + pitch_x * 0.48, wy + pitch_y * 0.46),
                        (wx + pitch_x * 0.48, wy),
                    ],
                    tone,
                    bright,
                );
            }
        }
    }
    canvas.over(pen.layer());
}

/// A wet street towards the vanishing point, with lamps along it.
fn street(canvas: &mut Canvas, stage: &mut Stage, lamp: f32) {
    let vanish = 640.0 + (stage.light.x - 640.0) * 0.3;
    let level = stage.horizon + 56.0;
    let seed = stage.scene.seed as u32;
    let source = canvas.clone();
    let wet = stage.scene.weather.rain.max(0.25);
    let palette = stage.palette.clone();
    canvas.shade(level as usize, HEIGHT, |x, y, _| {
        let d = ((y - level) / (HEIGHT as f32 - level)).clamp(0.0, 1.0);
        let side = (x - vanish) / (90.0 + 900.0 * d);
        let kerb = smoothstep(0.50, 0.52, side.abs());
        let grit = fbm(x / (3.0 + 5.0 * d), y / 3.0, 3, seed) - 0.5;
        let asphalt = scale(
            mix(palette.near, palette.haze, 0.16 + 0.10 * kerb),
            1.0 + grit * 0.6,
        );
        let puddle = smoothstep(
            0.48,
            0.66,
            fbm(side * 5.0, 1.0 / (d + 0.08) * 0.9, 4, seed ^ 0xbad),
        );
        let ripple = (fbm(x / 30.0, y / 5.0, 3, seed ^ 1) - 0.5) * 26.0;
        let mirror = source.sample(x + ripple * 0.4, level - (y - level) * 0.9 - 4.0 + ripple);
        let strength = (0.15 + 0.75 * wet * puddle) * (1.0 - 0.4 * d) * (1.0 - 0.6 * kerb);
        let line = smoothstep(0.012, 0.007, side.abs())
            * smoothstep(0.25, 0.6, (3.2 / (d + 0.12)).fract())
            * 0.35;
        add(mix(asphalt, mirror, strength), palette.horizon, line * 0.4)
    });
    let mut pen = Pen::new();
    let mut lights = Vec::new();
    for index in 0..6 {
        let d = (index as f32 / 5.5).powf(1.9) * 0.86 + 0.012;
        for side in [-1.0f32, 1.0] {
            let (x, y) = (
                vanish + side * 0.56 * (90.0 + 900.0 * d),
                level + (HEIGHT as f32 - level) * d,
            );
            let tall = 30.0 + 330.0 * d;
            pen.plain();
            pen.line(
                &[(x, y), (x, y - tall)],
                1.2 + 5.0 * d,
                scale(palette.near, 0.6),
                1.0,
            );
            pen.curve(
                (x, y - tall),
                (x, y - tall * 1.08),
                (x - side * tall * 0.12, y - tall * 1.07),
                1.0 + 4.0 * d,
                scale(palette.near, 0.6),
                1.0,
            );
            lights.push((x - side * tall * 0.12, y - tall * 1.055, 4.0 + 22.0 * d));
        }
    }
    canvas.over(pen.layer());
    for (x, y, size) in lights {
        canvas.glow(x, y, size * 3.2, palette.lamp, 0.35 * lamp);
        canvas.glow(x, y, size * 0.6, [1.0, 0.92, 0.72], 1.3 * lamp);
    }
}
