//! Pictures and descriptions through the library.

use atelier::cancel::Progress;
use atelier::error::JobError;
use atelier::paint::{self, HEIGHT, WIDTH};
use atelier::{describe, media::still};
use serde_json::{Map, json};

fn png(prompt: &str, seed: u64) -> Vec<u8> {
    let picture = paint::picture(prompt, &Map::new(), seed, &Progress::default()).expect("painted");
    paint::png(&picture).expect("encoded")
}

#[test]
fn tk14_the_same_prompt_gives_the_same_png_and_another_gives_another() {
    let (a, again, other) = (
        png("Storm over a dark sea", 1),
        png("Storm over a dark sea", 1),
        png("A quiet forest at dawn", 1),
    );
    assert_eq!(a, again);
    assert_ne!(a, other);
    assert_ne!(
        a,
        png("Storm over a dark sea", 2),
        "another seed is another picture"
    );
    let decoded = still::decode(&a).expect("a PNG");
    assert_eq!(
        (decoded.width() as usize, decoded.height() as usize),
        (WIDTH, HEIGHT)
    );
}

#[test]
fn tk14_every_kind_of_place_and_shot_can_be_painted() {
    let prompts = [
        "a boat at sea",
        "a calm lake, a ship",
        "forest fire",
        "desert night",
        "city rain",
        "snowy mountains, a house",
        "a meadow, a tree",
        "stairs",
        "a room with a window",
        "close on a candle",
        "a planet in space",
        "",
        "émile à la plage 🌊",
        "lighthouse birds children winter fog",
    ];
    for (index, prompt) in prompts.into_iter().enumerate() {
        let shot = ["WS", "medium", "CU"][index % 3];
        let params = json!({"shot_size": shot})
            .as_object()
            .cloned()
            .unwrap_or_default();
        let picture = paint::picture(prompt, &params, 3, &Progress::default()).expect("painted");
        let mean =
            picture.rgb.iter().map(|v| u64::from(*v)).sum::<u64>() / picture.rgb.len() as u64;
        assert!((4..250).contains(&mean), "{prompt} {shot}: mean {mean}");
    }
}

#[test]
fn tk14_painting_stops_when_it_is_cancelled() {
    let progress = Progress::default();
    progress.cancel();
    assert!(paint::picture("a sea", &Map::new(), 1, &progress).is_err());
}

#[test]
fn tk14_a_description_is_measured_and_says_so() {
    let text = describe::image(
        &png("Storm clouds roll over a dark sea", 1),
        &Progress::default(),
    )
    .expect("described");
    assert!(
        text.starts_with("A picture of 1280×720 pixels, wide (16:9).")
            && text.ends_with(describe::NOTICE),
        "{text}"
    );
}

/// A PNG header that claims 50,000 × 50,000 pixels, with a right checksum.
fn huge_png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend_from_slice(&50_000u32.to_be_bytes());
    bytes.extend_from_slice(&50_000u32.to_be_bytes());
    bytes.extend_from_slice(&[8, 2, 0, 0, 0]);
    let crc = bytes[12..].iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 {
                0xedb8_8320 ^ (c >> 1)
            } else {
                c >> 1
            }
        })
    });
    bytes.extend_from_slice(&(!crc).to_be_bytes());
    bytes.extend_from_slice(b"\0\0\0\0IDAT");
    bytes
}

#[test]
fn rl3_hostile_pictures_end_in_terminal_errors() {
    let good = png("a meadow", 1);
    let mut cases = vec![
        Vec::new(),
        b"GIF89a".to_vec(),
        b"\x89PNG".to_vec(),
        huge_png(),
        vec![0xff; 5_000],
        b"\xff\xd8\xff\xe0 not a jpeg".to_vec(),
    ];
    for cut in [9, 33, 60, good.len() / 2, good.len() - 20] {
        cases.push(good[..cut].to_vec());
    }
    for (index, bytes) in cases.iter().enumerate() {
        let error = describe::image(bytes, &Progress::default()).expect_err("refused");
        assert!(
            matches!(error, JobError::Terminal(_)),
            "case {index}: {error}"
        );
    }
    assert!(
        describe::image(&huge_png(), &Progress::default())
            .expect_err("refused")
            .to_string()
            .contains("decode")
    );
}
