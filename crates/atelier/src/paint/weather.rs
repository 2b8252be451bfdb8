//! What falls or drifts between the scene and the viewer: rain, snow, fog, lightning.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, WIDTH, add, mix};
use super::noise::{fbm, smoothstep};
use super::pen::Pen;

pub fn lightning(canvas: &mut Canvas, stage: &mut Stage) {
    if stage.scene.weather.storm <= 0.0 || !stage.rng.chance(0.75) {
        return;
    }
    let mut x = stage.rng.range(220.0, 1060.0);
    let start = x;
    let mut y = stage.horizon * stage.rng.range(0.05, 0.2);
    let top = y;
    let mut points = vec![(x, y)];
    let mut forks: Vec<Vec<(f32, f32)>> = Vec::new();
    while y < stage.horizon - 6.0 {
        x += stage.rng.range(-24.0, 24.0);
        y += stage.rng.range(9.0, 30.0);
        points.push((x, y.min(stage.horizon)));
        if stage.rng.chance(0.18) {
            let (mut fx, mut fy) = (x, y);
            let drift = stage.rng.range(-22.0, 22.0);
            let mut fork = vec![(fx, fy)];
            for _ in 0..5 {
                fx += drift + stage.rng.range(-10.0, 10.0);
                fy += stage.rng.range(8.0, 22.0);
                fork.push((fx, fy));
            }
            forks.push(fork);
        }
    }
    let mut pen = Pen::new();
    pen.plain().line(&points, 5.0, [0.55, 0.65, 1.0], 0.22);
    pen.line(&points, 1.7, [0.93, 0.96, 1.0], 0.95);
    for fork in forks {
        pen.line(&fork, 0.9, [0.85, 0.9, 1.0], 0.6);
    }
    canvas.over(pen.layer());
    canvas.glow(start, top, 260.0, [0.62, 0.70, 1.0], 0.34);
    canvas.glow(x, stage.horizon, 120.0, [0.62, 0.70, 1.0], 0.2);
}

pub fn fall(canvas: &mut Canvas, stage: &mut Stage) {
    fog(canvas, stage);
    rain(canvas, stage);
    snow(canvas, stage);
}

fn fog(canvas: &mut Canvas, stage: &Stage) {
    let amount = stage.scene.weather.fog.max(0.25 * stage.scene.weather.rain);
    if amount <= 0.0 {
        return;
    }
    let colour = mix(stage.palette.haze, stage.palette.horizon, 0.5);
    let seed = (stage.scene.seed as u32) ^ 0xf09;
    let horizon = stage.horizon;
    canvas.shade(0, HEIGHT, |x, y, old| {
        let band = (-((y - horizon - 10.0) / 170.0).powi(2)).exp();
        let wisp = fbm(x / 310.0, y / 90.0, 4, seed);
        mix(
            old,
            colour,
            (amount * (0.06 + 0.66 * band) * smoothstep(0.12, 0.85, wisp + 0.25 * band))
                .clamp(0.0, 0.9),
        )
    });
}

fn rain(canvas: &mut Canvas, stage: &mut Stage) {
    let amount = stage.scene.weather.rain;
    if amount <= 0.0 {
        return;
    }
    let slant = stage.rng.range(-0.34, 0.34);
    let tone = add(
        mix(stage.palette.horizon, [0.8, 0.85, 0.9], 0.5),
        stage.palette.glow,
        0.05,
    );
    let mut pen = Pen::new();
    pen.plain();
    for _ in 0..(620.0 * amount) as usize {
        let near = stage.rng.unit().powi(2);
        let length = 14.0 + 62.0 * near;
        let (x, y) = (
            stage.rng.range(-60.0, WIDTH as f32 + 60.0),
            stage.rng.range(-40.0, HEIGHT as f32),
        );
        pen.line(
            &[(x, y), (x + slant * length, y + length)],
            0.6 + 0.9 * near,
            tone,
            0.07 + 0.17 * near,
        );
    }
    canvas.over(pen.layer());
}

fn snow(canvas: &mut Canvas, stage: &mut Stage) {
    if stage.scene.weather.snow <= 0.0 {
        return;
    }
    let mut pen = Pen::new();
    pen.plain();
    for _ in 0..760 {
        let near = stage.rng.unit().powi(4);
        let (x, y) = (
            stage.rng.range(0.0, WIDTH as f32),
            stage.rng.range(0.0, HEIGHT as f32),
        );
        pen.soft(
            x,
            y,
            1.3 + 11.0 * near,
            [0.92, 0.94, 1.0],
            0.75 - 0.45 * near,
        );
    }
    canvas.over(pen.layer());
}
