//! Planar YUV 4:2:0, BT.709, limited range.

use openh264::formats::YUVSource;

/// A frame of even width and height.
#[derive(Clone)]
pub struct Frame {
    pub width: usize,
    pub height: usize,
    pub y: Vec<u8>,
    pub u: Vec<u8>,
    pub v: Vec<u8>,
}

impl Frame {
    /// A black frame. Odd sizes are rounded down to even ones.
    pub fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width & !1, height & !1);
        let chroma = width / 2 * (height / 2);
        Self {
            width,
            height,
            y: vec![16; width * height],
            u: vec![128; chroma],
            v: vec![128; chroma],
        }
    }

    /// From packed RGB whose length is `width * height * 3`.
    pub fn from_rgb(rgb: &[u8], width: usize, height: usize) -> Self {
        let mut frame = Self::new(width, height);
        let stride = width * 3;
        for (row, line) in frame.y.chunks_exact_mut(frame.width).enumerate() {
            let source = &rgb[row * stride..(row + 1) * stride];
            for (luma, p) in line.iter_mut().zip(source.chunks_exact(3)) {
                let sum =
                    11_966 * i32::from(p[0]) + 40_254 * i32::from(p[1]) + 4_064 * i32::from(p[2]);
                *luma = (16 + ((sum + 32_768) >> 16)) as u8;
            }
        }
        let half = frame.width / 2;
        for row in 0..frame.height / 2 {
            let top = &rgb[row * 2 * stride..];
            let bottom = &rgb[(row * 2 + 1) * stride..];
            for column in 0..half {
                let at = column * 6;
                let sum = |c: usize| {
                    i32::from(top[at + c])
                        + i32::from(top[at + 3 + c])
                        + i32::from(bottom[at + c])
                        + i32::from(bottom[at + 3 + c])
                };
                let (r, g, b) = (sum(0), sum(1), sum(2));
                let u = (-6_596 * r - 22_189 * g + 28_784 * b + (1 << 17)) >> 18;
                let v = (28_784 * r - 26_145 * g - 2_639 * b + (1 << 17)) >> 18;
                frame.u[row * half + column] = (128 + u).clamp(0, 255) as u8;
                frame.v[row * half + column] = (128 + v).clamp(0, 255) as u8;
            }
        }
        frame
    }

    /// Copies a decoded picture, dropping an odd last row or column.
    pub fn copy_of(source: &impl YUVSource) -> Self {
        let (width, height) = source.dimensions();
        let (ys, us, vs) = source.strides();
        let mut frame = Self::new(width, height);
        let (w, h) = (frame.width, frame.height);
        copy_plane(&mut frame.y, source.y(), w, h, ys);
        copy_plane(&mut frame.u, source.u(), w / 2, h / 2, us);
        copy_plane(&mut frame.v, source.v(), w / 2, h / 2, vs);
        frame
    }

    /// Packed RGB of every `step`-th pixel, and the size of that smaller picture.
    pub fn to_rgb(&self, step: usize) -> (Vec<u8>, usize, usize) {
        let step = step.max(1);
        let (w, h) = (self.width.div_ceil(step), self.height.div_ceil(step));
        let mut out = Vec::with_capacity(w * h * 3);
        for y in (0..self.height).step_by(step) {
            for x in (0..self.width).step_by(step) {
                let chroma = y / 2 * (self.width / 2) + x / 2;
                let luma = 1.164 * (f32::from(self.y[y * self.width + x]) - 16.0);
                let (u, v) = (
                    f32::from(self.u[chroma]) - 128.0,
                    f32::from(self.v[chroma]) - 128.0,
                );
                for value in [
                    luma + 1.793 * v,
                    luma - 0.213 * u - 0.533 * v,
                    luma + 2.112 * u,
                ] {
                    out.push(value.clamp(0.0, 255.0) as u8);
                }
            }
        }
        (out, w, h)
    }
}

fn copy_plane(out: &mut [u8], source: &[u8], width: usize, height: usize, stride: usize) {
    if width == 0 || stride == 0 {
        return;
    }
    for (line, from) in out
        .chunks_exact_mut(width)
        .zip(source.chunks(stride))
        .take(height)
    {
        if let Some(from) = from.get(..width) {
            line.copy_from_slice(from);
        }
    }
}

impl YUVSource for Frame {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}
