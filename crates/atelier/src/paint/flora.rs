//! Trees and grass as silhouettes.

use super::canvas::{HEIGHT, Rgb, WIDTH, scale};
use super::noise::Rng;
use super::pen::Pen;

/// A conifer standing with its foot at (x, y): two jagged sides narrowing to a tip.
pub fn conifer(pen: &mut Pen, x: f32, y: f32, height: f32, lean: f32, colour: Rgb, rng: &mut Rng) {
    let tiers = 7 + rng.index(5);
    let spread = height * rng.range(0.15, 0.21);
    let mut left = Vec::with_capacity(tiers * 2);
    let mut right = Vec::with_capacity(tiers * 2);
    for tier in 0..tiers {
        let t = (tier as f32 + 1.0) / tiers as f32;
        let level = y - height * (1.0 - t * 0.93);
        let middle = x + lean * height * (1.0 - t);
        let reach = spread * t.powf(0.85);
        left.push((
            middle - reach * rng.range(0.85, 1.15),
            level + height * 0.012,
        ));
        left.push((
            middle - reach * rng.range(0.42, 0.6),
            level - height * 0.012,
        ));
        right.push((
            middle + reach * rng.range(0.85, 1.15),
            level + height * 0.012,
        ));
        right.push((
            middle + reach * rng.range(0.42, 0.6),
            level - height * 0.012,
        ));
    }
    let mut points = vec![(x + lean * height, y - height)];
    points.extend(right);
    points.extend(left.into_iter().rev());
    pen.plain().polygon(&points, colour, 1.0);
    let trunk = height * 0.018;
    pen.polygon(
        &[
            (x - trunk, y - height * 0.12),
            (x + trunk, y - height * 0.12),
            (x + trunk, y + 6.0),
            (x - trunk, y + 6.0),
        ],
        colour,
        1.0,
    );
}

/// A broad tree grown branch by branch, with clumps of leaves.
pub fn broadleaf(
    pen: &mut Pen,
    x: f32,
    y: f32,
    height: f32,
    colour: Rgb,
    leaf: Option<Rgb>,
    rng: &mut Rng,
) {
    pen.plain();
    let mut tips = Vec::new();
    branch(
        pen,
        (x, y),
        -std::f32::consts::FRAC_PI_2,
        height * 0.24,
        height * 0.05,
        0,
        colour,
        rng,
        &mut tips,
    );
    // No leaves in winter.
    let Some(leaf) = leaf else { return };
    for pass in 0..2 {
        for &(tx, ty) in &tips {
            // Many small clumps: dark ones first, then lighter ones above them.
            for _ in 0..7 {
                let size = height * rng.range(0.012, if pass == 0 { 0.038 } else { 0.022 });
                let (dx, dy) = (
                    rng.range(-1.0, 1.0) * height * 0.052,
                    rng.range(-1.0, 0.7) * height * 0.045,
                );
                let tone = scale(
                    leaf,
                    if pass == 0 {
                        rng.range(0.4, 0.75)
                    } else {
                        rng.range(0.85, 1.5)
                    },
                );
                let up = if pass == 0 { 0.0 } else { height * 0.012 };
                pen.ellipse(
                    tx + dx,
                    ty + dy - up,
                    size * 1.25,
                    size * 0.8,
                    tone,
                    if pass == 0 { 0.95 } else { 0.6 },
                );
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn branch(
    pen: &mut Pen,
    from: (f32, f32),
    angle: f32,
    length: f32,
    width: f32,
    depth: u32,
    colour: Rgb,
    rng: &mut Rng,
    tips: &mut Vec<(f32, f32)>,
) {
    let bend = rng.range(-0.14, 0.14);
    let to = (
        from.0 + (angle + bend).cos() * length,
        from.1 + (angle + bend).sin() * length,
    );
    let via = (
        from.0 + angle.cos() * length * 0.5,
        from.1 + angle.sin() * length * 0.5,
    );
    pen.curve(from, via, to, width.max(0.8), colour, 1.0);
    if depth >= 2 {
        tips.push(to);
    }
    // Six levels: about 200 twigs, as fine as the picture shows.
    if depth >= 6 {
        return;
    }
    let forks = if depth == 0 { 3 } else { 2 };
    for fork in 0..forks {
        let turn = (fork as f32 - (forks - 1) as f32 / 2.0) * rng.range(0.42, 0.8)
            + rng.range(-0.22, 0.22);
        let shorter = length * rng.range(0.66, 0.86);
        branch(
            pen,
            to,
            angle + turn,
            shorter,
            width * 0.66,
            depth + 1,
            colour,
            rng,
            tips,
        );
    }
}

/// Blades along the lower edge, dark against the ground behind them.
pub fn grass(pen: &mut Pen, colour: Rgb, reach: f32, rng: &mut Rng) {
    pen.plain();
    for _ in 0..520 {
        let x = rng.range(-20.0, WIDTH as f32 + 20.0);
        let foot = HEIGHT as f32 + 8.0;
        let tall = reach * rng.range(0.3, 1.0) * rng.range(0.5, 1.0);
        let lean = rng.range(-0.30, 0.42) * tall;
        pen.curve(
            (x, foot),
            (x + lean * 0.2, foot - tall * 0.6),
            (x + lean, foot - tall),
            rng.range(1.0, 2.8),
            scale(colour, rng.range(0.6, 1.6)),
            1.0,
        );
    }
}
