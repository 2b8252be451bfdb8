//! Descriptions by measurement: size, colours named in Oklab, brightness, contrast, horizon, motion.
//! Nothing is recognised, and every text says so.

use crate::cancel::Progress;
use crate::colour::{NAMES, oklab};
use crate::error::JobError;
use crate::media::codec::Decoder;
use crate::media::demux::{self, Track};
use crate::media::still;
use crate::media::yuv::Frame;

/// Ends every description.
pub const NOTICE: &str = "Measured by atelier, not recognised by a model.";

/// Pixels looked at along the longer side: enough for shares of colour, and quick.
const SAMPLES_ACROSS: usize = 160;

/// What was measured of one picture.
struct Look {
    colours: Vec<(&'static str, f32)>,
    lightness: f32,
    contrast: f32,
    warmth: f32,
    horizon: Option<f32>,
}

pub fn image(bytes: &[u8], progress: &Progress) -> Result<String, JobError> {
    let picture = still::decode(bytes)?;
    progress.set(0.6)?;
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let look = measure(picture.as_raw(), w, h);
    Ok(format!(
        "A picture of {w}×{h} pixels, {}. {} {NOTICE}",
        shape(w, h),
        look.sentences()
    ))
}

pub fn video(bytes: &[u8], progress: &Progress) -> Result<String, JobError> {
    let track = demux::read(bytes)?;
    let count = track.samples.len();
    let mut looks = Vec::new();
    let mut small = Vec::new();
    for (step, target) in [0, count / 2, count - 1].into_iter().enumerate() {
        let frame = picture_at(bytes, &track, target, progress)?;
        let stride = frame
            .width
            .max(frame.height)
            .div_ceil(SAMPLES_ACROSS)
            .max(1);
        let (rgb, w, h) = frame.to_rgb(stride);
        looks.push(measure(&rgb, w, h));
        small.push(rgb);
        progress.set(0.1 + 0.25 * (step + 1) as f32)?;
    }
    let changes: Vec<f32> = small
        .windows(2)
        .map(|pair| difference(&pair[0], &pair[1]))
        .collect();
    let change = changes.iter().copied().fold(0.0, f32::max);
    let motion = match change {
        c if c < 0.8 => "almost nothing moves",
        c if c < 4.0 => "there is slow, slight motion",
        c if c < 14.0 => "there is steady motion",
        _ => "the picture changes strongly",
    };
    let seconds = track.seconds();
    let fps = if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    };
    let light = looks[2].lightness - looks[0].lightness;
    let trend = match light {
        l if l > 0.04 => " and grows brighter",
        l if l < -0.04 => " and grows darker",
        _ => "",
    };
    Ok(format!(
        "A video of {seconds:.1} s: {count} frames of {}×{} pixels at {fps:.0} frames a second, {}. From first to last frame {motion}{trend} (mean difference {change:.1} of 255). {} {NOTICE}",
        track.width,
        track.height,
        shape(track.width as usize, track.height as usize),
        looks[1].sentences(),
    ))
}

/// Decodes from the key picture before the target up to it.
fn picture_at(
    file: &[u8],
    track: &Track,
    target: usize,
    progress: &Progress,
) -> Result<Frame, JobError> {
    let start = (0..=target)
        .rev()
        .find(|&index| track.samples[index].key)
        .unwrap_or(0);
    // A key picture every ten seconds at most is usual; further than this the key picture itself will do.
    const MAX_RUN: usize = 300;
    let target = if target - start > MAX_RUN {
        start
    } else {
        target
    };
    let mut decoder = Decoder::new()?;
    let mut found = None;
    for index in start..=target {
        progress.check()?;
        let unit = track.unit(file, &track.samples[index])?;
        if let Some(frame) = decoder.decode(&unit, index == target)? {
            found = Some(frame);
        }
    }
    found
        .or_else(|| decoder.finish().pop())
        .filter(|f| f.width > 1 && f.height > 1)
        .ok_or_else(|| JobError::terminal("the video holds no picture that decodes"))
}

fn difference(a: &[u8], b: &[u8]) -> f32 {
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(x, y)| u64::from(x.abs_diff(*y)))
        .sum();
    sum as f32 / a.len().max(1) as f32
}

fn shape(w: usize, h: usize) -> &'static str {
    let ratio = w as f32 / h as f32;
    match ratio {
        r if r > 2.2 => "very wide",
        r if (1.7..1.85).contains(&r) => "wide (16:9)",
        r if r > 1.05 => "landscape",
        r if r > 0.95 => "square",
        _ => "upright",
    }
}

fn measure(rgb: &[u8], w: usize, h: usize) -> Look {
    let step = w.max(h).div_ceil(SAMPLES_ACROSS).max(1);
    let names: Vec<[f32; 3]> = NAMES
        .iter()
        .map(|(_, code)| oklab([(code >> 16) as u8, (code >> 8) as u8, *code as u8]))
        .collect();
    let mut counts = vec![0u32; NAMES.len()];
    let mut rows = Vec::new();
    let (mut sum, mut squares, mut warmth, mut count) = (0.0f64, 0.0f64, 0.0f64, 0u32);
    for y in (0..h).step_by(step) {
        let (mut row, mut across) = ([0.0f32; 3], 0.0f32);
        for x in (0..w).step_by(step) {
            let at = (y * w + x) * 3;
            let lab = oklab([rgb[at], rgb[at + 1], rgb[at + 2]]);
            let distance = |name: &[f32; 3]| {
                (0..3)
                    .map(|c| (name[c] - lab[c]).powi(2) * if c == 0 { 0.8 } else { 2.2 })
                    .sum::<f32>()
            };
            let nearest = names
                .iter()
                .enumerate()
                .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))
                .map_or(0, |(i, _)| i);
            counts[nearest] += 1;
            sum += f64::from(lab[0]);
            squares += f64::from(lab[0] * lab[0]);
            warmth += f64::from(lab[1] + lab[2]);
            count += 1;
            for c in 0..3 {
                row[c] += lab[c];
            }
            across += 1.0;
        }
        rows.push(row.map(|v| v / across));
    }
    let n = f64::from(count.max(1));
    let mean = sum / n;
    let mut colours: Vec<(&str, f32)> = NAMES
        .iter()
        .zip(&counts)
        .map(|((name, _), c)| (*name, *c as f32 / count.max(1) as f32))
        .collect();
    colours.sort_by(|a, b| b.1.total_cmp(&a.1));
    colours.truncate(4);
    colours.retain(|(_, share)| *share >= 0.05);
    Look {
        colours,
        lightness: mean as f32,
        contrast: (squares / n - mean * mean).max(0.0).sqrt() as f32,
        warmth: (warmth / n) as f32,
        horizon: horizon(&rows),
    }
}

/// The height of the strongest level edge, when one stands out: 0 at the top, 1 at the bottom.
fn horizon(rows: &[[f32; 3]]) -> Option<f32> {
    if rows.len() < 12 {
        return None;
    }
    let edges: Vec<f32> = rows
        .windows(3)
        .map(|r| {
            (0..3)
                .map(|c| (r[2][c] - r[0][c]).powi(2))
                .sum::<f32>()
                .sqrt()
        })
        .collect();
    let mean = edges.iter().sum::<f32>() / edges.len() as f32;
    let (from, to) = (edges.len() / 5, edges.len() * 17 / 20);
    let (index, edge) = edges
        .iter()
        .enumerate()
        .take(to)
        .skip(from)
        .max_by(|a, b| a.1.total_cmp(b.1))?;
    (*edge > 0.035 && *edge > 3.2 * mean).then(|| (index + 1) as f32 / rows.len() as f32)
}

impl Look {
    fn sentences(&self) -> String {
        let colours: Vec<String> = self
            .colours
            .iter()
            .map(|(name, share)| format!("{name} ({:.0} %)", share * 100.0))
            .collect();
        let light = match self.lightness {
            l if l < 0.22 => "very dark",
            l if l < 0.40 => "dark",
            l if l < 0.62 => "of middle brightness",
            l if l < 0.80 => "bright",
            _ => "very bright",
        };
        let contrast = match self.contrast {
            c if c < 0.06 => "very low",
            c if c < 0.13 => "low",
            c if c < 0.22 => "medium",
            _ => "high",
        };
        let warmth = match self.warmth {
            t if t > 0.03 => "warm",
            t if t < -0.03 => "cool",
            _ => "neutral",
        };
        let mut text = format!(
            "Mostly {}; {light} (lightness {:.2}) with {contrast} contrast and a {warmth} cast.",
            list(&colours),
            self.lightness
        );
        if let Some(height) = self.horizon {
            text.push_str(&format!(
                " A level edge, perhaps a horizon, lies at {:.0} % of the height.",
                height * 100.0
            ));
        }
        text
    }
}

fn list(items: &[String]) -> String {
    match items {
        [] => "many colours".to_owned(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk14_pure_colours_get_their_names() {
        for (code, name) in [
            ([255, 255, 255], "white"),
            ([0, 0, 0], "black"),
            ([200, 48, 44], "red"),
            ([28, 49, 96], "navy"),
        ] {
            let rgb: Vec<u8> = code.iter().copied().cycle().take(64 * 64 * 3).collect();
            assert_eq!(measure(&rgb, 64, 64).colours[0].0, name);
        }
    }

    #[test]
    fn tk14_a_level_edge_is_found_where_it_is() {
        let rgb: Vec<u8> = (0..100 * 100)
            .flat_map(|i| {
                if i / 100 < 60 {
                    [210, 220, 240]
                } else {
                    [30, 50, 80]
                }
            })
            .collect();
        let height = measure(&rgb, 100, 100).horizon.expect("an edge");
        assert!((height - 0.6).abs() < 0.03, "{height}");
    }
}
