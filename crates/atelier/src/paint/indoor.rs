//! Indoors: the spiral stair seen upwards, and a room with a window.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, Rgb, add, mix, scale};
use super::figure::{self, Figure, Pose};
use super::noise::{fbm, lattice, smoothstep};
use super::pen::Pen;
use super::things::lamp_strength;
use std::f32::consts::TAU;

/// A stair winding up towards a lit opening: turns of steps on a logarithmic spiral.
pub fn stair(canvas: &mut Canvas, stage: &mut Stage) {
    let cx = 640.0 + stage.rng.range(-70.0, 70.0);
    let cy = 300.0 + stage.rng.range(-25.0, 25.0);
    let spin = if stage.rng.chance(0.5) { 1.0 } else { -1.0 };
    let phase = stage.rng.range(0.0, TAU);
    let seed = stage.scene.seed as u32;
    let palette = stage.palette.clone();
    let sky = mix(palette.low, palette.horizon, 0.5);
    let stone = mix([0.36, 0.26, 0.19], palette.haze, 0.30);
    let dark = mix(scale(stone, 0.045), scale(palette.zenith, 0.10), 0.5);
    let warm_at = (cx - spin * 250.0, cy + 215.0);
    const STEPS: f32 = 22.0;
    canvas.shade(0, HEIGHT, |x, y, _| {
        let (dx, dy) = ((x - cx) / 720.0, (y - cy) / 720.0 * 1.06);
        let r = (dx * dx + dy * dy).sqrt().max(0.0015);
        let angle = spin * dy.atan2(dx) + phase;
        let turn = angle / TAU;
        let depth = -(r * 1.25).ln() * 0.78;
        let wind = depth - turn;
        let ring = wind.floor();
        let f = wind - ring;
        // `total` grows along the ribbon from the viewer up to the opening.
        let total = ring + turn;
        let step = (turn * STEPS).floor();
        let within = turn * STEPS - step;
        let up = (-r * 5.2).exp();
        let lit_by_sky = 0.05 + 0.95 * up;
        let warm = (-(((x - warm_at.0).powi(2) + (y - warm_at.1).powi(2)) / 62_000.0)).exp();
        let texture = fbm(angle * 9.0, depth * 15.0, 4, seed) - 0.5;
        let mut colour = if f < 0.60 {
            // Underside of the steps: each a little darker towards its back edge.
            let shade = 0.42
                + 0.58 * within
                + 0.16 * (lattice(step as i32, (total * 1.0) as i32, seed) - 0.5);
            let edge = smoothstep(0.0, 0.07, within) * smoothstep(1.0, 0.955, within);
            let tread = scale(stone, shade * (0.35 + 0.65 * edge) * (1.0 + texture * 0.5));
            // The outer end meets the wall in shadow.
            scale(tread, smoothstep(0.60, 0.44, f) * 0.75 + 0.25)
        } else {
            let brick_row = ((depth * 26.0).floor() as i32) & 1;
            let brick = ((angle * 15.0 + brick_row as f32 * 0.5).fract() - 0.5)
                .abs()
                .mul_add(2.0, 0.0);
            let joint =
                smoothstep(0.99, 0.93, brick) * smoothstep(0.0, 0.1, (depth * 26.0).fract());
            scale(
                stone,
                (0.30 + 0.14 * joint + texture * 0.26) * smoothstep(1.02, 0.72, f),
            )
        };
        // The handrail: a bright line on the inner edge, balusters hanging behind it.
        let rail = smoothstep(0.035, 0.012, (f - 0.022).abs());
        let baluster = smoothstep(0.12, 0.05, ((turn * STEPS * 2.0).fract() - 0.5).abs())
            * smoothstep(0.0, 0.02, f)
            * smoothstep(0.15, 0.11, f);
        let mut light = add(scale(sky, lit_by_sky * 1.25), palette.lamp, warm * 1.15);
        light = add(light, palette.lamp, 0.05);
        colour = [
            colour[0] * light[0],
            colour[1] * light[1],
            colour[2] * light[2],
        ]
        .map(|v| v * 2.3);
        colour = add(colour, dark, 0.8);
        colour = mix(colour, scale(dark, 0.6), baluster * 0.75);
        colour = mix(
            colour,
            add(scale(sky, 0.22 * up.sqrt()), palette.lamp, 0.40 * warm),
            rail * 0.85,
        );
        let opening = smoothstep(0.062, 0.050, r);
        let air = (-r * 9.5).exp() * 0.55;
        add(mix(colour, scale(sky, 1.35), opening), sky, air)
    });
    canvas.glow(cx, cy, 110.0, mix(sky, palette.lamp, 0.25), 0.28);
    if stage.scene.person().is_some() {
        let colour = [0.006, 0.005, 0.007];
        let rim = mix(colour, stage.palette.lamp, 0.55);
        let (x, y) = (warm_at.0 - spin * 55.0, warm_at.1 + 135.0);
        let mut pen = Pen::new();
        let climber = Figure {
            height: 250.0,
            flip: spin < 0.0,
            pose: Pose::Walking,
            hat: true,
            colour,
            rim,
        };
        figure::draw(&mut pen, x, y, climber);
        let hand = (x + spin * 46.0, y - 128.0);
        figure::lantern(&mut pen, hand.0, hand.1, 1.1, stage.palette.lamp);
        canvas.over(pen.layer());
        canvas.glow(hand.0, hand.1 + 18.0, 190.0, stage.palette.lamp, 0.20);
        canvas.glow(hand.0, hand.1 + 18.0, 46.0, stage.palette.lamp, 0.75);
        canvas.glow(hand.0, hand.1 + 18.0, 12.0, [1.0, 0.9, 0.65], 1.8);
    }
}

/// A room: the window shows the scene's sky and throws its light over the floor.
pub fn room(canvas: &mut Canvas, stage: &mut Stage) {
    stage.horizon = 470.0;
    stage.light.y = stage.light.y.min(360.0);
    super::sky::paint(canvas, stage, HEIGHT);
    super::land::hills(canvas, stage, 420.0, 60.0, 0.6, 3, None);
    super::land::hills(canvas, stage, 450.0, 50.0, 0.35, 4, None);
    let left = stage.rng.chance(0.5);
    let (x0, x1) = if left {
        (190.0, 560.0)
    } else {
        (720.0, 1090.0)
    };
    let (y0, y1) = (96.0, 430.0);
    let floor = 560.0;
    let seed = stage.scene.seed as u32;
    let palette = stage.palette.clone();
    let outside = mix(palette.low, palette.horizon, 0.5);
    let lamp = lamp_strength(stage);
    let plaster = mix([0.42, 0.33, 0.26], palette.haze, 0.25);
    let lean = if left { 0.75 } else { -0.75 };
    let bright = if lamp > 0.6 { 0.22 } else { 0.5 };
    canvas.shade(0, HEIGHT, |x, y, old| {
        let inside = smoothstep(x0 - 1.0, x0 + 1.0, x)
            * smoothstep(x1 + 1.0, x1 - 1.0, x)
            * smoothstep(y0 - 1.0, y0 + 1.0, y)
            * smoothstep(y1 + 1.0, y1 - 1.0, y);
        let cell = ((x - x0) / (x1 - x0) * 3.0, (y - y0) / (y1 - y0) * 3.0);
        let bars = smoothstep(0.035, 0.02, (cell.0 - cell.0.round()).abs())
            + smoothstep(0.032, 0.018, (cell.1 - cell.1.round()).abs());
        let frame = bars.min(1.0) * inside;
        let grain = fbm(x / 70.0, y / 50.0, 4, seed) - 0.5;
        let from_window = (-(((x - (x0 + x1) * 0.5) / 520.0).powi(2)
            + ((y - (y0 + y1) * 0.5) / 400.0).powi(2)))
        .exp();
        let mut surface = scale(plaster, 0.16 + 0.09 * grain);
        let mut light = scale(outside, bright * (0.15 + 0.5 * from_window));
        if y > floor {
            let d = (y - floor) / (HEIGHT as f32 - floor);
            let board = ((x - 640.0) / (60.0 + 90.0 * d)).fract().abs();
            let seam = smoothstep(0.0, 0.04, board) * smoothstep(1.0, 0.96, board);
            surface = scale(
                [0.30, 0.18, 0.10],
                (0.22 + 0.20 * seam) * (1.0 + grain * 0.8),
            );
            // The window's light on the floor, sheared away from it.
            let px = x - (y - floor) * lean * 1.9 - 60.0 * lean;
            let patch = smoothstep(x0 - 18.0, x0 + 18.0, px)
                * smoothstep(x1 + 18.0, x1 - 18.0, px)
                * smoothstep(0.02, 0.14, d)
                * smoothstep(0.98, 0.72, d);
            let pane = ((px - x0) / (x1 - x0) * 3.0, d * 3.0);
            let cross = smoothstep(0.03, 0.10, (pane.0 - pane.0.round()).abs())
                * smoothstep(0.03, 0.12, (pane.1 - pane.1.round()).abs());
            light = add(
                light,
                add(outside, palette.glow, 0.3),
                patch * cross * 1.7 * (0.5 + bright),
            );
        }
        light = add(
            light,
            palette.lamp,
            0.07 + 0.09 * lamp * (1.0 - from_window),
        );
        let wall: Rgb = [0, 1, 2].map(|c| surface[c] * light[c] * 2.6);
        let shadow = smoothstep(0.0, 60.0, (floor - y).abs());
        let wall = scale(wall, 0.55 + 0.45 * shadow);
        let out = mix(wall, scale(old, 0.92), inside * (1.0 - frame));
        let glow = from_window * 0.035 * bright * 2.0;
        add(out, outside, glow)
    });
    furniture(canvas, stage, left, floor, lamp);
}

fn furniture(canvas: &mut Canvas, stage: &mut Stage, left: bool, floor: f32, lamp: f32) {
    let outside = mix(stage.palette.low, stage.palette.horizon, 0.5);
    let wood = [0.012, 0.008, 0.006];
    let edge = add(scale(outside, 0.10), stage.palette.lamp, 0.05);
    let tx = if left { 860.0 } else { 420.0 };
    let mut pen = Pen::new();
    pen.plain();
    for leg in [-170.0f32, 158.0] {
        pen.polygon(
            &[
                (tx + leg, 540.0),
                (tx + leg + 14.0, 540.0),
                (tx + leg + 11.0, 690.0),
                (tx + leg + 3.0, 690.0),
            ],
            wood,
            1.0,
        );
    }
    pen.shaded(
        &[
            (tx - 200.0, 520.0),
            (tx + 200.0, 520.0),
            (tx + 200.0, 544.0),
            (tx - 200.0, 544.0),
        ],
        (
            tx - 200.0,
            520.0,
            if left { add(wood, edge, 0.8) } else { wood },
        ),
        (
            tx + 200.0,
            520.0,
            if left { wood } else { add(wood, edge, 0.8) },
        ),
    );
    pen.line(&[(tx - 198.0, 520.5), (tx + 198.0, 520.5)], 1.6, edge, 0.9);
    // Books and papers on the table.
    for (index, thick) in [14.0f32, 10.0, 17.0].into_iter().enumerate() {
        let y = 520.0 - [0.0, 14.0, 24.0][index];
        let half = 46.0 - index as f32 * 5.0 + stage.rng.range(-5.0, 5.0);
        let cover = mix(
            wood,
            [[0.12, 0.03, 0.02], [0.03, 0.05, 0.08], [0.08, 0.06, 0.03]][index],
            0.7,
        );
        let bx = tx - 120.0 + stage.rng.range(-6.0, 6.0);
        pen.polygon(
            &[
                (bx - half, y),
                (bx - half, y - thick),
                (bx + half, y - thick),
                (bx + half, y),
            ],
            cover,
            1.0,
        );
    }
    canvas.over(pen.layer());
    super::still::oil_lamp(canvas, stage, tx + 70.0, 520.0, 150.0, 0.35 + 0.65 * lamp);
    if stage.scene.person().is_some() {
        let px = if left { 470.0 } else { 810.0 };
        figure::people(canvas, stage, px, floor + 108.0, 420.0, false);
    }
}
