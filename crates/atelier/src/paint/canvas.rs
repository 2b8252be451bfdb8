//! The picture while it is painted: linear light in `f32`, shaded by rows on all cores, with vector
//! shapes laid over it, and developed into 8-bit sRGB at the end.

use super::noise::{lattice, lerp};
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use tiny_skia::Pixmap;

pub const WIDTH: usize = 1280;
pub const HEIGHT: usize = 720;

/// More threads than this do not pay for one picture.
const MAX_THREADS: usize = 4;

/// Linear-light red, green, blue.
pub type Rgb = [f32; 3];

pub fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [
        lerp(a[0], b[0], t),
        lerp(a[1], b[1], t),
        lerp(a[2], b[2], t),
    ]
}

pub fn scale(a: Rgb, k: f32) -> Rgb {
    [a[0] * k, a[1] * k, a[2] * k]
}

pub fn add(a: Rgb, b: Rgb, k: f32) -> Rgb {
    [a[0] + b[0] * k, a[1] + b[1] * k, a[2] + b[2] * k]
}

/// A colour given as `0xRRGGBB` in sRGB.
pub fn hex(code: u32) -> Rgb {
    let table = to_linear();
    [
        table[(code >> 16 & 255) as usize],
        table[(code >> 8 & 255) as usize],
        table[(code & 255) as usize],
    ]
}

pub fn to_linear() -> &'static [f32; 256] {
    static TABLE: OnceLock<[f32; 256]> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|i| {
            let c = i as f32 / 255.0;
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        })
    })
}

pub fn encode_srgb(c: f32) -> f32 {
    if c <= 0.003_130_8 {
        c * 12.92
    } else {
        1.055 * c.powf(1.0 / 2.4) - 0.055
    }
}

/// A colour of this palette for the vector painter.
pub fn paint_colour(c: Rgb, alpha: f32) -> tiny_skia::Color {
    let [r, g, b] = c.map(|v| encode_srgb(v.clamp(0.0, 1.0)).clamp(0.0, 1.0));
    tiny_skia::Color::from_rgba(r, g, b, alpha.clamp(0.0, 1.0)).unwrap_or(tiny_skia::Color::BLACK)
}

#[derive(Clone)]
pub struct Canvas {
    pixels: Vec<Rgb>,
}

impl Default for Canvas {
    /// Black.
    fn default() -> Self {
        Self {
            pixels: vec![[0.0; 3]; WIDTH * HEIGHT],
        }
    }
}

impl Canvas {
    /// Calls `shade(x, y, old)` for every pixel of the rows `from..to`.
    pub fn shade(&mut self, from: usize, to: usize, shade: impl Fn(f32, f32, Rgb) -> Rgb + Sync) {
        let (from, to) = (from.min(HEIGHT), to.min(HEIGHT));
        if from >= to {
            return;
        }
        rows(
            &mut self.pixels[from * WIDTH..to * WIDTH],
            WIDTH,
            |row, pixels| {
                let y = (from + row) as f32;
                for (x, pixel) in pixels.iter_mut().enumerate() {
                    *pixel = shade(x as f32, y, *pixel);
                }
            },
        );
    }

    pub fn at(&self, x: i32, y: i32) -> Rgb {
        let x = x.clamp(0, WIDTH as i32 - 1) as usize;
        let y = y.clamp(0, HEIGHT as i32 - 1) as usize;
        self.pixels[y * WIDTH + x]
    }

    pub fn sample(&self, x: f32, y: f32) -> Rgb {
        let (fx, fy) = (x.floor(), y.floor());
        let (ix, iy) = (fx as i32, fy as i32);
        let top = mix(self.at(ix, iy), self.at(ix + 1, iy), x - fx);
        let bottom = mix(self.at(ix, iy + 1), self.at(ix + 1, iy + 1), x - fx);
        mix(top, bottom, y - fy)
    }

    /// Lays a vector layer over the picture.
    pub fn over(&mut self, layer: &Pixmap) {
        let table = to_linear();
        for (pixel, source) in self.pixels.iter_mut().zip(layer.pixels()) {
            let alpha = source.alpha();
            if alpha == 0 {
                continue;
            }
            let colour = source.demultiply();
            let colour = [
                table[usize::from(colour.red())],
                table[usize::from(colour.green())],
                table[usize::from(colour.blue())],
            ];
            *pixel = mix(*pixel, colour, f32::from(alpha) / 255.0);
        }
    }

    /// Adds light that falls off softly from a point.
    pub fn glow(&mut self, cx: f32, cy: f32, radius: f32, colour: Rgb, strength: f32) {
        let reach = radius * 2.2;
        let from = (cy - reach).max(0.0) as usize;
        let to = (cy + reach).max(0.0) as usize;
        self.shade(from, to, |x, y, old| {
            let d2 = ((x - cx).powi(2) + (y - cy).powi(2)) / (radius * radius);
            if d2 > 4.84 {
                old
            } else {
                add(
                    old,
                    colour,
                    strength * (-d2 * 2.2).exp() * (1.0 - d2 / 4.84),
                )
            }
        });
    }

    /// Blurs everything, as a lens does with what is out of focus: three box passes.
    pub fn blur(&mut self, radius: usize) {
        for _ in 0..3 {
            box_rows(&mut self.pixels, WIDTH, radius);
            let mut turned = transpose(&self.pixels, WIDTH, HEIGHT);
            box_rows(&mut turned, HEIGHT, radius);
            self.pixels = transpose(&turned, HEIGHT, WIDTH);
        }
    }

    /// Bloom, vignette, tone curve and grain; returns packed sRGB.
    pub fn develop(&self, seed: u32, grade: &Grade) -> Vec<u8> {
        let bloom = self.bloom();
        let (bw, bh) = (WIDTH / 8, HEIGHT / 8);
        let mut out = vec![0u8; WIDTH * HEIGHT * 3];
        let curve: Vec<f32> = (0..=4096)
            .map(|i| 255.0 * encode_srgb(shoulder(i as f32 / 2048.0)))
            .collect();
        rows(&mut out, WIDTH * 3, |y, row| {
            let by = (y as f32 / 8.0 - 0.5).clamp(0.0, bh as f32 - 1.001);
            for x in 0..WIDTH {
                let bx = (x as f32 / 8.0 - 0.5).clamp(0.0, bw as f32 - 1.001);
                let (ix, iy) = (bx as usize, by as usize);
                let (u, v) = (bx - ix as f32, by - iy as f32);
                let b = |dx: usize, dy: usize| bloom[(iy + dy) * bw + ix + dx];
                let light = mix(mix(b(0, 0), b(1, 0), u), mix(b(0, 1), b(1, 1), u), v);
                let (dx, dy) = (
                    x as f32 / WIDTH as f32 - 0.5,
                    y as f32 / HEIGHT as f32 - 0.5,
                );
                let vignette =
                    1.0 - grade.vignette * (dx * dx * 1.3 + dy * dy * 1.5).powf(1.1) * 2.0;
                let grain = (lattice(x as i32, y as i32, seed)
                    + lattice(x as i32, y as i32, seed ^ 0x51)
                    - 1.0)
                    * grade.grain;
                let pixel = add(self.pixels[y * WIDTH + x], light, grade.bloom);
                for c in 0..3 {
                    let value =
                        (pixel[c] * vignette * grade.exposure * grade.tint[c]).clamp(0.0, 2.0);
                    let position = value * 2048.0;
                    let index = (position as usize).min(4095);
                    let coded = lerp(curve[index], curve[index + 1], position - index as f32);
                    row[x * 3 + c] = (coded + grain + 0.5).clamp(0.0, 255.0) as u8;
                }
            }
        });
        out
    }

    /// What is brighter than white paper, spread wide, at an eighth of the size.
    fn bloom(&self) -> Vec<Rgb> {
        let (bw, bh) = (WIDTH / 8, HEIGHT / 8);
        let mut small = vec![[0.0; 3]; bw * bh];
        rows(&mut small, bw, |row, pixels| {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                for y in 0..8 {
                    for x in 0..8 {
                        let p = self.pixels[(row * 8 + y) * WIDTH + column * 8 + x];
                        *pixel = add(*pixel, p.map(|v| (v - 0.55).max(0.0)), 1.0 / 64.0);
                    }
                }
            }
        });
        for radius in [3, 5, 7] {
            box_rows(&mut small, bw, radius);
            let mut turned = transpose(&small, bw, bh);
            box_rows(&mut turned, bh, radius);
            small = transpose(&turned, bh, bw);
        }
        small
    }
}

/// How a painted picture is developed.
pub struct Grade {
    pub exposure: f32,
    pub tint: Rgb,
    pub vignette: f32,
    pub bloom: f32,
    /// Peak deviation in 8-bit steps; also hides banding.
    pub grain: f32,
}

/// Linear up to 0.72, then rolls off towards 1.
fn shoulder(x: f32) -> f32 {
    if x < 0.72 {
        x
    } else {
        0.72 + 0.28 * (1.0 - (-(x - 0.72) / 0.36).exp())
    }
}

/// Runs `work(row, pixels)` for all rows on a few threads.
pub fn rows<T: Send>(pixels: &mut [T], width: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(MAX_THREADS);
    let height = pixels.len() / width;
    let block = height.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (index, part) in pixels.chunks_mut(block * width).enumerate() {
            let work = &work;
            scope.spawn(move || {
                for (row, line) in part.chunks_exact_mut(width).enumerate() {
                    work(index * block + row, line);
                }
            });
        }
    });
}

fn box_rows(pixels: &mut [Rgb], width: usize, radius: usize) {
    let radius = radius.min(width / 2 - 1);
    let inverse = 1.0 / (2 * radius + 1) as f32;
    rows(pixels, width, |_, line| {
        let source = line.to_vec();
        let last = width - 1;
        let mut sum = [0.0; 3];
        for i in 0..=2 * radius {
            sum = add(sum, source[i.saturating_sub(radius).min(last)], 1.0);
        }
        for (x, pixel) in line.iter_mut().enumerate() {
            *pixel = scale(sum, inverse);
            sum = add(sum, source[(x + radius + 1).min(last)], 1.0);
            sum = add(sum, source[x.saturating_sub(radius)], -1.0);
        }
    });
}

fn transpose(pixels: &[Rgb], width: usize, height: usize) -> Vec<Rgb> {
    let mut out = vec![[0.0; 3]; pixels.len()];
    rows(&mut out, height, |x, column| {
        for (y, pixel) in column.iter_mut().enumerate() {
            *pixel = pixels[y * width + x];
        }
    });
    out
}
