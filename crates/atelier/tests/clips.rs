//! Clips and films through the library: structure, decoding, joining, hostile files.

use atelier::cancel::Progress;
use atelier::describe;
use atelier::error::JobError;
use atelier::media::camera::CameraMove;
use atelier::media::codec::{Decoder, Encoder};
use atelier::media::demux;
use atelier::media::mux::Writer;
use atelier::media::yuv::Frame;
use atelier::media::{TICKS, assemble, clip};
use atelier::paint::noise::Rng;
use bytes::Bytes;

fn still(width: usize, height: usize) -> Frame {
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|i| {
            let (x, y) = (i % width, i / width);
            [
                (x * 255 / width) as u8,
                (y * 255 / height) as u8,
                if (x / 40 + y / 40) % 2 == 0 { 200 } else { 60 },
            ]
        })
        .collect();
    Frame::from_rgb(&rgb, width, height)
}

fn make(seconds: f32, camera: CameraMove) -> Bytes {
    let picture = still(1280, 720);
    let order = clip::Order {
        picture: &picture,
        camera,
        seconds,
        prompt: "a lamp by the sea",
        seed: 5,
    };
    Bytes::from(clip::render(&order, &Progress::default()).expect("rendered"))
}

/// A clip of another size and speed, as another tool might make it.
fn foreign(width: usize, height: usize, frames: u32, fps: u64) -> Bytes {
    let mut encoder = Encoder::new().expect("encoder");
    let mut writer = Writer::new(width as u32, height as u32, fps as f64).expect("writer");
    for index in 0..frames {
        let mut frame = still(width, height);
        frame
            .y
            .iter_mut()
            .for_each(|luma| *luma = luma.saturating_add(index as u8));
        let unit = encoder.encode(&frame, index).expect("encoded");
        let time = u64::from(index) * TICKS / fps;
        writer
            .write(time, time, &unit.data, unit.key)
            .expect("written");
    }
    Bytes::from(writer.finish().expect("finished"))
}

fn decode_all(file: &[u8]) -> Vec<Frame> {
    let track = demux::read(file).expect("a track");
    let mut decoder = Decoder::new().expect("decoder");
    let mut frames: Vec<Frame> = track
        .samples
        .iter()
        .filter_map(|s| {
            decoder
                .decode(&track.unit(file, s).expect("unit"), true)
                .expect("decodes")
        })
        .collect();
    frames.extend(decoder.finish());
    frames
}

fn top_boxes(file: &[u8]) -> Vec<String> {
    let (mut names, mut at) = (Vec::new(), 0);
    while at + 8 <= file.len() {
        let size =
            u32::from_be_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]) as usize;
        names.push(String::from_utf8_lossy(&file[at + 4..at + 8]).into_owned());
        at += size.max(8);
    }
    names
}

#[test]
fn tk14_a_clip_is_an_mp4_with_its_index_first_and_every_frame_decodes() {
    let file = make(2.5, CameraMove::PushIn);
    let boxes = top_boxes(&file);
    let position = |name: &str| {
        boxes
            .iter()
            .position(|b| b == name)
            .unwrap_or_else(|| panic!("{name} in {boxes:?}"))
    };
    assert!(
        position("ftyp") == 0 && position("moov") < position("mdat"),
        "{boxes:?}"
    );
    let track = demux::read(&file).expect("a track");
    assert_eq!(
        (track.width, track.height, track.samples.len()),
        (1280, 720, 60)
    );
    assert!((track.seconds() - 2.5).abs() < 1e-6);
    assert_eq!(
        track.samples.iter().filter(|s| s.key).count(),
        2,
        "a key picture every two seconds"
    );
    let frames = decode_all(&file);
    assert_eq!(frames.len(), 60);
    assert!(frames.iter().all(|f| (f.width, f.height) == (1280, 720)));
    let moved = frames[0]
        .y
        .iter()
        .zip(&frames[59].y)
        .filter(|(a, b)| a.abs_diff(**b) > 12)
        .count();
    assert!(moved > 20_000, "the camera moves: {moved}");
}

#[test]
fn tk14_a_static_shot_keeps_the_picture_and_lives() {
    let frames = decode_all(&make(0.5, CameraMove::Static));
    assert_eq!(frames.len(), 12);
    let source = still(1280, 720);
    let error: u64 = frames[6]
        .y
        .iter()
        .zip(&source.y)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    assert!((error as f64 / source.y.len() as f64) < 4.0);
    assert_ne!(frames[0].y, frames[11].y);
}

#[test]
fn tk14_clips_of_one_kind_are_joined_without_encoding_again() {
    let clips = [
        make(1.0, CameraMove::PanLeft),
        make(0.5, CameraMove::TiltUp),
        make(2.5, CameraMove::Orbit),
    ];
    let film = assemble::join(&clips, &Progress::default()).expect("joined");
    assert!(film.copied && (film.seconds - 4.0).abs() < 1e-6);
    let track = demux::read(&film.data).expect("a track");
    assert_eq!(track.samples.len(), 24 + 12 + 60);
    assert!((track.seconds() - 4.0).abs() < 1e-6);
    let frames = decode_all(&film.data);
    assert_eq!(frames.len(), 96);
    assert_eq!(
        frames[24].y,
        decode_all(&clips[1])[0].y,
        "the second clip is there as it was"
    );
    let boxes = top_boxes(&film.data);
    assert!(boxes.iter().position(|b| b == "moov") < boxes.iter().position(|b| b == "mdat"));
}

#[test]
fn tk14_clips_that_differ_are_brought_to_the_first() {
    let clips = [
        foreign(320, 180, 24, 24),
        foreign(160, 160, 30, 15),
        foreign(320, 180, 12, 24),
    ];
    let film = assemble::join(&clips, &Progress::default()).expect("joined");
    assert!(!film.copied && (film.width, film.height) == (320, 180));
    assert!((film.seconds - 3.5).abs() < 0.05, "{}", film.seconds);
    assert_eq!(decode_all(&film.data).len(), 84);
}

#[test]
fn tk14_a_video_is_described_by_measure() {
    let text =
        describe::video(&make(1.0, CameraMove::PushIn), &Progress::default()).expect("described");
    assert!(
        text.starts_with("A video of 1.0 s: 24 frames of 1280×720 pixels at 24 frames a second"),
        "{text}"
    );
    assert!(
        text.ends_with(describe::NOTICE) && text.contains("From first to last frame"),
        "{text}"
    );
}

#[test]
fn tk14_rendering_stops_when_it_is_cancelled() {
    let picture = still(1280, 720);
    let progress = Progress::default();
    progress.cancel();
    let order = clip::Order {
        picture: &picture,
        camera: CameraMove::Static,
        seconds: 30.0,
        prompt: "",
        seed: 1,
    };
    assert_eq!(clip::render(&order, &progress), Err(JobError::Cancelled));
}

#[test]
fn rl3_hostile_videos_end_in_terminal_errors() {
    let good = foreign(64, 64, 6, 24);
    let mut cases = vec![
        Bytes::new(),
        Bytes::from_static(b"\0\0\0\x10ftypisom\0\0\0\0"),
        Bytes::from(vec![0u8; 4_000]),
        Bytes::from_static(b"\0\0\0\x08ftyp\xff\xff\xff\xffmoov"),
    ];
    for cut in [12, 40, good.len() / 3, good.len() / 2, good.len() - 9] {
        cases.push(good.slice(..cut));
    }
    for (index, bytes) in cases.iter().enumerate() {
        let error = describe::video(bytes, &Progress::default()).expect_err("refused");
        assert!(
            matches!(error, JobError::Terminal(_)),
            "case {index}: {error}"
        );
        let film =
            assemble::join(&[good.clone(), bytes.clone()], &Progress::default()).map(|f| f.seconds);
        assert!(
            matches!(&film, Err(JobError::Terminal(why)) if why.contains("clip 2") || why.contains("damaged") || why.contains("decode")),
            "case {index}: {film:?}"
        );
    }
}

#[test]
fn rl3_hundreds_of_damaged_videos_never_panic() {
    let good = foreign(64, 64, 4, 24).to_vec();
    let moov = top_boxes(&good)
        .iter()
        .position(|b| b == "moov")
        .expect("moov");
    assert!(moov > 0);
    let index_size = good.len() / 2;
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let mut bytes = good.clone();
        for _ in 0..1 + rng.index(6) {
            let at = if rng.chance(0.8) {
                rng.index(index_size)
            } else {
                rng.index(good.len())
            };
            bytes[at] = match rng.index(4) {
                0 => 0,
                1 => 255,
                2 => bytes[at] ^ (1 << rng.index(8)),
                _ => rng.bits() as u8,
            };
        }
        match describe::video(&bytes, &Progress::default()) {
            Ok(text) => assert!(text.ends_with(describe::NOTICE)),
            Err(error) => assert!(
                matches!(error, JobError::Terminal(_)),
                "seed {seed}: {error}"
            ),
        }
    }
}

/// `cargo test --release -p atelier --test clips -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn bench_clip_of_four_seconds() {
    let picture = still(1280, 720);
    for camera in [CameraMove::Static, CameraMove::PushIn, CameraMove::PanRight] {
        let order = clip::Order {
            picture: &picture,
            camera,
            seconds: 4.0,
            prompt: "a lamp by the sea",
            seed: 5,
        };
        let begun = std::time::Instant::now();
        let file = clip::render(&order, &Progress::default()).expect("rendered");
        println!(
            "{camera:?}: {:?}, {} kB",
            begun.elapsed(),
            file.len() / 1024
        );
    }
}
