//! Colours of the light at a time of day and in a weather.

use super::canvas::{Rgb, hex, mix, scale};
use super::noise::Rng;
use super::scene::{Scene, Time};

/// Everything that is painted takes its colours from here, which is what keeps a picture together.
#[derive(Clone)]
pub struct Palette {
    pub zenith: Rgb,
    pub middle: Rgb,
    pub low: Rgb,
    pub horizon: Rgb,
    /// The sun or moon and what it lights.
    pub glow: Rgb,
    /// What far things fade into.
    pub haze: Rgb,
    /// The darkest near silhouette.
    pub near: Rgb,
    pub water: Rgb,
    pub cloud_lit: Rgb,
    pub cloud_dark: Rgb,
    /// Lamps, windows, fire.
    pub lamp: Rgb,
}

impl Palette {
    pub fn of(scene: &Scene, rng: &mut Rng) -> Self {
        let base = match scene.time {
            Time::Dawn => [
                0x4f78ad, 0x9ab2d2, 0xf2c3b0, 0xffdca6, 0xffc07a, 0xd8b6b6, 0x262b44, 0x3d6280,
                0xffd9c4, 0x8d8aab,
            ],
            Time::Day => [
                0x2d6cb4, 0x69a5d9, 0xb2d5ec, 0xe9f2ee, 0xfff2d2, 0xb4ccdb, 0x1b3440, 0x1d5c80,
                0xffffff, 0xa6b7c8,
            ],
            Time::Golden => [
                0x44729f, 0x9fb3ba, 0xf4d7a2, 0xffcf78, 0xffb347, 0xdfbd90, 0x2c241f, 0x4b626b,
                0xffe3b4, 0x98816f,
            ],
            Time::Dusk => [
                0x1b2352, 0x573e7c, 0xbf556c, 0xff9a5c, 0xff7a3c, 0x85577a, 0x13111e, 0x2a274a,
                0xff9b72, 0x49365f,
            ],
            Time::Night => [
                0x050b1f, 0x0c1b3b, 0x1a3356, 0x33557a, 0xdfe8ff, 0x1f3655, 0x03060e, 0x0a1933,
                0x63799c, 0x0e1830,
            ],
        };
        let [
            zenith,
            middle,
            low,
            horizon,
            glow,
            haze,
            near,
            water,
            cloud_lit,
            cloud_dark,
        ] = base.map(hex);
        let mut palette = Self {
            zenith,
            middle,
            low,
            horizon,
            glow,
            haze,
            near,
            water,
            cloud_lit,
            cloud_dark,
            lamp: hex(0xffb45a),
        };
        if scene.weather.storm > 0.0 {
            let night = matches!(scene.time, Time::Night);
            let storm = [
                0x1c232b, 0x333d47, 0x5f6f78, 0xaab8b2, 0xd3dccf, 0x4f5d66, 0x0c1114, 0x1c3038,
                0x93a0a5, 0x1f262d,
            ]
            .map(hex);
            let amount = scene.weather.storm * if night { 0.45 } else { 0.82 };
            palette.blend(&storm, amount);
        } else if scene.weather.rain > 0.0 || scene.weather.fog > 0.4 {
            let grey = [
                0x6d7a88, 0x8d99a4, 0xaab4ba, 0xc2c9ca, 0xd8dcd8, 0x97a3ab, 0x1e262d, 0x4a5a64,
                0xc6cdd2, 0x66727d,
            ]
            .map(hex);
            let dim = if matches!(scene.time, Time::Night) {
                0.12
            } else {
                0.6
            };
            palette.blend(&grey, dim);
        }
        let hue = rng.range(-0.12, 0.12);
        palette.each(|c| turn_hue(c, hue));
        if scene.dark {
            palette.each(|c| scale(c, 0.62));
        }
        palette
    }

    fn blend(&mut self, other: &[Rgb; 10], amount: f32) {
        let mut other = other.iter();
        for slot in self.slots() {
            if let Some(colour) = other.next() {
                *slot = mix(*slot, *colour, amount);
            }
        }
    }

    fn each(&mut self, change: impl Fn(Rgb) -> Rgb) {
        for slot in self.slots() {
            *slot = change(*slot);
        }
    }

    fn slots(&mut self) -> [&mut Rgb; 10] {
        [
            &mut self.zenith,
            &mut self.middle,
            &mut self.low,
            &mut self.horizon,
            &mut self.glow,
            &mut self.haze,
            &mut self.near,
            &mut self.water,
            &mut self.cloud_lit,
            &mut self.cloud_dark,
        ]
    }

    /// The clear sky at an elevation: 0 at the horizon, 1 at the upper edge.
    pub fn sky(&self, elevation: f32) -> Rgb {
        let e = elevation.clamp(0.0, 1.0);
        let stops = [
            (0.0, self.horizon),
            (0.16, self.low),
            (0.48, self.middle),
            (1.0, self.zenith),
        ];
        for pair in stops.windows(2) {
            let ((from, a), (to, b)) = (pair[0], pair[1]);
            if e <= to {
                let t = (e - from) / (to - from);
                return mix(a, b, t * t * (3.0 - 2.0 * t) * 0.5 + t * 0.5);
            }
        }
        self.zenith
    }

    /// A silhouette at a distance: 0 near, 1 lost in the haze.
    pub fn distance(&self, far: f32) -> Rgb {
        mix(self.near, self.haze, far.clamp(0.0, 1.0))
    }
}

/// Turns the hue by an angle in radians about the grey axis, keeping the lightness.
fn turn_hue(c: Rgb, angle: f32) -> Rgb {
    let (sin, cos) = angle.sin_cos();
    let (k, s) = ((1.0 - cos) / 3.0, sin * 0.577_35);
    let row = |a: f32, b: f32, d: f32| (a * (cos + k) + b * (k - s) + d * (k + s)).max(0.0);
    [
        row(c[0], c[1], c[2]),
        row(c[1], c[2], c[0]),
        row(c[2], c[0], c[1]),
    ]
}
