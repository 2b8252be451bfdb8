//! AS4: thumbnails, and files that want to be decoded into more than there is.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use media::thumbnail::{NoThumbnail, SIDES, make};

fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

fn opaque(width: u32, height: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| Rgb([(x / 4) as u8, (y / 4) as u8, 90]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel))
}

#[test]
fn as4_every_format_gets_its_thumbnails() {
    let clear = RgbaImage::from_fn(900, 300, |x, _| Rgba([10, 200, 30, (x % 256) as u8]));
    let clear = DynamicImage::ImageRgba8(clear);
    let table = [
        ("png", opaque(900, 300), ImageFormat::Png, "image/jpeg"),
        ("jpeg", opaque(900, 300), ImageFormat::Jpeg, "image/jpeg"),
        ("webp", opaque(900, 300), ImageFormat::WebP, "image/jpeg"),
        ("gif", clear.clone(), ImageFormat::Gif, "image/png"),
        ("clear png", clear, ImageFormat::Png, "image/png"),
    ];
    for (name, picture, format, media_type) in table {
        let made = make(&file(&picture, format)).expect(name);
        let sizes: Vec<_> = made
            .iter()
            .map(|one| (one.side, one.width, one.height))
            .collect();
        assert_eq!(
            sizes,
            [(512, 512, 171), (256, 256, 86), (128, 128, 43)],
            "{name}"
        );
        for one in made {
            assert_eq!(one.media_type, media_type, "{name}");
            let read = image::load_from_memory(&one.bytes).expect("readable");
            assert_eq!(
                (read.width(), read.height()),
                (one.width, one.height),
                "{name}"
            );
        }
    }
}

#[test]
fn as4_small_pictures_are_not_blown_up() {
    let made = make(&file(&opaque(100, 40), ImageFormat::Png)).expect("made");
    assert_eq!(made.len(), SIDES.len());
    assert!(made.iter().all(|one| (one.width, one.height) == (100, 40)));
}

/// A PNG of a few bytes whose header promises these dimensions.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 6, 0, 0, 0]);
    let mut crc = !0_u32;
    for byte in &header {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&(!crc).to_be_bytes());
    bytes.extend_from_slice(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    bytes
}

/// A GIF whose screen has these dimensions.
fn gif_bomb(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend_from_slice(&width.to_le_bytes());
    bytes.extend_from_slice(&height.to_le_bytes());
    bytes.extend_from_slice(&[0, 0, 0]);
    bytes.extend_from_slice(b",\0\0\0\0");
    bytes.extend_from_slice(&width.to_le_bytes());
    bytes.extend_from_slice(&height.to_le_bytes());
    bytes.extend_from_slice(&[0, 2, 0, b';']);
    bytes
}

#[test]
fn as4_bombs_are_refused_before_they_are_decoded() {
    let started = std::time::Instant::now();
    let table = [
        (
            "a hundred thousand squared",
            bomb(100_000, 100_000),
            "too large",
        ),
        (
            "all that fits into the header",
            bomb(0x7fff_ffff, 0x7fff_ffff),
            "too large",
        ),
        ("one line", bomb(0x7fff_ffff, 1), "too large"),
        ("just over", bomb(8193, 8193), "too large"),
        ("a gif", gif_bomb(65_535, 65_535), "too large"),
        ("within the bounds but empty", bomb(64, 64), "broken"),
        ("cut off", bomb(64, 64)[..20].to_vec(), "broken"),
        ("no picture", b"<svg xmlns='x'/>".to_vec(), "no picture"),
        ("nothing", Vec::new(), "no picture"),
    ];
    for (name, file, expected) in table {
        let found = match make(&file) {
            Ok(_) => "made",
            Err(NoThumbnail::TooLarge { .. }) => "too large",
            Err(NoThumbnail::Broken) => "broken",
            Err(NoThumbnail::NotAPicture) => "no picture",
            Err(NoThumbnail::FileTooLarge) => "file too large",
        };
        // A decoder may refuse such dimensions by itself, before it is asked for them.
        let refused = expected == "too large" && found == "broken";
        assert!(found == expected || refused, "{name}: {found}");
    }
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn as4_what_is_cut_off_makes_no_thumbnail_and_no_panic() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ] {
        let picture = DynamicImage::ImageRgba8(opaque(64, 64).into_rgba8());
        let picture = if format == ImageFormat::Jpeg {
            opaque(64, 64)
        } else {
            picture
        };
        let whole = file(&picture, format);
        for length in (0..whole.len()).step_by(7) {
            let _ = make(&whole[..length]);
        }
    }
}
