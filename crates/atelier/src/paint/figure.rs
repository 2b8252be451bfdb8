//! People as silhouettes, from far figures to a near head and shoulders.

use super::Stage;
use super::canvas::{Canvas, Rgb, add, mix, scale};
use super::pen::Pen;
use super::scene::Subject;

/// What a figure does with its arms and legs.
#[derive(Clone, Copy, PartialEq)]
pub enum Pose {
    Standing,
    Walking,
}

/// A figure in a long coat.
#[derive(Clone, Copy)]
pub struct Figure {
    pub height: f32,
    pub flip: bool,
    pub pose: Pose,
    pub hat: bool,
    pub colour: Rgb,
    /// The light's edge on it.
    pub rim: Rgb,
}

/// Draws a figure with its feet at (x, y).
pub fn draw(pen: &mut Pen, x: f32, y: f32, figure: Figure) {
    // Units: the figure is 100 tall.
    let k = figure.height / 100.0;
    for (offset, tone) in [(0.9f32, figure.rim), (0.0, figure.colour)] {
        pen.facing(x + offset * k.max(0.5), y, k, figure.flip);
        body(pen, figure.pose, figure.hat, tone);
    }
}

fn body(pen: &mut Pen, pose: Pose, hat: bool, tone: Rgb) {
    let stride = if pose == Pose::Walking { 9.0 } else { 2.6 };
    for side in [-1.0f32, 1.0] {
        pen.shape(tone, 1.0, |p| {
            p.move_to(side * 1.0 - 4.2, -46.0);
            p.line_to(side * stride - 3.0, -3.0);
            p.line_to(side * stride - 3.0, 0.0);
            p.line_to(side * stride + 5.4, 0.0);
            p.line_to(side * stride + 2.6, -4.0);
            p.line_to(side * 1.0 + 4.2, -46.0);
            p.close();
        });
    }
    // Coat.
    pen.shape(tone, 1.0, |p| {
        p.move_to(-3.2, -84.0);
        p.quad_to(-10.5, -82.5, -11.6, -72.0);
        p.line_to(-9.4, -50.0);
        p.quad_to(-11.5, -36.0, -11.0 - stride * 0.35, -25.0);
        p.quad_to(0.0, -22.0, 10.5 + stride * 0.25, -26.0);
        p.quad_to(10.5, -40.0, 9.0, -50.0);
        p.line_to(11.2, -72.0);
        p.quad_to(10.0, -82.5, 3.2, -84.0);
        p.close();
    });
    // Arms.
    let swing = if pose == Pose::Walking { 6.0 } else { 1.0 };
    pen.curve(
        (-9.4, -78.0),
        (-14.0, -62.0),
        (-12.5 - swing * 0.6, -46.0),
        4.6,
        tone,
        1.0,
    );
    pen.curve(
        (9.2, -78.0),
        (14.0, -64.0),
        (13.5 + swing, -50.0),
        4.6,
        tone,
        1.0,
    );
    // Neck and head.
    pen.polygon(
        &[(-2.6, -82.0), (-2.4, -89.0), (2.6, -89.0), (2.8, -82.0)],
        tone,
        1.0,
    );
    pen.ellipse(0.4, -92.4, 5.2, 6.6, tone, 1.0);
    if hat {
        pen.shape(tone, 1.0, |p| {
            p.move_to(-6.6, -94.5);
            p.quad_to(-5.5, -101.5, 0.6, -101.5);
            p.quad_to(6.2, -101.2, 6.6, -95.6);
            p.line_to(10.4, -94.2);
            p.quad_to(2.0, -92.6, -6.6, -94.5);
            p.close();
        });
    } else {
        pen.shape(tone, 1.0, |p| {
            p.move_to(-5.6, -90.0);
            p.quad_to(-8.0, -100.5, 0.6, -100.4);
            p.quad_to(6.4, -100.2, 5.8, -93.0);
            p.quad_to(2.0, -96.0, -2.0, -94.0);
            p.quad_to(-4.8, -90.0, -5.0, -84.5);
            p.close();
        });
    }
}

/// The people of the scene standing about (x, y).
pub fn people(canvas: &mut Canvas, stage: &mut Stage, x: f32, y: f32, height: f32, lantern: bool) {
    let Some(who) = stage.scene.person() else {
        return;
    };
    let colour = scale(stage.palette.near, 0.55);
    let rim = mix(
        colour,
        add(stage.palette.haze, stage.palette.glow, 0.3),
        0.42,
    );
    let flip = stage.rng.chance(0.5);
    let hat = stage.rng.chance(0.6);
    let pose = if stage.rng.chance(0.5) {
        Pose::Walking
    } else {
        Pose::Standing
    };
    let mut pen = Pen::new();
    let height = if who == Subject::Child {
        height * 0.66
    } else {
        height
    };
    let figure = Figure {
        height,
        flip,
        pose,
        hat,
        colour,
        rim,
    };
    draw(&mut pen, x, y, figure);
    if who == Subject::Pair {
        let other = Figure {
            height: height * 0.92,
            flip: !flip,
            hat: !hat,
            ..figure
        };
        draw(&mut pen, x + height * 0.36, y + height * 0.015, other);
    }
    let hand = (
        x + if flip { -0.145 } else { 0.145 } * height,
        y - height * 0.48,
    );
    if lantern {
        self::lantern(
            &mut pen,
            hand.0,
            hand.1,
            height * 0.0042,
            stage.palette.lamp,
        );
    }
    canvas.over(pen.layer());
    if lantern {
        let centre = hand.1 + height * 0.07;
        canvas.glow(hand.0, centre, height * 0.9, stage.palette.lamp, 0.22);
        canvas.glow(hand.0, centre, height * 0.2, stage.palette.lamp, 0.9);
        canvas.glow(hand.0, centre, height * 0.05, [1.0, 0.9, 0.65], 1.6);
    }
}

/// A small hand lantern hanging from (x, y).
pub fn lantern(pen: &mut Pen, x: f32, y: f32, k: f32, lamp: Rgb) {
    pen.at(x, y, k, 0.0);
    let iron = [0.008, 0.007, 0.006];
    pen.curve((-5.0, 8.0), (0.0, -8.0), (5.0, 8.0), 1.2, iron, 1.0);
    pen.polygon(
        &[(-6.0, 10.0), (-3.0, 6.0), (3.0, 6.0), (6.0, 10.0)],
        iron,
        1.0,
    );
    pen.polygon(
        &[(-5.0, 10.0), (-5.0, 24.0), (5.0, 24.0), (5.0, 10.0)],
        lamp,
        1.0,
    );
    pen.line(&[(0.0, 10.0), (0.0, 24.0)], 1.0, iron, 1.0);
    pen.polygon(
        &[(-6.5, 24.0), (-6.5, 27.5), (6.5, 27.5), (6.5, 24.0)],
        iron,
        1.0,
    );
}

/// Head and shoulders, large, seen against the light.
pub fn bust(canvas: &mut Canvas, stage: &mut Stage) {
    let rim_side = if stage.light.x < 640.0 { -1.0f32 } else { 1.0 };
    let x = 640.0 - rim_side * stage.rng.range(60.0, 170.0);
    let child = stage.scene.person() == Some(Subject::Child);
    let k = if child { 3.5 } else { 4.4 };
    let y = 725.0;
    let colour = scale(stage.palette.near, 0.6);
    let edge = add(
        mix(stage.palette.horizon, stage.palette.glow, 0.6),
        stage.palette.lamp,
        0.1,
    );
    let hat = !child && stage.rng.chance(0.55);
    let mut pen = Pen::new();
    // The light's edge first, then the dark body a little off it.
    for (shift, tone) in [
        (1.35 * rim_side, scale(edge, 0.95)),
        (0.7 * rim_side, mix(edge, colour, 0.55)),
        (0.0, colour),
    ] {
        pen.facing(x + shift * k, y, k, rim_side > 0.0);
        pen.shape(tone, 1.0, |p| {
            p.move_to(-64.0, 4.0);
            p.quad_to(-60.0, -32.0, -34.0, -39.0);
            p.quad_to(-15.0, -44.0, -12.0, -51.0);
            p.line_to(-12.0, -62.0);
            p.quad_to(-23.0, -72.0, -22.0, -92.0);
            p.quad_to(-20.0, -117.0, 3.0, -117.0);
            p.quad_to(24.0, -116.0, 23.0, -93.0);
            // Brow, nose, mouth and chin of a head turned a little aside.
            p.quad_to(23.0, -89.0, 24.0, -86.0);
            p.quad_to(28.6, -79.0, 27.4, -77.4);
            p.quad_to(25.4, -76.4, 24.2, -75.8);
            p.quad_to(25.2, -72.6, 23.6, -70.6);
            p.quad_to(24.0, -63.5, 18.0, -61.6);
            p.quad_to(13.4, -60.8, 11.4, -58.0);
            p.line_to(11.8, -50.0);
            p.quad_to(15.0, -43.0, 34.0, -38.0);
            p.quad_to(60.0, -31.0, 64.0, 4.0);
            p.close();
        });
        if hat {
            pen.shape(tone, 1.0, |p| {
                p.move_to(-27.0, -96.0);
                p.quad_to(-27.0, -125.0, 2.0, -126.0);
                p.quad_to(27.0, -124.0, 27.0, -98.0);
                p.quad_to(38.0, -94.0, 40.0, -90.0);
                p.quad_to(16.0, -93.0, -27.0, -92.0);
                p.close();
            });
        } else {
            pen.shape(tone, 1.0, |p| {
                p.move_to(-19.0, -62.0);
                p.quad_to(-31.0, -82.0, -25.0, -103.0);
                p.quad_to(-16.0, -125.0, 6.0, -122.0);
                p.quad_to(27.0, -118.0, 24.0, -96.0);
                p.quad_to(8.0, -112.0, -6.0, -96.0);
                p.quad_to(-8.0, -76.0, -19.0, -62.0);
                p.close();
            });
        }
    }
    canvas.over(pen.layer());
    canvas.glow(
        x + rim_side * 34.0 * k,
        y - 82.0 * k,
        240.0,
        stage.palette.glow,
        0.12,
    );
}
