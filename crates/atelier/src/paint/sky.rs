//! Sky: gradient, sun or moon, stars, perspective clouds lit from the light's side.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, Rgb, WIDTH, add, mix, scale};
use super::noise::{fbm, lattice, smoothstep};
use super::scene::Time;

/// Where the light stands, in pixels, and how it looks.
#[derive(Clone, Copy)]
pub struct Light {
    pub x: f32,
    pub y: f32,
    pub radius: f32,
    pub moon: bool,
    /// 0 hidden behind cloud, 1 in the open.
    pub visible: f32,
}

pub fn place_light(stage: &mut Stage) -> Light {
    let horizon = stage.horizon;
    let side = if stage.rng.chance(0.5) { 1.0 } else { -1.0 };
    let x = WIDTH as f32 * (0.5 + side * stage.rng.range(0.08, 0.3));
    let scene = &stage.scene;
    let (height, radius) = match scene.time {
        Time::Dawn => (0.10, 30.0),
        Time::Dusk => (0.07, 36.0),
        Time::Golden => (0.26, 30.0),
        Time::Day => (0.72, 26.0),
        Time::Night => (0.66, 34.0),
    };
    let jitter = stage.rng.range(-0.03, 0.05);
    let covered = 1.0
        - scene
            .weather
            .storm
            .max(0.8 * scene.weather.rain)
            .max(0.6 * scene.weather.fog);
    Light {
        x,
        y: horizon * (1.0 - height - jitter),
        radius,
        moon: scene.time == Time::Night,
        visible: covered.clamp(0.0, 1.0),
    }
}

pub fn paint(canvas: &mut Canvas, stage: &Stage, down_to: usize) {
    let light = stage.light;
    let palette = &stage.palette;
    let weather = &stage.scene.weather;
    let seed = stage.scene.seed as u32;
    let span = HEIGHT as f32;
    let night = stage.scene.time == Time::Night;
    let starry = match stage.scene.time {
        Time::Night => 1.0,
        Time::Dusk | Time::Dawn => 0.22,
        _ => 0.0,
    } * (1.0 - weather.storm)
        * (1.0 - 0.8 * weather.rain)
        * (1.0 - weather.fog);
    canvas.shade(0, down_to, |x, y, _| {
        let elevation = (stage.horizon - y) / stage.horizon.max(1.0);
        let distance = ((x - light.x).powi(2) + (y - light.y).powi(2)).sqrt();
        let near = distance / span;
        let mut colour = palette.sky(elevation);
        let halo = if light.moon { 0.10 } else { 0.34 };
        let warm = (-near * 2.2).exp() * halo + (-near * 9.0).exp() * halo * 0.9;
        colour = add(colour, palette.glow, warm * (0.25 + 0.75 * light.visible));
        if starry > 0.0 {
            colour = add(
                colour,
                [0.9, 0.95, 1.0],
                star(x, y, seed) * starry * elevation.clamp(0.0, 1.0).powf(0.6),
            );
            if night {
                let band = fbm(x / 420.0 + y / 300.0, y / 900.0 - x / 900.0, 4, seed ^ 77);
                let milky = smoothstep(0.5, 0.8, band) * 0.035 * elevation.clamp(0.0, 1.0);
                colour = add(colour, [0.7, 0.75, 1.0], milky * starry);
            }
        }
        colour = disc(colour, stage, distance, x, y);
        clouds(colour, stage, x, y, elevation, near, seed)
    });
}

fn disc(colour: Rgb, stage: &Stage, distance: f32, x: f32, y: f32) -> Rgb {
    let light = stage.light;
    if light.visible <= 0.05 || distance > light.radius * 3.5 {
        return colour;
    }
    let edge = smoothstep(light.radius + 1.2, light.radius - 1.2, distance);
    if light.moon {
        let craters = fbm(x / 13.0, y / 13.0, 3, 9);
        let face = scale([0.92, 0.94, 1.0], 0.78 + 0.34 * (craters - 0.5));
        let shine = (-(distance / light.radius - 1.0).max(0.0) * 2.4).exp() * 0.22;
        let lit = add(colour, [0.75, 0.82, 1.0], shine * light.visible);
        return mix(lit, face, edge * light.visible);
    }
    let core = mix(stage.palette.glow, [1.0, 0.97, 0.88], 0.6);
    let shine = (-(distance / light.radius - 1.0).max(0.0) * 1.6).exp();
    let lit = add(colour, stage.palette.glow, shine * 0.5 * light.visible);
    mix(lit, scale(core, 1.6), edge * light.visible)
}

fn star(x: f32, y: f32, seed: u32) -> f32 {
    const CELL: f32 = 11.0;
    let (cx, cy) = ((x / CELL).floor(), (y / CELL).floor());
    let chance = lattice(cx as i32, cy as i32, seed ^ 0xabc);
    if chance < 0.9 {
        return 0.0;
    }
    let px = (cx + 0.2 + 0.6 * lattice(cx as i32, cy as i32, seed ^ 1)) * CELL;
    let py = (cy + 0.2 + 0.6 * lattice(cx as i32, cy as i32, seed ^ 2)) * CELL;
    let size = 0.55 + 0.9 * lattice(cx as i32, cy as i32, seed ^ 3).powi(6);
    let d2 = ((x - px).powi(2) + (y - py).powi(2)) / (size * size);
    (-d2).exp() * (0.25 + 0.75 * (chance - 0.9) * 10.0)
}

/// One plane of cloud overhead, seen in perspective: banks near the horizon, billows above.
fn clouds(colour: Rgb, stage: &Stage, x: f32, y: f32, elevation: f32, near: f32, seed: u32) -> Rgb {
    let weather = &stage.scene.weather;
    if weather.cloud <= 0.02 || elevation <= 0.0 {
        return colour;
    }
    let palette = &stage.palette;
    let storm = weather.storm;
    let depth = 1.0 / (elevation * 1.15 + 0.16);
    let across = (x / WIDTH as f32 - 0.5) * 1.9;
    let (u, v) = (
        across * (0.6 + 0.55 * depth) + seed as f32 * 1e-6,
        depth * (1.3 + 0.5 * storm) + 0.3 * across,
    );
    let low = 0.26 + 0.42 * (1.0 - weather.cloud);
    let warp = fbm(u * 1.4 + 4.0, v * 1.4, 2, seed ^ 0x77) - 0.5;
    let at = |u: f32, v: f32| {
        fbm(
            u * 2.0 + warp * (1.1 + storm),
            v * 2.0 + warp * 0.7,
            5,
            seed,
        )
    };
    let here = at(u, v);
    let density = smoothstep(low, low + 0.30, here);
    if density <= 0.003 {
        return colour;
    }
    // Towards the light the cloud is thinner: that side is lit.
    let toward = (
        (stage.light.x - x) / WIDTH as f32,
        (stage.light.y - y) / HEIGHT as f32,
    );
    let ahead = at(u + toward.0 * 0.22, v - toward.1 * 0.22 - 0.05);
    let lit = smoothstep(-0.10, 0.16, here - ahead + 0.05);
    let thin = 1.0 - smoothstep(low + 0.1, low + 0.42, here);
    let glow = (-near * 2.8).exp() * (0.3 + 0.7 * stage.light.visible);
    let mut cloud = mix(
        palette.cloud_dark,
        palette.cloud_lit,
        (0.2 + 0.8 * lit) * (0.4 + 0.6 * thin),
    );
    cloud = add(
        cloud,
        palette.glow,
        glow * thin * if stage.light.moon { 0.14 } else { 0.55 },
    );
    if storm > 0.0 {
        let billow = smoothstep(0.35, 0.75, here);
        cloud = mix(cloud, palette.cloud_dark, 0.55 * billow * storm);
        // Light breaks through low over the horizon.
        cloud = mix(cloud, palette.horizon, (-elevation * 7.0).exp() * 0.55);
    }
    let fade = smoothstep(0.0, 0.10, elevation);
    mix(
        colour,
        cloud,
        density * (0.55 + 0.4 * weather.cloud.max(storm)) * (0.25 + 0.75 * fade),
    )
}
