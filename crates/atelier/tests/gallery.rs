//! Pictures for the eye: `ATELIER_GALLERY=dir` holds `prompts.txt`, one prompt a line; a PNG of each
//! is written beside it, with the time it took.

use atelier::cancel::Progress;
use atelier::paint::{self, noise};
use std::time::Instant;

#[test]
#[ignore = "writes pictures to look at"]
fn gallery() {
    let dir = std::path::PathBuf::from(std::env::var("ATELIER_GALLERY").expect("ATELIER_GALLERY names a directory"));
    let prompts = std::fs::read_to_string(dir.join("prompts.txt")).expect("prompts.txt");
    for (index, prompt) in prompts.lines().enumerate() {
        let begun = Instant::now();
        let picture = paint::picture(prompt, &serde_json::Map::new(), noise::seed_of(prompt), &Progress::default()).expect("painted");
        let painted = begun.elapsed();
        let png = paint::png(&picture).expect("encoded");
        println!("{index:02} painted in {painted:?}, with PNG {:?}, {} kB: {prompt}", begun.elapsed(), png.len() / 1024);
        std::fs::write(dir.join(format!("{index:02}.png")), png).expect("written");
    }
}
