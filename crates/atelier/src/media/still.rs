//! Untrusted pictures in: PNG and JPEG, bounded before they are decoded.

use super::yuv::Frame;
use crate::error::JobError;
use image::imageops::{self, FilterType};
use image::{ImageFormat, ImageReader, Limits, RgbImage};
use std::io::Cursor;

/// Larger sides are refused from the header alone: no camera makes them, and 50,000 × 50,000 pixels
/// would take 7.5 GB.
const MAX_SIDE: u32 = 8_192;

/// What one decoder may allocate: 8,192 × 8,192 in RGB fits.
const MAX_ALLOCATION: u64 = 256 << 20;

/// Smaller pictures have nothing to describe or to move over.
const MIN_SIDE: u32 = 2;

pub fn decode(bytes: &[u8]) -> Result<RgbImage, JobError> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| JobError::terminal(format!("the picture cannot be read: {error}")))?;
    match reader.format() {
        Some(ImageFormat::Png | ImageFormat::Jpeg) => {}
        _ => return Err(JobError::terminal("the picture is neither PNG nor JPEG")),
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOCATION);
    reader.limits(limits);
    let picture = reader
        .decode()
        .map_err(|error| JobError::terminal(format!("the picture does not decode: {error}")))?;
    let picture = picture.into_rgb8();
    if picture.width() < MIN_SIDE || picture.height() < MIN_SIDE {
        return Err(JobError::terminal(format!(
            "the picture is only {}×{} pixels",
            picture.width(),
            picture.height()
        )));
    }
    Ok(picture)
}

/// The picture cropped to the shape of `width`×`height` and scaled, keeping detail for close views.
pub fn frame(picture: RgbImage, width: u32, height: u32) -> Frame {
    let (w, h) = picture.dimensions();
    if (w, h) == (width, height) {
        return Frame::from_rgb(&picture, w as usize, h as usize);
    }
    // Half as large again as the output, when the picture has it: enough for the closest view.
    let rich = w >= width * 3 / 2 && h >= height * 3 / 2;
    let (tw, th) = if rich {
        (width * 3 / 2, height * 3 / 2)
    } else {
        (width, height)
    };
    // The largest part of the picture that has the target's shape.
    let (cw, ch) = if u64::from(w) * u64::from(th) > u64::from(h) * u64::from(tw) {
        (
            (u64::from(h) * u64::from(tw) / u64::from(th)).max(1) as u32,
            h,
        )
    } else {
        (
            w,
            (u64::from(w) * u64::from(th) / u64::from(tw)).max(1) as u32,
        )
    };
    let view = imageops::crop_imm(&picture, (w - cw) / 2, (h - ch) / 2, cw, ch);
    let scaled = imageops::resize(&*view, tw, th, FilterType::Triangle);
    Frame::from_rgb(&scaled, tw as usize, th as usize)
}
