//! Pictures painted from the words of a prompt and a seed: procedural, not a model.
//!
//! [`scene`] reads the words, [`palette`] chooses the light, the other modules paint their part in
//! linear light, far to near, and [`canvas`] develops the result. The same prompt, parameters and
//! seed give the same bytes.

mod boats;
pub mod canvas;
mod city;
mod coast;
mod figure;
mod flora;
mod indoor;
mod land;
pub mod noise;
mod outdoor;
mod palette;
mod pen;
pub mod scene;
mod sky;
mod space;
mod still;
mod things;
mod water;
mod weather;
mod words;

pub use canvas::{HEIGHT, WIDTH};

use crate::cancel::{Cancelled, Progress};
use canvas::{Canvas, Grade};
use noise::Rng;
use palette::Palette;
use scene::{Place, Scene, Shot, Time};
use serde_json::{Map, Value};
use sky::Light;

/// Everything the painters share about one picture.
pub struct Stage {
    pub scene: Scene,
    pub palette: Palette,
    pub light: Light,
    /// The horizon's row.
    pub horizon: f32,
    /// How large subjects are: by the shot size.
    pub scale: f32,
    pub rng: Rng,
}

/// A finished picture: packed 8-bit sRGB, [`WIDTH`] × [`HEIGHT`].
pub struct Picture {
    pub rgb: Vec<u8>,
}

/// Paints the picture of a prompt.
pub fn picture(
    prompt: &str,
    params: &Map<String, Value>,
    seed: u64,
    progress: &Progress,
) -> Result<Picture, Cancelled> {
    let scene = Scene::read(prompt, params, seed);
    let mut rng = Rng::new(seed);
    let palette = Palette::of(&scene, &mut rng);
    let base = match scene.place {
        Place::Sea => 0.50,
        Place::Shore => 0.60,
        Place::Desert => 0.52,
        Place::City => 0.70,
        Place::Forest => 0.60,
        Place::Mountains => 0.62,
        _ => 0.64,
    };
    let (scale, shift) = match scene.shot {
        Shot::Wide => (1.0, 0.0),
        Shot::Medium => (1.7, 0.03),
        Shot::Close => (2.6, 0.06),
    };
    let horizon = HEIGHT as f32 * (base + shift + rng.range(-0.035, 0.035));
    let light = Light {
        x: 0.0,
        y: 0.0,
        radius: 1.0,
        moon: false,
        visible: 0.0,
    };
    let mut stage = Stage {
        scale: scale * if scene.far { 0.62 } else { 1.0 },
        scene,
        palette,
        light,
        horizon,
        rng,
    };
    stage.light = sky::place_light(&mut stage);
    let mut canvas = Canvas::default();
    progress.set(0.1)?;
    match stage.scene.place {
        Place::Stair => indoor::stair(&mut canvas, &mut stage),
        Place::Room => indoor::room(&mut canvas, &mut stage),
        Place::Detail => still::paint(&mut canvas, &mut stage),
        Place::Space => space::paint(&mut canvas, &mut stage),
        Place::Sea
        | Place::Shore
        | Place::Forest
        | Place::Desert
        | Place::City
        | Place::Mountains
        | Place::Meadow => {
            outdoor::paint(&mut canvas, &mut stage, progress)?;
        }
    }
    progress.set(0.7)?;
    let grade = grade(&stage.scene);
    let rgb = canvas.develop(stage.scene.seed as u32, &grade);
    progress.set(0.85)?;
    Ok(Picture { rgb })
}

fn grade(scene: &Scene) -> Grade {
    let (exposure, tint) = match scene.time {
        Time::Dawn => (1.02, [1.02, 1.0, 0.99]),
        Time::Day => (0.98, [1.0, 1.0, 1.0]),
        Time::Golden => (1.0, [1.04, 1.0, 0.94]),
        Time::Dusk => (1.08, [1.03, 0.98, 1.02]),
        Time::Night => (1.25, [0.96, 0.99, 1.06]),
    };
    Grade {
        exposure,
        tint,
        vignette: 0.62,
        bloom: 0.55,
        grain: 1.8,
    }
}

/// The picture as a PNG file.
pub fn png(picture: &Picture) -> Result<Vec<u8>, image::ImageError> {
    use image::ImageEncoder;
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    let mut out = Vec::with_capacity(1 << 21);
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Sub).write_image(
        &picture.rgb,
        WIDTH as u32,
        HEIGHT as u32,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(out)
}
