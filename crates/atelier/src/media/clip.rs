//! A clip from a still: frames are a pure function of their number, so the pieces between two key
//! pictures are rendered and encoded on as many threads as there are cores.

use super::camera::CameraMove;
use super::codec::{Encoder, KEYFRAME_EVERY, Unit};
use super::life::Life;
use super::mux::Writer;
use super::resample::{Sampler, Source};
use super::yuv::Frame;
use super::{FPS, TICKS};
use crate::cancel::Progress;
use crate::error::JobError;
use crate::paint::{HEIGHT, WIDTH};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// What to make.
pub struct Order<'a> {
    pub picture: &'a Frame,
    pub camera: CameraMove,
    pub seconds: f32,
    /// Its words choose what moves beside the camera.
    pub prompt: &'a str,
    pub seed: u64,
}

/// Frames of a clip of that length.
pub fn frames(seconds: f32) -> u32 {
    ((seconds * FPS as f32).round() as u32).max(1)
}

/// Renders the clip; the answer is an MP4 file.
pub fn render(order: &Order<'_>, progress: &Progress) -> Result<Vec<u8>, JobError> {
    let total = frames(order.seconds);
    let pieces = total.div_ceil(KEYFRAME_EVERY);
    let source = Source::new(order.picture);
    let life = Life::of(order.prompt, order.seed);
    let finished = Mutex::new(
        (0..pieces)
            .map(|_| None)
            .collect::<Vec<Option<Vec<Unit>>>>(),
    );
    let (next, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(pieces as usize);
    let work = || -> Result<(), JobError> {
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return Ok(());
            }
            let from = piece * KEYFRAME_EVERY;
            let to = total.min(from + KEYFRAME_EVERY);
            let units = render_piece(order, &source, &life, from..to, total, &done, progress)?;
            let mut finished = finished
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            finished[piece as usize] = Some(units);
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut outcome = Ok(());
        for handle in handles {
            let result = handle
                .join()
                .unwrap_or_else(|_| Err(JobError::retryable("a rendering thread failed")));
            outcome = outcome.and(result);
        }
        outcome
    })?;
    let mut writer = Writer::new(WIDTH as u32, HEIGHT as u32, f64::from(FPS))?;
    let mut time = 0;
    for piece in finished
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
    {
        for unit in piece.ok_or_else(|| JobError::retryable("a piece of the clip is missing"))? {
            writer.write(time, time, &unit.data, unit.key)?;
            time += TICKS / u64::from(FPS);
        }
    }
    writer.finish()
}

fn render_piece(
    order: &Order<'_>,
    source: &Source,
    life: &Life,
    range: std::ops::Range<u32>,
    total: u32,
    done: &AtomicU32,
    progress: &Progress,
) -> Result<Vec<Unit>, JobError> {
    let mut encoder = Encoder::new()?;
    let mut sampler = Sampler::default();
    let mut frame = Frame::new(WIDTH, HEIGHT);
    let first = range.start;
    range
        .map(|index| {
            let t = index as f32 / (total - 1).max(1) as f32;
            let view = order.camera.view(t, order.seconds);
            sampler.sample(source, view, &mut frame, |row| life.drift(index, row));
            life.apply(index, &mut frame);
            let unit = encoder.encode(&frame, index - first)?;
            let ready = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.set(0.02 + 0.96 * ready as f32 / total as f32)?;
            Ok(unit)
        })
        .collect()
}
