//! Pictures, clips and a film for the eye, with the time they took.
//!
//! `ATELIER_GALLERY=dir` holds `prompts.txt`, one prompt a line; a PNG of each is written beside it.
//! With `ATELIER_CLIPS=6` the first six become clips and a film too.

use atelier::cancel::Progress;
use atelier::media::camera::CameraMove;
use atelier::media::yuv::Frame;
use atelier::media::{assemble, clip};
use atelier::paint::{self, HEIGHT, WIDTH, noise};
use bytes::Bytes;
use std::time::Instant;

#[test]
#[ignore = "writes pictures to look at"]
fn gallery() {
    let dir = std::path::PathBuf::from(
        std::env::var("ATELIER_GALLERY").expect("ATELIER_GALLERY names a directory"),
    );
    let clips: usize = std::env::var("ATELIER_CLIPS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let prompts = std::fs::read_to_string(dir.join("prompts.txt")).expect("prompts.txt");
    let moves = [
        "push in",
        "static",
        "pan right",
        "pull out",
        "tilt up",
        "orbit",
        "pan left",
        "tilt down",
        "dolly",
        "handheld",
    ];
    let mut film = Vec::new();
    for (index, prompt) in prompts.lines().enumerate() {
        let seed = noise::seed_of(prompt);
        let begun = Instant::now();
        let picture = paint::picture(prompt, &serde_json::Map::new(), seed, &Progress::default())
            .expect("painted");
        let painted = begun.elapsed();
        let png = paint::png(&picture).expect("encoded");
        println!(
            "{index:02} painted in {painted:?}, with PNG {:?}, {} kB: {prompt}",
            begun.elapsed(),
            png.len() / 1024
        );
        std::fs::write(dir.join(format!("{index:02}.png")), png).expect("written");
        if index < clips {
            let begun = Instant::now();
            let frame = Frame::from_rgb(&picture.rgb, WIDTH, HEIGHT);
            let camera = CameraMove::parse(moves[index % moves.len()]).expect("known");
            let order = clip::Order {
                picture: &frame,
                camera,
                seconds: 4.0,
                prompt,
                seed,
            };
            let data = Bytes::from(clip::render(&order, &Progress::default()).expect("rendered"));
            println!(
                "   {camera:?} in {:?}, {} kB",
                begun.elapsed(),
                data.len() / 1024
            );
            std::fs::write(dir.join(format!("{index:02}.mp4")), &data).expect("written");
            film.push(data);
        }
    }
    if !film.is_empty() {
        let begun = Instant::now();
        let film = assemble::join(&film, &Progress::default()).expect("joined");
        println!(
            "film of {:.1} s in {:?}, copied: {}",
            film.seconds,
            begun.elapsed(),
            film.copied
        );
        std::fs::write(dir.join("film.mp4"), film.data).expect("written");
    }
}
