//! Small pictures of pictures, made with bounds that hold before anything is decoded (AS4).

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

/// The longest sides of the thumbnails that are made.
pub const SIDES: [u32; 3] = [128, 256, 512];
/// Files up to this size are looked at: a picture is held whole while it is decoded.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Pixels that a picture may have: more than any camera's, and four bytes each are what fits below.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// Memory that decoding may take, beside the file.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;
/// A thumbnail lies in one row, which must stay well under a megabyte.
pub const MAX_BYTES: usize = 512 * 1024;
/// Good enough for a card on the canvas.
const JPEG_QUALITY: u8 = 82;

/// One small picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Which of [`SIDES`] it is for; the picture is never larger than the original.
    pub side: u32,
    pub width: u32,
    pub height: u32,
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

/// Why there is no thumbnail; the text may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoThumbnail {
    #[error("only PNG, JPEG, WebP and GIF pictures have thumbnails")]
    NotAPicture,
    #[error("the file has more than {MAX_FILE_BYTES} bytes")]
    FileTooLarge,
    #[error("{width} x {height} pixels are more than {MAX_PIXELS}, or take too much memory")]
    TooLarge { width: u32, height: u32 },
    #[error("the picture cannot be decoded")]
    Broken,
}

/// True for the types of which thumbnails can be made.
pub fn is_possible(media_type: &str) -> bool {
    matches!(
        media_type,
        "image/png" | "image/jpeg" | "image/webp" | "image/gif"
    )
}

/// All thumbnails of a picture, smallest last.
pub fn make(file: &[u8]) -> Result<Vec<Thumbnail>, NoThumbnail> {
    if file.len() as u64 > MAX_FILE_BYTES {
        return Err(NoThumbnail::FileTooLarge);
    }
    let mut picture = decode(file)?;
    let mut made = Vec::new();
    for side in SIDES.into_iter().rev() {
        if picture.width() > side || picture.height() > side {
            picture = picture.thumbnail(side, side);
        }
        made.push(encode(&picture, side).ok_or(NoThumbnail::Broken)?);
    }
    Ok(made)
}

/// Decodes within the bounds, shrinks to the largest thumbnail, and turns upright.
fn decode(file: &[u8]) -> Result<DynamicImage, NoThumbnail> {
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|_| NoThumbnail::NotAPicture)?;
    if reader.format().is_none() {
        return Err(NoThumbnail::NotAPicture);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| NoThumbnail::Broken)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
        return Err(NoThumbnail::TooLarge { width, height });
    }
    let orientation = decoder.orientation();
    let picture = DynamicImage::from_decoder(decoder).map_err(|_| NoThumbnail::Broken)?;
    let largest = SIDES[SIDES.len() - 1];
    let mut small = if width > largest || height > largest {
        picture.thumbnail(largest, largest)
    } else {
        picture
    };
    if let Ok(orientation) = orientation {
        small.apply_orientation(orientation);
    }
    // Eight bits a channel are what every browser shows.
    Ok(match small.color().has_alpha() {
        true => DynamicImage::ImageRgba8(small.into_rgba8()),
        false => DynamicImage::ImageRgb8(small.into_rgb8()),
    })
}

/// PNG where something shows through, unless that would be too large; else JPEG.
fn encode(picture: &DynamicImage, side: u32) -> Option<Thumbnail> {
    let thumbnail = |media_type, bytes| Thumbnail {
        side,
        width: picture.width(),
        height: picture.height(),
        media_type,
        bytes,
    };
    if picture.color().has_alpha() {
        let mut bytes = Vec::new();
        picture
            .write_with_encoder(PngEncoder::new(&mut bytes))
            .ok()?;
        if bytes.len() <= MAX_BYTES {
            return Some(thumbnail("image/png", bytes));
        }
    }
    let mut bytes = Vec::new();
    let opaque = DynamicImage::ImageRgb8(picture.to_rgb8());
    opaque
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        .ok()?;
    (bytes.len() <= MAX_BYTES).then(|| thumbnail("image/jpeg", bytes))
}
