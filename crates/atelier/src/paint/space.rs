//! Space: stars, a nebula, a planet lit from one side.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, add, mix, scale};
use super::noise::{fbm, lattice, smoothstep};

pub fn paint(canvas: &mut Canvas, stage: &mut Stage) {
    let seed = stage.scene.seed as u32;
    let (a, b) = (
        stage.palette.low,
        mix(stage.palette.middle, [0.25, 0.1, 0.5], 0.4),
    );
    let side = if stage.rng.chance(0.5) { 1.0f32 } else { -1.0 };
    let (px, py) = (
        640.0 + side * stage.rng.range(180.0, 330.0),
        stage.rng.range(330.0, 520.0),
    );
    let radius = stage.rng.range(150.0, 250.0) * stage.scale.clamp(0.7, 1.6);
    let sun = (-side * 0.72f32, -0.52f32, 0.46f32);
    let rock = mix(
        stage.palette.horizon,
        stage.palette.water,
        stage.rng.unit() * 0.6,
    );
    let ringed = stage.rng.chance(0.5);
    canvas.shade(0, HEIGHT, |x, y, _| {
        let warp = fbm(x / 300.0, y / 300.0, 3, seed ^ 1) - 0.5;
        let cloud = fbm(x / 370.0 + warp, y / 330.0 + warp * 1.7, 6, seed);
        let veil = fbm(x / 210.0 - warp, y / 260.0, 5, seed ^ 9);
        let mut colour = [0.002, 0.003, 0.008];
        colour = add(colour, a, smoothstep(0.46, 0.9, cloud) * 0.62);
        colour = add(colour, b, smoothstep(0.44, 0.85, veil) * 0.34);
        for (cell, keep) in [(7.0f32, 0.965f32), (23.0, 0.90)] {
            let (cx, cy) = ((x / cell).floor() as i32, (y / cell).floor() as i32);
            let chance = lattice(cx, cy, seed ^ 0x57a);
            if chance > keep {
                let sx = (cx as f32 + 0.25 + 0.5 * lattice(cx, cy, seed ^ 2)) * cell;
                let sy = (cy as f32 + 0.25 + 0.5 * lattice(cx, cy, seed ^ 3)) * cell;
                let size = 0.045 * cell + 0.35;
                let d2 = ((x - sx).powi(2) + (y - sy).powi(2)) / (size * size);
                colour = add(colour, [0.9, 0.93, 1.0], (-d2).exp() * 0.9);
            }
        }
        let (u, v) = ((x - px) / radius, (y - py) / radius);
        let d = (u * u + v * v).sqrt();
        let rim = (-((d - 1.0).max(0.0)) * 16.0).exp();
        let toward = (u * sun.0 + v * sun.1).max(0.0);
        colour = add(
            colour,
            stage.palette.horizon,
            rim * toward * 0.22 * smoothstep(0.96, 1.0, d),
        );
        let disc = smoothstep(1.0 + 1.0 / radius, 1.0 - 1.0 / radius, d);
        if disc > 0.0 {
            let w = (1.0 - d * d).max(0.0).sqrt();
            let band = fbm(
                v * 5.0 + 0.6 * fbm(u * 2.0 * (1.3 - w * 0.3), v * 7.0, 4, seed ^ 4),
                u * 0.8,
                4,
                seed ^ 5,
            );
            let light = (u * sun.0 + v * sun.1 + w * sun.2).max(0.0);
            let body = scale(
                mix(scale(rock, 0.35), rock, smoothstep(0.3, 0.7, band)),
                0.012 + 1.1 * light,
            );
            let air = add(body, stage.palette.horizon, (1.0 - w).powi(3) * light * 0.5);
            colour = mix(colour, air, disc);
        }
        if ringed {
            let ring =
                ((u * 0.94 + v * 0.34).powi(2) + ((v * 0.94 - u * 0.34) * 4.6).powi(2)).sqrt();
            let behind = v * 0.94 - u * 0.34 < 0.0 && d < 1.0;
            let strength = smoothstep(1.32, 1.38, ring)
                * smoothstep(2.15, 2.0, ring)
                * (0.35 + 0.65 * lattice((ring * 60.0) as i32, 1, seed));
            if !behind {
                colour = mix(colour, scale(rock, 0.55), strength * 0.62);
            }
        }
        colour
    });
    canvas.glow(640.0 - side * 420.0, 120.0, 150.0, stage.palette.glow, 0.25);
    canvas.glow(640.0 - side * 420.0, 120.0, 26.0, [1.0, 0.97, 0.9], 1.4);
    stage.horizon = HEIGHT as f32 * 0.6;
}
