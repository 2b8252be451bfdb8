//! What each kind of job does, on a blocking thread: bytes and words in, bytes and words out.

use crate::cancel::Progress;
use crate::describe;
use crate::error::JobError;
use crate::media::yuv::Frame;
use crate::media::{FPS, assemble, clip, still};
use crate::paint;
use crate::request::{Kind, Request};
use crate::screenplay;
use bytes::Bytes;

/// What a job made.
pub enum Made {
    Media {
        data: Vec<u8>,
        media_type: &'static str,
        extension: &'static str,
        width: u32,
        height: u32,
        seconds: Option<f64>,
    },
    Text(String),
}

pub fn perform(request: &Request, inputs: &[Bytes], progress: &Progress) -> Result<Made, JobError> {
    progress.set(0.01)?;
    match request.kind {
        Kind::ImageGen => picture(request, progress),
        Kind::VideoGen => video(request, inputs, progress),
        Kind::ImageDesc => describe::image(first(inputs)?, progress).map(Made::Text),
        Kind::VideoDesc => describe::video(first(inputs)?, progress).map(Made::Text),
        Kind::TextGen => Ok(Made::Text(screenplay::write(
            &request.prompt,
            &request.params,
            request.seed,
        ))),
        Kind::Assemble => {
            let film = assemble::join(inputs, progress)?;
            tracing::debug!(
                copied = film.copied,
                seconds = film.seconds,
                "film assembled"
            );
            Ok(mp4(film.data, film.width, film.height, film.seconds))
        }
    }
}

fn picture(request: &Request, progress: &Progress) -> Result<Made, JobError> {
    let picture = paint::picture(&request.prompt, &request.params, request.seed, progress)?;
    let data = paint::png(&picture)
        .map_err(|error| JobError::retryable(format!("the PNG cannot be written: {error}")))?;
    let (width, height) = (paint::WIDTH as u32, paint::HEIGHT as u32);
    Ok(Made::Media {
        data,
        media_type: "image/png",
        extension: "png",
        width,
        height,
        seconds: None,
    })
}

fn video(request: &Request, inputs: &[Bytes], progress: &Progress) -> Result<Made, JobError> {
    let (width, height) = (paint::WIDTH, paint::HEIGHT);
    let frame = match inputs.first() {
        Some(bytes) => still::frame(still::decode(bytes)?, width as u32, height as u32),
        None => {
            let picture = paint::picture(&request.prompt, &request.params, request.seed, progress)?;
            Frame::from_rgb(&picture.rgb, width, height)
        }
    };
    let order = clip::Order {
        picture: &frame,
        camera: request.camera,
        seconds: request.seconds,
        prompt: &request.prompt,
        seed: request.seed,
    };
    let data = clip::render(&order, progress)?;
    let seconds = f64::from(clip::frames(request.seconds)) / f64::from(FPS);
    Ok(mp4(data, width as u32, height as u32, seconds))
}

fn mp4(data: Vec<u8>, width: u32, height: u32, seconds: f64) -> Made {
    Made::Media {
        data,
        media_type: "video/mp4",
        extension: "mp4",
        width,
        height,
        seconds: Some(seconds),
    }
}

fn first(inputs: &[Bytes]) -> Result<&Bytes, JobError> {
    inputs
        .first()
        .ok_or_else(|| JobError::terminal("there is no input"))
}
