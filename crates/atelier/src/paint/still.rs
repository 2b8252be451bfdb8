//! Still lifes: one object near, out-of-focus lights behind it.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, Rgb, add, mix, scale};
use super::noise::{fbm, smoothstep};
use super::pen::Pen;
use super::scene::Subject;

pub fn paint(canvas: &mut Canvas, stage: &mut Stage) {
    let palette = stage.palette.clone();
    let seed = stage.scene.seed as u32;
    let back = mix(scale(palette.middle, 0.16), scale(palette.near, 0.8), 0.5);
    let warm = mix(scale(palette.lamp, 0.20), back, 0.35);
    let x = 640.0 + stage.rng.range(-150.0, 150.0);
    canvas.shade(0, HEIGHT, |px, py, _| {
        let d = (((px - x) / 620.0).powi(2) + ((py - 330.0) / 430.0).powi(2)).sqrt();
        let cloud = fbm(px / 340.0, py / 280.0, 3, seed) - 0.5;
        mix(warm, back, smoothstep(0.0, 1.25, d + cloud * 0.35))
    });
    bokeh(canvas, stage);
    let table = 590.0;
    canvas.shade(table as usize, HEIGHT, |px, py, _| {
        let d = (py - table) / (HEIGHT as f32 - table);
        let grain = fbm(px / 210.0, py * 0.20, 4, seed ^ 0x71) - 0.5;
        let fine = fbm(px / 34.0, py * 0.9, 2, seed ^ 0x72) - 0.5;
        let wood = scale([0.16, 0.075, 0.03], 0.5 + grain * 0.8 + fine * 0.2);
        let lit = (-((px - x) / (260.0 + 260.0 * d)).powi(2)).exp();
        let ambient = scale(back, 0.55);
        add(
            add(ambient, wood, 0.25),
            mix(wood, palette.lamp, 0.18),
            lit * (1.35 - 0.7 * d),
        )
    });
    let size = 500.0;
    if stage.scene.has(Subject::Candle) {
        candle(canvas, stage, x, table + 34.0, size * 0.72);
    } else if stage.scene.has(Subject::Lamp) {
        oil_lamp(canvas, stage, x, table + 44.0, size, 1.0);
    } else {
        book(canvas, stage, x, table + 50.0, size);
        candle(
            canvas,
            stage,
            x + if x > 640.0 { -330.0 } else { 330.0 },
            table + 12.0,
            size * 0.5,
        );
    }
    dust(canvas, stage, x);
}

/// Discs of light as an open lens makes them.
fn bokeh(canvas: &mut Canvas, stage: &mut Stage) {
    let mut pen = Pen::new();
    pen.plain();
    for index in 0..26 {
        let radius = stage.rng.range(14.0, 64.0);
        let (x, y) = (stage.rng.range(-30.0, 1310.0), stage.rng.range(20.0, 560.0));
        let cool = stage.rng.chance(0.35);
        let tone = if cool {
            mix(stage.palette.middle, stage.palette.horizon, 0.4)
        } else {
            mix(
                stage.palette.lamp,
                stage.palette.horizon,
                stage.rng.range(0.0, 0.5),
            )
        };
        let alpha = stage.rng.range(0.03, 0.14);
        pen.ellipse(x, y, radius, radius, tone, alpha);
        if index % 2 == 0 {
            pen.ellipse(x, y, radius * 0.86, radius * 0.86, tone, alpha * 0.35);
        }
    }
    canvas.over(pen.layer());
}

/// Motes in the light.
fn dust(canvas: &mut Canvas, stage: &mut Stage, x: f32) {
    let mut pen = Pen::new();
    pen.plain();
    for _ in 0..70 {
        let (px, py) = (
            x + stage.rng.range(-430.0, 430.0),
            stage.rng.range(60.0, 600.0),
        );
        let near = (-(((px - x) / 300.0).powi(2))).exp();
        pen.soft(
            px,
            py,
            stage.rng.range(1.2, 3.6),
            stage.palette.lamp,
            0.5 * near,
        );
    }
    canvas.over(pen.layer());
}

/// An oil lamp with a brass font and a glass chimney, standing at (x, y).
pub fn oil_lamp(canvas: &mut Canvas, stage: &Stage, x: f32, y: f32, height: f32, burning: f32) {
    let k = height / 200.0;
    let flame_y = y - 98.0 * k;
    let lamp = stage.palette.lamp;
    let (brass, bright, deep): (Rgb, Rgb, Rgb) =
        ([0.52, 0.24, 0.045], [1.0, 0.66, 0.22], [0.05, 0.018, 0.004]);
    canvas.glow(x, flame_y, 190.0 * k, lamp, 0.34 * burning);
    let mut pen = Pen::new();
    pen.at(x, y, k, 0.0);
    pen.ellipse(0.0, 1.0, 54.0, 7.0, [0.0, 0.0, 0.0], 0.55);
    // Foot, stem, font.
    let metal = [(-40.0, 0.0, 40.0, 0.0)];
    for &(fx, fy, tx, ty) in &metal {
        pen.shaded_shape((fx, fy, deep), (tx, ty, scale(brass, 0.7)), |p| {
            p.move_to(-40.0, 0.0);
            p.quad_to(-36.0, -8.0, -14.0, -12.0);
            p.quad_to(-9.0, -20.0, -9.0, -28.0);
            p.line_to(9.0, -28.0);
            p.quad_to(9.0, -20.0, 14.0, -12.0);
            p.quad_to(36.0, -8.0, 40.0, 0.0);
            p.quad_to(0.0, 6.0, -40.0, 0.0);
            p.close();
        });
        pen.shaded_shape(
            (0.0, -66.0, mix(brass, bright, 0.5)),
            (0.0, -26.0, deep),
            |p| {
                p.move_to(-12.0, -27.0);
                p.quad_to(-36.0, -32.0, -37.0, -47.0);
                p.quad_to(-36.0, -62.0, -15.0, -66.0);
                p.line_to(15.0, -66.0);
                p.quad_to(36.0, -62.0, 37.0, -47.0);
                p.quad_to(36.0, -32.0, 12.0, -27.0);
                p.close();
            },
        );
    }
    pen.curve(
        (-30.0, -54.0),
        (-24.0, -62.0),
        (-12.0, -63.5),
        2.6,
        bright,
        0.75,
    );
    pen.curve(
        (-31.0, -40.0),
        (-26.0, -32.0),
        (-14.0, -29.5),
        1.4,
        bright,
        0.3,
    );
    pen.curve(
        (28.0, -56.0),
        (32.0, -50.0),
        (32.0, -44.0),
        1.6,
        bright,
        0.4,
    );
    // Collar and burner.
    pen.shaded(
        &[(-15.0, -66.0), (-13.0, -75.0), (13.0, -75.0), (15.0, -66.0)],
        (-15.0, -70.0, bright),
        (15.0, -70.0, deep),
    );
    pen.shaded(
        &[(-19.0, -75.0), (-17.0, -82.0), (17.0, -82.0), (19.0, -75.0)],
        (-19.0, -78.0, brass),
        (19.0, -78.0, deep),
    );
    pen.line(&[(17.0, -71.0), (30.0, -71.0)], 2.0, brass, 1.0);
    pen.ellipse(32.0, -71.0, 4.2, 4.2, mix(brass, bright, 0.3), 1.0);
    canvas.over(pen.layer());
    flame(canvas, stage, x, y - 82.0 * k, 32.0 * k, burning);
    let mut glass = Pen::new();
    glass.at(x, y, k, 0.0);
    let outline = |p: &mut tiny_skia::PathBuilder| {
        p.move_to(-15.0, -82.0);
        p.quad_to(-30.0, -100.0, -22.0, -120.0);
        p.quad_to(-13.0, -142.0, -12.5, -190.0);
        p.line_to(12.5, -190.0);
        p.quad_to(13.0, -142.0, 22.0, -120.0);
        p.quad_to(30.0, -100.0, 15.0, -82.0);
        p.close();
    };
    glass.shape(lamp, 0.10 * burning, outline);
    glass.outline(0.9, [1.0, 0.86, 0.62], 0.42, outline);
    glass.curve(
        (-20.5, -98.0),
        (-23.5, -108.0),
        (-18.0, -121.0),
        2.0,
        [1.0, 0.93, 0.8],
        0.55,
    );
    glass.curve(
        (-12.0, -140.0),
        (-10.4, -158.0),
        (-10.2, -182.0),
        1.2,
        [1.0, 0.95, 0.85],
        0.34,
    );
    glass.line(
        &[(-12.5, -190.0), (12.5, -190.0)],
        1.4,
        [1.0, 0.92, 0.8],
        0.45,
    );
    canvas.over(glass.layer());
    canvas.glow(x, flame_y, 46.0 * k, lamp, 0.55 * burning);
}

/// One flame, its foot at (x, y).
pub fn flame(canvas: &mut Canvas, stage: &Stage, x: f32, y: f32, height: f32, burning: f32) {
    let seed = stage.scene.seed as u32;
    canvas.shade(
        (y - height * 1.4).max(0.0) as usize,
        (y + height * 0.2).max(0.0) as usize,
        |px, py, old| {
            let v = (y - py) / height;
            if !(-0.1..=1.35).contains(&v) {
                return old;
            }
            let sway = (fbm(v * 1.7, 2.0, 2, seed) - 0.5) * 0.34 * v;
            let u = (px - x) / height - sway;
            let profile = 0.25
                * (1.0 - ((v - 0.30) / 0.78).powi(2)).max(0.0).powf(0.8)
                * (1.0 - 0.45 * v.max(0.0));
            let heat = 1.0 - u.abs() / profile.max(0.001);
            if heat <= 0.0 {
                return old;
            }
            let core = smoothstep(0.0, 0.75, heat);
            let body: Rgb = mix([1.0, 0.34, 0.04], [1.9, 1.45, 0.72], core);
            let blue = smoothstep(0.22, -0.02, v);
            mix(
                old,
                mix(body, [0.10, 0.16, 0.5], blue * 0.7),
                smoothstep(0.0, 0.3, heat) * burning,
            )
        },
    );
}

fn candle(canvas: &mut Canvas, stage: &Stage, x: f32, y: f32, height: f32) {
    let k = height / 200.0;
    let lamp = stage.palette.lamp;
    canvas.glow(x, y - 150.0 * k, 210.0 * k, lamp, 0.36);
    let mut pen = Pen::new();
    pen.at(x, y, k, 0.0);
    pen.ellipse(0.0, 2.0, 62.0, 9.0, [0.0, 0.0, 0.0], 0.5);
    pen.shaded_shape(
        (-56.0, 0.0, [0.30, 0.17, 0.05]),
        (56.0, 0.0, [0.03, 0.014, 0.004]),
        |p| {
            p.move_to(-56.0, -6.0);
            p.quad_to(-40.0, 8.0, 0.0, 8.0);
            p.quad_to(40.0, 8.0, 56.0, -6.0);
            p.quad_to(0.0, 2.0, -56.0, -6.0);
            p.close();
        },
    );
    let (top, foot) = ([1.0, 0.62, 0.28], [0.24, 0.13, 0.07]);
    pen.shaded_shape((0.0, -132.0, top), (0.0, -4.0, foot), |p| {
        p.move_to(-19.0, 0.0);
        p.line_to(-18.5, -126.0);
        p.quad_to(-12.0, -134.0, 0.0, -131.0);
        p.quad_to(12.0, -135.0, 18.5, -127.0);
        p.line_to(19.0, 0.0);
        p.close();
    });
    pen.curve(
        (15.5, -125.0),
        (19.0, -108.0),
        (16.0, -92.0),
        4.0,
        mix(top, foot, 0.35),
        1.0,
    );
    pen.curve(
        (0.0, -130.0),
        (1.0, -137.0),
        (0.0, -142.0),
        1.8,
        [0.01, 0.008, 0.006],
        1.0,
    );
    canvas.over(pen.layer());
    flame(canvas, stage, x, y - 137.0 * k, 46.0 * k, 1.0);
    canvas.glow(x, y - 158.0 * k, 44.0 * k, lamp, 0.6);
}

/// An open book, lines of writing on its pages.
fn book(canvas: &mut Canvas, stage: &mut Stage, x: f32, y: f32, size: f32) {
    let k = size / 200.0;
    let mut pen = Pen::new();
    pen.at(x, y, k, -3.0);
    let (paper, shade) = ([0.80, 0.62, 0.40], [0.34, 0.22, 0.12]);
    pen.ellipse(0.0, 6.0, 128.0, 13.0, [0.0, 0.0, 0.0], 0.5);
    for side in [-1.0f32, 1.0] {
        pen.shaded_shape((0.0, -30.0, shade), (side * 110.0, -30.0, paper), |p| {
            p.move_to(0.0, -4.0);
            p.quad_to(side * 40.0, -20.0, side * 116.0, -2.0);
            p.line_to(side * 92.0, -60.0);
            p.quad_to(side * 36.0, -76.0, 0.0, -56.0);
            p.close();
        });
        for row in 0..8 {
            let t = row as f32 / 8.0;
            let (y0, reach) = (-14.0 - 41.0 * t, 96.0 - 20.0 * t);
            let end = reach * stage.rng.range(0.72, 1.0);
            pen.curve(
                (side * 13.0, y0 - 2.0),
                (side * 48.0, y0 - 11.0),
                (side * end, y0 - 1.0),
                1.0,
                [0.05, 0.03, 0.02],
                0.55,
            );
        }
    }
    canvas.over(pen.layer());
}
