//! Clips in order into one film: by copying their coded pictures when they share their parameters,
//! else by decoding and encoding them again.

use super::codec::{Decoder, Encoder, Unit};
use super::demux::{self, Track};
use super::mux::Writer;
use super::yuv::Frame;
use super::{FPS, TICKS};
use crate::cancel::Progress;
use crate::error::JobError;
use bytes::Bytes;

/// An hour: longer films are beyond an embedded provider.
const MAX_SECONDS: f64 = 3_600.0;

/// A finished film.
pub struct Film {
    pub data: Vec<u8>,
    pub width: u32,
    pub height: u32,
    pub seconds: f64,
    /// Whether the coded pictures were copied as they were.
    pub copied: bool,
}

pub fn join(clips: &[Bytes], progress: &Progress) -> Result<Film, JobError> {
    let mut tracks = Vec::with_capacity(clips.len());
    for (index, clip) in clips.iter().enumerate() {
        let track = demux::read(clip).map_err(|error| match error {
            JobError::Terminal(message) => {
                JobError::Terminal(format!("clip {}: {message}", index + 1))
            }
            other => other,
        })?;
        tracks.push(track);
    }
    let first = tracks
        .first()
        .ok_or_else(|| JobError::terminal("there are no clips"))?;
    if tracks.iter().map(Track::seconds).sum::<f64>() > MAX_SECONDS {
        return Err(JobError::terminal("the film would be longer than an hour"));
    }
    progress.set(0.05)?;
    let same = tracks.iter().all(|track| {
        (track.width, track.height, &track.sets) == (first.width, first.height, &first.sets)
    });
    if same {
        copy(clips, &tracks, progress)
    } else {
        recode(clips, &tracks, progress)
    }
}

fn copy(clips: &[Bytes], tracks: &[Track], progress: &Progress) -> Result<Film, JobError> {
    let (width, height) = (tracks[0].width, tracks[0].height);
    let mut writer = Writer::new(width, height, f64::from(FPS))?;
    let mut start = 0u64;
    for (index, (clip, track)) in clips.iter().zip(tracks).enumerate() {
        let ticks =
            |time: u64| (u128::from(time) * u128::from(TICKS) / u128::from(track.timescale)) as u64;
        for sample in &track.samples {
            let unit = track.unit(clip, sample)?;
            let shown = sample.decoded.saturating_add_signed(sample.shift);
            writer.write(
                start + ticks(shown),
                start + ticks(sample.decoded),
                &unit,
                sample.key,
            )?;
        }
        start += ticks(track.duration());
        progress.set(0.05 + 0.9 * (index + 1) as f32 / clips.len() as f32)?;
    }
    Ok(Film {
        data: writer.finish()?,
        width,
        height,
        seconds: start as f64 / TICKS as f64,
        copied: true,
    })
}

/// Brings all clips to the size of the first one and to 24 frames a second.
fn recode(clips: &[Bytes], tracks: &[Track], progress: &Progress) -> Result<Film, JobError> {
    let (width, height) = (tracks[0].width & !1, tracks[0].height & !1);
    let mut film = Recoder {
        progress,
        writer: Writer::new(width, height, f64::from(FPS))?,
        encoder: Encoder::new()?,
        size: (width as usize, height as usize),
        frames: 0,
    };
    let mut end = 0.0;
    for (index, (clip, track)) in clips.iter().zip(tracks).enumerate() {
        // Pictures leave the decoder in the order in which they are shown.
        let mut shown: Vec<u64> = track
            .samples
            .iter()
            .map(|s| s.decoded.saturating_add_signed(s.shift))
            .collect();
        shown.sort_unstable();
        let (start, scale) = (end, f64::from(track.timescale));
        end += track.seconds();
        let until = |picture: usize| {
            shown
                .get(picture + 1)
                .map_or(end, |next| start + (*next - shown[0]) as f64 / scale)
        };
        let mut decoder = Decoder::new()?;
        let mut picture = 0;
        for sample in &track.samples {
            if let Some(frame) = decoder.decode(&track.unit(clip, sample)?, true)? {
                film.hold(&frame, until(picture))?;
                picture += 1;
            }
            progress.check()?;
        }
        for frame in decoder.finish() {
            film.hold(&frame, until(picture))?;
            picture += 1;
        }
        if picture == 0 {
            return Err(JobError::terminal(format!(
                "clip {}: no picture decodes",
                index + 1
            )));
        }
        progress.set(0.05 + 0.9 * (index + 1) as f32 / clips.len() as f32)?;
    }
    let seconds = f64::from(film.frames) / f64::from(FPS);
    Ok(Film {
        data: film.writer.finish()?,
        width,
        height,
        seconds,
        copied: false,
    })
}

struct Recoder<'a> {
    progress: &'a Progress,
    writer: Writer,
    encoder: Encoder,
    size: (usize, usize),
    frames: u32,
}

impl Recoder<'_> {
    /// Shows a picture until that second of the film.
    fn hold(&mut self, picture: &Frame, until: f64) -> Result<(), JobError> {
        let last = (until * f64::from(FPS)).round() as u32;
        if last <= self.frames {
            return Ok(());
        }
        let fitted = fit(picture, self.size);
        while self.frames < last {
            self.progress.check()?;
            let Unit { data, key } = self.encoder.encode(&fitted, self.frames)?;
            let time = u64::from(self.frames) * TICKS / u64::from(FPS);
            self.writer.write(time, time, &data, key)?;
            self.frames += 1;
        }
        Ok(())
    }
}

/// The picture in a frame of that size, whole, with black bars where the shapes differ.
fn fit(picture: &Frame, (width, height): (usize, usize)) -> Frame {
    if (picture.width, picture.height) == (width, height) {
        return picture.clone();
    }
    let mut out = Frame::new(width, height);
    if picture.width < 2 || picture.height < 2 {
        return out;
    }
    let scale = f32::min(
        width as f32 / picture.width as f32,
        height as f32 / picture.height as f32,
    );
    let inner = |side: usize, limit: usize| (((side as f32 * scale) as usize) & !1).clamp(2, limit);
    let (iw, ih) = (inner(picture.width, width), inner(picture.height, height));
    let (x0, y0) = (((width - iw) / 2) & !1, ((height - ih) / 2) & !1);
    let (pw, ph) = (picture.width, picture.height);
    stretch((&picture.y, pw, ph), &mut out.y, width, (x0, y0, iw, ih));
    stretch(
        (&picture.u, pw / 2, ph / 2),
        &mut out.u,
        width / 2,
        (x0 / 2, y0 / 2, iw / 2, ih / 2),
    );
    stretch(
        (&picture.v, pw / 2, ph / 2),
        &mut out.v,
        width / 2,
        (x0 / 2, y0 / 2, iw / 2, ih / 2),
    );
    out
}

fn stretch(
    (source, sw, sh): (&[u8], usize, usize),
    out: &mut [u8],
    stride: usize,
    (x0, y0, w, h): (usize, usize, usize, usize),
) {
    for y in 0..h {
        let fy = ((y as f32 + 0.5) * sh as f32 / h as f32 - 0.5).clamp(0.0, (sh - 1) as f32);
        let (top, v) = (fy as usize, fy.fract());
        let below = (top + 1).min(sh - 1);
        for x in 0..w {
            let fx = ((x as f32 + 0.5) * sw as f32 / w as f32 - 0.5).clamp(0.0, (sw - 1) as f32);
            let (left, u) = (fx as usize, fx.fract());
            let right = (left + 1).min(sw - 1);
            let at = |row: usize, column: usize| f32::from(source[row * sw + column]);
            let a = at(top, left) * (1.0 - u) + at(top, right) * u;
            let b = at(below, left) * (1.0 - u) + at(below, right) * u;
            out[(y0 + y) * stride + x0 + x] = (a * (1.0 - v) + b * v + 0.5) as u8;
        }
    }
}
