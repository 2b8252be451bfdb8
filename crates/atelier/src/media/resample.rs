//! Samples a view of a picture with sub-pixel precision: Catmull-Rom in both directions for luma
//! and chroma alike, in fixed point, so that slow moves do not jitter.

use super::camera::View;
use super::yuv::Frame;

/// Steps between two pixels.
const PHASES: usize = 256;
/// Columns repeated at both sides of the source, so that taps never leave a row.
const PAD: usize = 16;

/// A source picture prepared for sampling.
pub struct Source {
    planes: [Plane; 3],
}

struct Plane {
    width: usize,
    height: usize,
    stride: usize,
    data: Vec<u8>,
}

impl Source {
    pub fn new(frame: &Frame) -> Self {
        let (w, h) = (frame.width, frame.height);
        Self {
            planes: [
                Plane::new(&frame.y, w, h),
                Plane::new(&frame.u, w / 2, h / 2),
                Plane::new(&frame.v, w / 2, h / 2),
            ],
        }
    }
}

impl Plane {
    fn new(data: &[u8], width: usize, height: usize) -> Self {
        let stride = width + 2 * PAD;
        let mut padded = Vec::with_capacity(stride * height);
        for row in data.chunks_exact(width) {
            padded.extend(std::iter::repeat_n(row[0], PAD));
            padded.extend_from_slice(row);
            padded.extend(std::iter::repeat_n(row[width - 1], PAD));
        }
        Self {
            width,
            height,
            stride,
            data: padded,
        }
    }
}

/// Working memory and weights, kept from frame to frame.
pub struct Sampler {
    weights: Vec<[i16; 4]>,
    rows: Vec<i16>,
}

impl Default for Sampler {
    fn default() -> Self {
        let weights = (0..PHASES)
            .map(|phase| {
                let t = phase as f32 / PHASES as f32;
                let (t2, t3) = (t * t, t * t * t);
                let w = [
                    -0.5 * t3 + t2 - 0.5 * t,
                    1.5 * t3 - 2.5 * t2 + 1.0,
                    -1.5 * t3 + 2.0 * t2 + 0.5 * t,
                    0.5 * t3 - 0.5 * t2,
                ];
                let mut fixed = w.map(|v| (v * 128.0).round() as i16);
                fixed[1] += 128 - fixed.iter().sum::<i16>();
                fixed
            })
            .collect();
        Self {
            weights,
            rows: Vec::new(),
        }
    }
}

impl Sampler {
    /// Fills `out` with the view. `drift(row)` displaces a source row (0…1 from the top) sideways, in
    /// pixels of the luma plane of the source.
    pub fn sample(
        &mut self,
        source: &Source,
        view: View,
        out: &mut Frame,
        drift: impl Fn(f32) -> f32,
    ) {
        let (w, h) = (out.width, out.height);
        self.plane(&source.planes[0], view, (&mut out.y, w, h), 1.0, &drift);
        self.plane(
            &source.planes[1],
            view,
            (&mut out.u, w / 2, h / 2),
            0.5,
            &drift,
        );
        self.plane(
            &source.planes[2],
            view,
            (&mut out.v, w / 2, h / 2),
            0.5,
            &drift,
        );
    }

    fn plane(
        &mut self,
        source: &Plane,
        view: View,
        out: (&mut [u8], usize, usize),
        unit: f32,
        drift: &impl Fn(f32) -> f32,
    ) {
        let (out, width, height) = out;
        let (sw, sh) = (source.width as f32, source.height as f32);
        // The view fills the output and keeps the aspect of the source.
        let scale = f32::min(sw / width as f32, sh / height as f32) / view.zoom.max(1.0);
        let left = view.x * sw - scale * width as f32 * 0.5;
        let top = view.y * sh - scale * height as f32 * 0.5;
        let row_of = |y: usize| (top + (y as f32 + 0.5) * scale - 0.5).clamp(0.0, sh - 1.0);
        let first = (row_of(0) as usize).saturating_sub(1);
        let last = (row_of(height - 1) as usize + 2).min(source.height - 1);
        self.rows.resize((last - first + 1) * width, 0);
        let step = (f64::from(scale) * 65_536.0) as i64;
        for row in first..=last {
            let down = row as f32 / sh;
            let shift =
                left + scale * 0.5 - 0.5 + view.shear * sw * (down - 0.5) + drift(down) * unit;
            let line = &source.data[row * source.stride..(row + 1) * source.stride];
            let target = &mut self.rows[(row - first) * width..(row - first + 1) * width];
            across(line, target, shift, step, &self.weights, source.width);
        }
        for (y, line) in out.chunks_exact_mut(width).enumerate().take(height) {
            let position = row_of(y);
            let base = position as usize;
            let phase = ((position - base as f32) * PHASES as f32) as usize;
            let [a, b, c, d] = self.weights[phase.min(PHASES - 1)].map(i32::from);
            let row = |offset: isize| {
                let index =
                    (base as isize + offset).clamp(first as isize, last as isize) as usize - first;
                &self.rows[index * width..(index + 1) * width]
            };
            let (ra, rb, rc, rd) = (row(-1), row(0), row(1), row(2));
            for x in 0..width {
                let sum = a * i32::from(ra[x])
                    + b * i32::from(rb[x])
                    + c * i32::from(rc[x])
                    + d * i32::from(rd[x]);
                line[x] = ((sum + 1_024) >> 11).clamp(0, 255) as u8;
            }
        }
    }
}

/// One row, horizontally: eight bits of value and four of fraction.
fn across(
    line: &[u8],
    target: &mut [i16],
    shift: f32,
    step: i64,
    weights: &[[i16; 4]],
    width: usize,
) {
    let lowest = -(PAD as i64 - 2) << 16;
    let highest = ((width + PAD - 4) as i64) << 16;
    let mut position = (f64::from(shift) * 65_536.0) as i64;
    for value in target {
        let at = position.clamp(lowest, highest);
        let index = ((at >> 16) + PAD as i64 - 1) as usize;
        let [a, b, c, d] = weights[(at >> 8 & 255) as usize].map(i32::from);
        let taps = &line[index..index + 4];
        let sum = a * i32::from(taps[0])
            + b * i32::from(taps[1])
            + c * i32::from(taps[2])
            + d * i32::from(taps[3]);
        *value = (sum >> 3) as i16;
        position += step;
    }
}
