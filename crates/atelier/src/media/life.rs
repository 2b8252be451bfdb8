//! What moves in a clip beside the camera: flicker of lights, a breath in water, motes, embers,
//! rain or snow. All slow and faint, chosen by the words of the prompt.

use super::FPS;
use super::yuv::Frame;
use crate::paint::noise::{Rng, fbm};

pub struct Life {
    seed: u32,
    flicker: f32,
    water: f32,
    motes: Vec<Mote>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Dust,
    Embers,
    Snow,
    Rain,
}

struct Mote {
    x: f32,
    y: f32,
    depth: f32,
    phase: f32,
}

impl Life {
    pub fn of(prompt: &str, seed: u64) -> Self {
        let text = prompt.to_lowercase();
        let any = |list: &[&str]| {
            text.split(|c: char| !c.is_alphanumeric())
                .any(|word| list.contains(&word.trim_end_matches('s')))
        };
        let flame = any(&[
            "lamp",
            "lantern",
            "candle",
            "fire",
            "campfire",
            "flame",
            "torch",
            "neon",
            "lighthouse",
        ]);
        let kind = if any(&["snow", "snowing", "snowfall", "blizzard"]) {
            Kind::Snow
        } else if any(&["rain", "raining", "storm", "downpour"]) {
            Kind::Rain
        } else if any(&["fire", "campfire", "bonfire"]) {
            Kind::Embers
        } else {
            Kind::Dust
        };
        let water = any(&[
            "sea", "ocean", "bay", "lake", "wave", "water", "river", "boat", "harbour", "harbor",
            "ship", "shore",
        ]);
        let count = match kind {
            Kind::Dust => 34,
            Kind::Embers => 30,
            Kind::Snow => 190,
            Kind::Rain => 170,
        };
        let mut rng = Rng::new(seed ^ 0x11fe);
        let motes = (0..count)
            .map(|_| Mote {
                x: rng.unit(),
                y: rng.unit(),
                depth: rng.unit().powi(2),
                phase: rng.range(0.0, std::f32::consts::TAU),
            })
            .collect();
        Self {
            seed: seed as u32,
            flicker: if flame { 0.055 } else { 0.012 },
            water: if water { 1.0 } else { 0.0 },
            motes,
            kind,
        }
    }

    /// How far a source row is displaced at a frame, in pixels.
    pub fn drift(&self, frame: u32, row: f32) -> f32 {
        if self.water == 0.0 || row < 0.62 {
            return 0.0;
        }
        let t = frame as f32 / FPS as f32;
        let near = (row - 0.62) / 0.38;
        let wave =
            (row * 120.0 / (0.4 + near) - t * 1.9).sin() + 0.5 * (row * 71.0 + t * 1.3).sin();
        wave * 0.9 * near * self.water
    }

    pub fn apply(&self, frame: u32, picture: &mut Frame) {
        self.flicker(frame, picture);
        let t = frame as f32 / FPS as f32;
        let (w, h) = (picture.width as f32, picture.height as f32);
        for mote in &self.motes {
            let sway = (t * 0.7 + mote.phase).sin();
            match self.kind {
                Kind::Dust => {
                    let (x, y) = (mote.x + 0.010 * t + 0.008 * sway, mote.y - 0.006 * t);
                    let glint = 0.5 + 0.5 * (t * 1.3 + mote.phase).sin();
                    disc(
                        picture,
                        wrap(x) * w,
                        wrap(y) * h,
                        1.4 + 2.2 * mote.depth,
                        20.0 * glint,
                    );
                }
                Kind::Embers => {
                    let rise = (mote.y + t * (0.10 + 0.08 * mote.depth)).fract();
                    let (x, y) = (0.45 + (mote.x - 0.5) * 0.3 + 0.02 * sway, 0.95 - rise * 0.6);
                    disc(
                        picture,
                        x * w,
                        y * h,
                        1.2 + 1.4 * mote.depth,
                        90.0 * (1.0 - rise),
                    );
                }
                Kind::Snow => {
                    let (x, y) = (
                        mote.x + 0.012 * t + 0.010 * sway,
                        mote.y + t * (0.05 + 0.10 * mote.depth),
                    );
                    disc(
                        picture,
                        wrap(x) * w,
                        wrap(y) * h,
                        1.3 + 3.2 * mote.depth,
                        95.0 - 40.0 * mote.depth,
                    );
                }
                Kind::Rain => {
                    let y = wrap(mote.y + t * (1.5 + 0.9 * mote.depth)) * h;
                    streak(
                        picture,
                        mote.x * w + y * 0.12,
                        y,
                        12.0 + 26.0 * mote.depth,
                        16.0 + 14.0 * mote.depth,
                    );
                }
            }
        }
    }

    /// Bright parts breathe with the lights; shadows stay.
    fn flicker(&self, frame: u32, picture: &mut Frame) {
        let t = frame as f32 / FPS as f32;
        let gain = self.flicker * 2.0 * (fbm(t * 2.6, 1.0, 3, self.seed) - 0.5);
        let table: [u8; 256] = std::array::from_fn(|i| {
            let luma = i as f32;
            let bright = ((luma - 60.0) / 110.0).clamp(0.0, 1.0);
            (luma + (luma - 16.0) * gain * bright)
                .round()
                .clamp(0.0, 255.0) as u8
        });
        for luma in &mut picture.y {
            *luma = table[usize::from(*luma)];
        }
    }
}

fn wrap(v: f32) -> f32 {
    v.rem_euclid(1.0)
}

fn disc(picture: &mut Frame, cx: f32, cy: f32, radius: f32, strength: f32) {
    let reach = radius * 2.0;
    let (x0, x1) = (
        (cx - reach).max(0.0) as usize,
        ((cx + reach).max(0.0) as usize).min(picture.width - 1),
    );
    let (y0, y1) = (
        (cy - reach).max(0.0) as usize,
        ((cy + reach).max(0.0) as usize).min(picture.height - 1),
    );
    for y in y0..=y1 {
        for x in x0..=x1 {
            let d2 = ((x as f32 - cx).powi(2) + (y as f32 - cy).powi(2)) / (radius * radius);
            lighten(picture, x, y, strength * (1.0 - d2 / 4.0).max(0.0).powi(2));
        }
    }
}

fn streak(picture: &mut Frame, x: f32, y: f32, length: f32, strength: f32) {
    for step in 0..length as usize {
        let (px, py) = (x + step as f32 * 0.12, y + step as f32);
        if px < 0.0 || py < 0.0 || px + 1.0 >= picture.width as f32 || py >= picture.height as f32 {
            continue;
        }
        let part = px.fract();
        lighten(picture, px as usize, py as usize, strength * (1.0 - part));
        lighten(picture, px as usize + 1, py as usize, strength * part);
    }
}

fn lighten(picture: &mut Frame, x: usize, y: usize, amount: f32) {
    if let Some(luma) = picture.y.get_mut(y * picture.width + x) {
        *luma = (f32::from(*luma) + amount).min(235.0) as u8;
    }
}
