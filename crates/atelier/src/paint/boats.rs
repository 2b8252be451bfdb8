//! Boats and ships.

use super::Stage;
use super::canvas::{Canvas, add, hex, mix, scale};
use super::pen::Pen;

/// A small open boat, with a mast when `sail`, floating at (x, y).
pub fn boat(
    canvas: &mut Canvas,
    stage: &mut Stage,
    x: f32,
    y: f32,
    size: f32,
    sail: bool,
    crew: bool,
) {
    let palette = stage.palette.clone();
    let tilt = if stage.scene.calm {
        1.0
    } else {
        stage.rng.range(-7.0, 7.0)
    };
    let wood = mix(scale(palette.near, 1.1), [0.20, 0.09, 0.04], 0.35);
    let wood = match stage.scene.hull {
        Some(code) => mix(hex(code), palette.near, 0.35),
        None => wood,
    };
    let mut pen = Pen::new();
    pen.at(x, y, size / 100.0, tilt);
    if sail {
        let canvas_colour = mix(
            mix(palette.horizon, [0.9, 0.86, 0.78], 0.4),
            palette.near,
            0.25,
        );
        pen.line(
            &[(-2.0, -12.0), (0.0, -118.0)],
            2.2,
            scale(palette.near, 0.8),
            1.0,
        );
        pen.shaded_shape(
            (0.0, -110.0, canvas_colour),
            (40.0, -20.0, scale(canvas_colour, 0.5)),
            |p| {
                p.move_to(1.5, -114.0);
                p.quad_to(38.0, -70.0, 44.0, -22.0);
                p.quad_to(22.0, -26.0, 0.5, -20.0);
                p.close();
            },
        );
        pen.shaded_shape(
            (-6.0, -100.0, scale(canvas_colour, 0.9)),
            (-34.0, -20.0, scale(canvas_colour, 0.42)),
            |p| {
                p.move_to(-2.5, -100.0);
                p.quad_to(-22.0, -55.0, -42.0, -19.0);
                p.quad_to(-20.0, -22.0, -3.5, -22.0);
                p.close();
            },
        );
    }
    if crew {
        pen.ellipse(-8.0, -35.0, 4.6, 5.4, palette.near, 1.0);
        pen.shape(palette.near, 1.0, |p| {
            p.move_to(-18.0, -8.0);
            p.quad_to(-17.0, -31.0, -8.0, -31.0);
            p.quad_to(2.0, -30.0, 4.0, -8.0);
            p.close();
        });
        if !sail {
            pen.line(&[(0.0, -22.0), (52.0, 6.0)], 1.8, palette.near, 1.0);
        }
    }
    pen.shaded_shape(
        (0.0, -15.0, add(wood, palette.glow, 0.07)),
        (0.0, 10.0, scale(wood, 0.35)),
        |p| {
            p.move_to(-56.0, -19.0);
            p.quad_to(-20.0, -9.0, 10.0, -10.0);
            p.quad_to(42.0, -12.0, 60.0, -23.0);
            p.quad_to(50.0, 2.0, 34.0, 11.0);
            p.line_to(-34.0, 11.0);
            p.quad_to(-50.0, 4.0, -56.0, -19.0);
            p.close();
        },
    );
    pen.curve(
        (-56.0, -19.0),
        (4.0, -3.0),
        (60.0, -23.0),
        1.4,
        add(wood, palette.glow, 0.25),
        0.8,
    );
    canvas.over(pen.layer());
}

/// A three-master on the horizon or near it.
pub fn ship(canvas: &mut Canvas, stage: &mut Stage, x: f32, y: f32, size: f32) {
    let palette = stage.palette.clone();
    let hull = mix(palette.near, palette.haze, 0.12);
    let sailcloth = mix(
        mix(palette.horizon, [0.85, 0.8, 0.72], 0.4),
        palette.near,
        0.45,
    );
    let mut pen = Pen::new();
    pen.at(
        x,
        y,
        size / 100.0,
        if stage.scene.calm {
            0.0
        } else {
            stage.rng.range(-4.0, 4.0)
        },
    );
    for (mast, tall) in [(-42.0f32, 96.0f32), (0.0, 122.0), (40.0, 100.0)] {
        pen.line(&[(mast, -10.0), (mast, -tall)], 2.0, hull, 1.0);
        for tier in 0..3 {
            let top = -tall + 8.0 + tier as f32 * tall * 0.27;
            let (half, deep) = (11.0 + tier as f32 * 4.5, tall * 0.23);
            pen.shaded_shape(
                (mast - half, top, sailcloth),
                (mast + half, top + deep, scale(sailcloth, 0.45)),
                |p| {
                    p.move_to(mast - half * 0.8, top);
                    p.line_to(mast + half * 0.8, top);
                    p.quad_to(mast + half * 1.5, top + deep * 0.6, mast + half, top + deep);
                    p.quad_to(mast, top + deep * 0.85, mast - half, top + deep);
                    p.quad_to(mast - half * 0.5, top + deep * 0.5, mast - half * 0.8, top);
                    p.close();
                },
            );
        }
    }
    pen.line(&[(70.0, -16.0), (108.0, -38.0)], 1.8, hull, 1.0);
    pen.line(&[(40.0, -96.0), (106.0, -37.0)], 0.5, hull, 1.0);
    pen.line(&[(-42.0, -96.0), (-80.0, -20.0)], 0.5, hull, 1.0);
    pen.shape(hull, 1.0, |p| {
        p.move_to(-84.0, -26.0);
        p.line_to(-62.0, -22.0);
        p.quad_to(0.0, -8.0, 80.0, -20.0);
        p.quad_to(66.0, 6.0, 52.0, 12.0);
        p.line_to(-66.0, 12.0);
        p.quad_to(-80.0, 0.0, -84.0, -26.0);
        p.close();
    });
    canvas.over(pen.layer());
}
