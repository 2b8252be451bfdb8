//! Land: ridgelines, dunes, forests, meadows, cities.

use super::Stage;
use super::canvas::{Canvas, HEIGHT, Rgb, WIDTH, add, mix, scale};
use super::noise::{fbm, lerp, ridged, smoothstep, value};
use super::pen::Pen;
use super::scene::Time;

/// A ridge as a height per column, painted with mist at its foot.
pub struct Ridge {
    pub line: Vec<f32>,
    /// What grows on it, mixed into the tone of its distance.
    pub cover: Option<Rgb>,
    pub far: f32,
    pub mist: f32,
    pub snow: f32,
}

pub fn ridge(canvas: &mut Canvas, stage: &Stage, ridge: &Ridge) {
    let palette = &stage.palette;
    let mut body = palette.distance(ridge.far);
    if let Some(cover) = ridge.cover {
        body = mix(body, cover, 0.55 * (1.0 - ridge.far));
    }
    let light = stage.light;
    let slopes = soften(&ridge.line);
    let seed = stage.scene.seed as u32;
    let top = ridge.line.iter().copied().fold(f32::MAX, f32::min).max(0.0) as usize;
    canvas.shade(top, HEIGHT, |x, y, old| {
        let column = x as usize;
        let crest = ridge.line[column];
        let cover = (y - crest + 0.5).clamp(0.0, 1.0);
        if cover <= 0.0 {
            return old;
        }
        let below = y - crest;
        // Gullies run down and outwards, so a face is lit by the slope a little aside of it.
        let rock = fbm(x / 44.0 + below / 150.0, y / 40.0, 4, seed ^ 0x90c) - 0.5;
        let aside = (x + rock * (30.0 + below * 0.9)).clamp(0.0, WIDTH as f32) as usize;
        let turn = ((light.x - x) / 160.0).clamp(-1.0, 1.0);
        let facing = smoothstep(-1.1, 1.1, slopes[aside] * turn + rock * 0.9);
        let down = (below / 190.0).clamp(0.0, 1.0);
        let mut colour = scale(body, 1.0 + rock * 0.35 * (1.0 - ridge.far));
        let warm = (-((x - light.x).abs() / 420.0)).exp() * light.visible;
        colour = add(
            colour,
            palette.glow,
            facing * (0.03 + 0.10 * warm) * (0.4 + ridge.far) * (1.0 - down),
        );
        if ridge.snow > 0.0 {
            let line = (1.0 - below / (90.0 * ridge.snow)) + rock * 2.6;
            let cap = smoothstep(0.25, 0.6, line);
            let white = mix(
                scale(palette.zenith, 0.9),
                mix(palette.horizon, [0.95, 0.96, 1.0], 0.5),
                0.25 + 0.75 * facing,
            );
            colour = mix(colour, scale(white, 0.9), cap * 0.92);
        }
        let mist = mix(palette.haze, palette.horizon, 0.35);
        mix(old, mix(colour, mist, down * ridge.mist), cover)
    });
}

/// The slope of a ridge per column, over a width at which single notches do not show.
fn soften(line: &[f32]) -> Vec<f32> {
    const REACH: usize = 14;
    let last = line.len() - 1;
    (0..line.len())
        .map(|x| {
            let ahead: f32 = (1..=REACH).map(|i| line[(x + i).min(last)]).sum();
            let behind: f32 = (1..=REACH).map(|i| line[x.saturating_sub(i)]).sum();
            (ahead - behind) / (REACH * REACH) as f32
        })
        .collect()
}

/// Mountains behind everything, `count` ridges from far to near.
pub fn mountains(canvas: &mut Canvas, stage: &Stage, base: f32, height: f32, count: usize) {
    let seed = stage.scene.seed as u32;
    for index in 0..count {
        let t = index as f32 / count.max(2) as f32;
        let wavelength = lerp(330.0, 560.0, t);
        let amplitude = height * lerp(1.0, 0.42, t);
        let foot = base + 40.0 * t * t * count as f32;
        let line = (0..=WIDTH)
            .map(|x| {
                let u = x as f32 / wavelength + index as f32 * 41.0;
                foot - amplitude * (ridged(u, 6, seed ^ (index as u32 * 131)) * 1.15 - 0.12)
            })
            .collect();
        let snow = if stage.scene.weather.snow_ground {
            1.6 - t
        } else if height > 190.0 {
            0.75 - t
        } else {
            0.0
        };
        ridge(
            canvas,
            stage,
            &Ridge {
                line,
                cover: None,
                far: lerp(0.86, 0.24, t),
                mist: 0.75,
                snow: snow.max(0.0),
            },
        );
    }
}

/// Soft hills.
pub fn hills(
    canvas: &mut Canvas,
    stage: &Stage,
    base: f32,
    height: f32,
    far: f32,
    salt: u32,
    cover: Option<Rgb>,
) {
    let seed = (stage.scene.seed as u32) ^ salt;
    let line = (0..=WIDTH)
        .map(|x| {
            let x = x as f32;
            base - height
                * (value(x / 460.0, salt as f32, seed) * 0.8 + 0.24 * fbm(x / 120.0, 3.0, 3, seed))
        })
        .collect();
    ridge(
        canvas,
        stage,
        &Ridge {
            line,
            cover,
            far,
            mist: 0.55,
            snow: 0.0,
        },
    );
}

/// Dunes: one side of each crest in the light, the other in shade, ripples on both.
pub fn dunes(canvas: &mut Canvas, stage: &Stage) {
    let palette = &stage.palette;
    let seed = stage.scene.seed as u32;
    let sand = mix(
        mix(palette.horizon, [0.66, 0.36, 0.15], 0.62),
        palette.near,
        if stage.scene.time == Time::Night {
            0.75
        } else {
            0.0
        },
    );
    let shade = mix(scale(sand, 0.20), palette.zenith, 0.22);
    for index in 0..5 {
        let t = index as f32 / 4.0;
        let base = stage.horizon + (HEIGHT as f32 - stage.horizon) * t * t * 0.8 + 4.0;
        let line: Vec<f32> = (0..=WIDTH)
            .map(|x| {
                let u = x as f32 / lerp(260.0, 780.0, t) + index as f32 * 7.7;
                let n = value(u, index as f32, seed);
                base - lerp(26.0, 150.0, t) * n * n * 1.2 - 8.0 * value(u * 2.7, 5.0, seed)
            })
            .collect();
        let top = line.iter().copied().fold(f32::MAX, f32::min).max(0.0) as usize;
        canvas.shade(top, HEIGHT, |x, y, old| {
            let column = x as usize;
            let crest = line[column];
            let cover = (y - crest + 0.5).clamp(0.0, 1.0);
            if cover <= 0.0 {
                return old;
            }
            let down = y - crest;
            // The shaded face runs down from the crest to a wandering edge.
            let slope = 0.4 * (line[(column + 34).min(WIDTH)] - line[column.saturating_sub(34)]);
            let lean = ((stage.light.x - x) / 260.0).clamp(-1.0, 1.0);
            let edge = slope * lean * 3.0
                + 9.0 * (1.0 - lean.abs())
                + (value(x / 190.0, down / 260.0, seed ^ index as u32) - 0.5) * 34.0
                + down * 0.05;
            let lit = smoothstep(-26.0, 26.0, edge);
            let ripple =
                ((down * (0.75 - 0.45 * t) + x * 0.06 + 11.0 * value(x / 60.0, down / 40.0, seed))
                    * 0.9)
                    .sin()
                    * 0.05
                    * t;
            let mut colour = scale(
                mix(shade, sand, 0.18 + 0.82 * lit),
                1.0 + ripple + 0.1 * (fbm(x / 3.0, y / 2.0, 2, seed) - 0.5),
            );
            let warm = (-((x - stage.light.x).abs() / 500.0)).exp() * stage.light.visible;
            colour = add(colour, palette.glow, lit * warm * 0.14 * (1.0 - t));
            mix(old, mix(colour, palette.haze, (1.0 - t) * 0.62), cover)
        });
    }
}

/// Ground from a line down to the lower edge: grass, snow or earth, darker towards the viewer.
pub fn ground(canvas: &mut Canvas, stage: &Stage, top: f32, tint: Rgb) {
    let seed = stage.scene.seed as u32;
    let palette = &stage.palette;
    let night = stage.scene.time == Time::Night;
    let brightness = match stage.scene.time {
        Time::Day => 1.0,
        Time::Golden => 0.8,
        Time::Dawn => 0.6,
        Time::Dusk => 0.34,
        Time::Night => 0.12,
    };
    let line: Vec<f32> = (0..=WIDTH)
        .map(|x| {
            top - 26.0 * value(x as f32 / 380.0, 2.0, seed ^ 0x6d)
                - 5.0 * fbm(x as f32 / 60.0, 1.0, 3, seed)
        })
        .collect();
    canvas.shade((top - 40.0).max(0.0) as usize, HEIGHT, |x, y, old| {
        let crest = line[x as usize];
        let cover = (y - crest + 0.5).clamp(0.0, 1.0);
        if cover <= 0.0 {
            return old;
        }
        let d = ((y - crest) / (HEIGHT as f32 - top + 1.0)).clamp(0.0, 1.0);
        let depth = 1.0 / (d + 0.06);
        let patch = fbm((x - 640.0) * depth / 420.0, depth * 3.2, 4, seed ^ 0x11) - 0.5;
        let smooth = if stage.scene.weather.snow_ground {
            0.12
        } else {
            1.0
        };
        let blade = (fbm(x / 3.2, y / (5.0 + 26.0 * d), 2, seed ^ 0x12) - 0.5) * smooth;
        let lit = scale(
            tint,
            brightness * (1.0 + patch * (0.35 + 0.55 * smooth) + blade * 0.5 * d.sqrt()),
        );
        let near = mix(
            lit,
            scale(palette.near, 1.2),
            smoothstep(0.15, 1.0, d) * if night || smooth < 1.0 { 0.4 } else { 0.72 },
        );
        let warm = (-((x - stage.light.x).abs() / 380.0)).exp() * stage.light.visible;
        let sheen = add(near, palette.glow, warm * (1.0 - d).powi(3) * 0.22);
        mix(
            old,
            mix(sheen, palette.haze, (1.0 - d).powi(6) * 0.7),
            cover,
        )
    });
}

/// Rows of conifers from the mist to the foreground.
pub fn forest(canvas: &mut Canvas, stage: &mut Stage, rows: usize, base: f32) {
    for row in 0..rows {
        let t = (row as f32 + 0.5) / rows as f32;
        let mut pen = Pen::new();
        let colour = stage.palette.distance((1.0 - t).powf(1.3) * 0.92);
        let height = lerp(90.0, 470.0, t * t) * stage.scale.max(0.8);
        let foot = base + (HEIGHT as f32 * 1.08 - base) * t.powf(1.7);
        let mut x = -60.0;
        while x < WIDTH as f32 + 60.0 {
            // The middle is left open in front, so that there is a way into the picture.
            let open = t > 0.55 && (x - 640.0).abs() < 380.0 * t && stage.rng.chance(0.86);
            let tall = height * stage.rng.range(0.6, 1.12);
            let lean = stage.rng.range(-0.02, 0.02);
            if !open {
                super::flora::conifer(
                    &mut pen,
                    x,
                    foot + stage.rng.range(-8.0, 14.0),
                    tall,
                    lean,
                    colour,
                    &mut stage.rng,
                );
            }
            x += height * stage.rng.range(0.16, 0.42);
        }
        canvas.over(pen.layer());
        // Mist settles between the rows.
        let strength = 0.42 * (1.0 - t).powf(1.4) * (1.0 + 0.4 * stage.scene.weather.fog);
        mist(canvas, stage, foot - height * 0.22, height * 0.5, strength);
    }
}

/// A bank of mist about a height.
pub fn mist(canvas: &mut Canvas, stage: &Stage, centre: f32, spread: f32, strength: f32) {
    let seed = (stage.scene.seed as u32) ^ centre as u32;
    let colour = mix(stage.palette.haze, stage.palette.horizon, 0.5);
    let (from, to) = (
        (centre - spread * 2.0).max(0.0) as usize,
        (centre + spread * 2.0).max(0.0) as usize,
    );
    canvas.shade(from, to, |x, y, old| {
        let off = (y - centre) / spread;
        let wisp = fbm(x / 260.0, y / 60.0, 4, seed);
        mix(
            old,
            colour,
            ((-off * off).exp() * strength * (0.3 + wisp)).clamp(0.0, 0.95),
        )
    });
}
