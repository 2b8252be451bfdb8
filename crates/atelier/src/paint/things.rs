//! Built things and creatures out of doors: lighthouse, houses, birds, fire.

use super::Stage;
use super::canvas::{Canvas, Rgb, add, mix, scale};
use super::noise::{fbm, smoothstep};
use super::pen::Pen;
use super::scene::Time;

/// How strongly lamps show at this hour.
pub fn lamp_strength(stage: &Stage) -> f32 {
    let hour = match stage.scene.time {
        Time::Night => 1.0,
        Time::Dusk => 0.9,
        Time::Dawn => 0.55,
        Time::Golden => 0.25,
        Time::Day => 0.06,
    };
    f32::max(hour, 0.8 * stage.scene.weather.storm)
}

/// A lighthouse with its foot at (x, y), `height` pixels tall, its beam turned to a side.
pub fn lighthouse(canvas: &mut Canvas, stage: &mut Stage, x: f32, y: f32, height: f32) {
    let k = height / 100.0;
    let palette = stage.palette.clone();
    let lamp = lamp_strength(stage);
    let lit_left = stage.light.x < x;
    let wall = mix(
        mix(palette.haze, [0.82, 0.80, 0.76], 0.45),
        palette.near,
        0.35,
    );
    let (lit, shade) = (add(wall, palette.glow, 0.10), mix(wall, palette.near, 0.72));
    let ends = if lit_left { (lit, shade) } else { (shade, lit) };
    let lamp_y = y - 90.5 * k;
    beam(
        canvas,
        stage,
        x,
        lamp_y,
        lamp,
        if x > 640.0 { -1.0 } else { 1.0 },
    );
    let mut pen = Pen::new();
    pen.at(x, y, k, 0.0);
    let tower = [(-10.0, 1.0), (-6.2, -82.0), (6.2, -82.0), (10.0, 1.0)];
    pen.shaded(&tower, (-9.0, 0.0, ends.0), (9.0, 0.0, ends.1));
    // Bands, narrowing with the tower.
    for (low, high) in [(-16.0f32, -32.0f32), (-48.0, -64.0)] {
        let half = |v: f32| 10.0 + (10.0 - 6.2) * v / 82.0;
        let band = mix([0.34, 0.05, 0.04], palette.near, 0.45);
        let points = [
            (-half(low), low),
            (-half(high), high),
            (half(high), high),
            (half(low), low),
        ];
        let (a, b) = if lit_left {
            (band, scale(band, 0.32))
        } else {
            (scale(band, 0.32), band)
        };
        pen.shaded(&points, (-9.0, 0.0, a), (9.0, 0.0, b));
    }
    for window in [-24.0, -42.0, -58.0] {
        pen.polygon(
            &[
                (-1.2, window),
                (-1.2, window - 5.0),
                (1.2, window - 5.0),
                (1.2, window),
            ],
            mix(palette.near, palette.lamp, lamp * 0.8),
            1.0,
        );
    }
    let iron = scale(palette.near, 0.9);
    pen.polygon(
        &[(-9.0, -82.0), (-9.5, -85.0), (9.5, -85.0), (9.0, -82.0)],
        iron,
        1.0,
    );
    for rail in -4..=4 {
        let rx = rail as f32 * 2.2;
        pen.line(&[(rx, -85.0), (rx, -89.5)], 0.35, iron, 1.0);
    }
    pen.line(&[(-9.2, -89.5), (9.2, -89.5)], 0.5, iron, 1.0);
    pen.polygon(
        &[(-4.6, -85.0), (-4.6, -95.5), (4.6, -95.5), (4.6, -85.0)],
        mix(scale(palette.haze, 0.5), palette.lamp, 0.25 + 0.75 * lamp),
        1.0,
    );
    for bar in [-4.6, -1.6, 1.6, 4.6] {
        pen.line(&[(bar, -85.0), (bar, -95.5)], 0.5, iron, 1.0);
    }
    pen.shape(iron, 1.0, |p| {
        p.move_to(-6.0, -95.0);
        p.quad_to(-4.5, -102.0, 0.0, -103.5);
        p.quad_to(4.5, -102.0, 6.0, -95.0);
        p.close();
    });
    pen.line(&[(0.0, -103.0), (0.0, -109.0)], 0.6, iron, 1.0);
    canvas.over(pen.layer());
    canvas.glow(x, lamp_y, 15.0 * k, palette.lamp, 0.9 * lamp);
    canvas.glow(x, lamp_y, 5.0 * k, [1.0, 0.95, 0.8], 1.6 * lamp);
}

fn beam(canvas: &mut Canvas, stage: &Stage, lx: f32, ly: f32, lamp: f32, side: f32) {
    let seed = stage.scene.seed as u32;
    let air = 0.20
        + 0.25
            * stage
                .scene
                .weather
                .fog
                .max(stage.scene.weather.storm)
                .max(stage.scene.weather.rain);
    let tint = mix(stage.palette.lamp, [1.0, 0.95, 0.82], 0.6);
    for (direction, strength) in [(side, 1.0), (-side, 0.45)] {
        canvas.shade(0, stage.horizon as usize + 20, |x, y, old| {
            let along = (x - lx) * direction;
            if along <= 0.0 {
                return old;
            }
            let across = (y - ly + along * 0.035).abs() / (3.0 + along * 0.075);
            if across > 2.4 {
                return old;
            }
            let dust = 0.7 + 0.6 * fbm(x / 130.0, y / 60.0, 3, seed ^ 0xbea);
            add(
                old,
                tint,
                (-across * across * 1.6).exp()
                    * (-along / 620.0).exp()
                    * lamp
                    * strength
                    * air
                    * dust,
            )
        });
    }
}

/// A cottage with lit windows, chimney and smoke.
pub fn house(canvas: &mut Canvas, stage: &mut Stage, x: f32, y: f32, size: f32) {
    let palette = stage.palette.clone();
    let lamp = lamp_strength(stage);
    let k = size / 100.0;
    let wall = mix(
        mix(palette.haze, [0.55, 0.47, 0.40], 0.5),
        palette.near,
        0.5,
    );
    let roof = mix(palette.near, [0.16, 0.07, 0.05], 0.3);
    let mut pen = Pen::new();
    pen.at(x, y, k, 0.0);
    pen.polygon(
        &[(22.0, -62.0), (22.0, -96.0), (34.0, -96.0), (34.0, -62.0)],
        roof,
        1.0,
    );
    pen.shaded(
        &[(-48.0, 2.0), (-48.0, -44.0), (48.0, -44.0), (48.0, 2.0)],
        (-48.0, 0.0, wall),
        (48.0, 0.0, scale(wall, 0.6)),
    );
    let snow = if stage.scene.weather.snow_ground {
        [0.6, 0.66, 0.78]
    } else {
        roof
    };
    pen.shaded(
        &[(-58.0, -41.0), (-34.0, -80.0), (34.0, -80.0), (58.0, -41.0)],
        (0.0, -80.0, mix(add(roof, palette.glow, 0.05), snow, 0.7)),
        (0.0, -40.0, mix(roof, snow, 0.6)),
    );
    let pane = mix(scale(palette.near, 1.4), palette.lamp, 0.15 + 0.85 * lamp);
    for wx in [-34.0, 18.0] {
        pen.polygon(
            &[
                (wx, -14.0),
                (wx, -33.0),
                (wx + 16.0, -33.0),
                (wx + 16.0, -14.0),
            ],
            pane,
            1.0,
        );
        pen.line(&[(wx + 8.0, -14.0), (wx + 8.0, -33.0)], 1.0, wall, 1.0);
        pen.line(&[(wx, -23.5), (wx + 16.0, -23.5)], 1.0, wall, 1.0);
    }
    pen.polygon(
        &[(-8.0, 2.0), (-8.0, -30.0), (8.0, -30.0), (8.0, 2.0)],
        scale(roof, 0.8),
        1.0,
    );
    pen.plain();
    for puff in 0..9 {
        let t = puff as f32 / 9.0;
        let drift = stage.rng.range(-6.0, 6.0) * k;
        pen.soft(
            x + 28.0 * k + (t * 46.0 + 6.0 * (t * 9.0).sin()) * k + drift,
            y - (100.0 + 85.0 * t) * k,
            (7.0 + 17.0 * t) * k,
            palette.haze,
            0.30 * (1.0 - t),
        );
    }
    canvas.over(pen.layer());
    for wx in [-26.0, 26.0] {
        canvas.glow(
            x + wx * k,
            y - 23.0 * k,
            26.0 * k,
            palette.lamp,
            0.42 * lamp,
        );
    }
}

/// A flock, near ones larger: two curved wings each.
pub fn birds(
    canvas: &mut Canvas,
    stage: &mut Stage,
    count: usize,
    top: f32,
    bottom: f32,
    size: f32,
) {
    let colour = mix(stage.palette.near, stage.palette.haze, 0.22);
    let centre = stage.rng.range(380.0, 900.0);
    let mut pen = Pen::new();
    for _ in 0..count {
        let spread = stage.rng.range(-1.0, 1.0) + stage.rng.range(-1.0, 1.0);
        let (x, y) = (centre + spread * 210.0, stage.rng.range(top, bottom));
        let wing = size * stage.rng.range(0.35, 1.15);
        let (lift, dip) = (stage.rng.range(0.15, 0.75), stage.rng.range(0.06, 0.2));
        pen.at(x, y, wing, stage.rng.range(-18.0, 18.0));
        for side in [-1.0f32, 1.0] {
            pen.shape(colour, 1.0, |p| {
                p.move_to(0.0, 0.06);
                p.quad_to(side * 0.35, -lift, side * 1.0, -lift * 0.45 + dip * 0.3);
                p.quad_to(side * 0.42, -lift * 0.62, 0.0, 0.20);
                p.close();
            });
        }
        pen.ellipse(0.0, 0.11, 0.08, 0.17, colour, 1.0);
    }
    canvas.over(pen.layer());
}

/// Flames standing at (x, y), with their light on what is around.
pub fn fire(canvas: &mut Canvas, stage: &Stage, x: f32, y: f32, size: f32) {
    let seed = stage.scene.seed as u32;
    canvas.glow(x, y - size * 0.3, size * 2.6, [1.0, 0.38, 0.08], 0.45);
    canvas.glow(x, y, size * 1.2, [1.0, 0.45, 0.12], 0.5);
    let mut pen = Pen::new();
    for (dx, turn) in [(-0.5f32, 12.0), (0.45, -14.0), (0.0, 3.0)] {
        pen.at(x + dx * size * 0.2, y, size, turn).line(
            &[(-0.42, 0.02), (0.42, -0.02)],
            0.09,
            [0.02, 0.012, 0.01],
            1.0,
        );
    }
    canvas.over(pen.layer());
    canvas.shade(
        (y - size * 1.5).max(0.0) as usize,
        (y + size * 0.2).max(0.0) as usize,
        |px, py, old| {
            let (u, v) = ((px - x) / size, (y - py) / size);
            let lick = fbm(u * 2.2 + 5.0, v * 1.7 - 3.0, 3, seed ^ 0xf1e) - 0.5;
            let width = 0.46 * (1.0 - v / 1.35).max(0.0).powf(0.85) * smoothstep(-0.12, 0.2, v);
            let heat = 1.0 - (u + lick * 0.9 * v).abs() / width.max(0.001);
            if heat <= 0.0 || v < -0.12 {
                return old;
            }
            let core = smoothstep(0.0, 0.9, heat);
            let flame: Rgb = mix([0.95, 0.16, 0.02], [1.5, 1.05, 0.42], core);
            mix(
                old,
                flame,
                smoothstep(0.0, 0.28, heat) * (0.65 + 0.35 * core),
            )
        },
    );
}
