//! MP4 in: the H.264 track of an untrusted file. Every count and offset is checked against the
//! bytes that are there before anything is reserved or read.

use super::boxes::{bad, boxes, child, u16_at, u32_at, u64_at};
use crate::error::JobError;

/// An hour at 24 frames a second.
const MAX_SAMPLES: usize = 90_000;
/// Parameter sets a file may carry; players use one of each.
const MAX_SETS: usize = 32;
/// The largest side that the decoder takes (level 5.2).
const MAX_SIDE: u32 = 4_096;

/// One coded picture of the file.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub offset: usize,
    pub size: usize,
    /// Decoding time, in the track's timescale.
    pub decoded: u64,
    /// Display time minus decoding time.
    pub shift: i64,
    pub duration: u32,
    pub key: bool,
}

#[derive(Debug)]
pub struct Track {
    pub width: u32,
    pub height: u32,
    pub timescale: u32,
    /// SPS and PPS, without start codes.
    pub sets: Vec<Vec<u8>>,
    length_size: usize,
    pub samples: Vec<Sample>,
}

impl Track {
    /// The length of the whole, in the timescale.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.duration)).sum()
    }

    pub fn seconds(&self) -> f64 {
        self.duration() as f64 / f64::from(self.timescale)
    }

    /// A sample in Annex B form. A key picture is preceded by the parameter sets.
    pub fn unit(&self, file: &[u8], sample: &Sample) -> Result<Vec<u8>, JobError> {
        let mut data = file
            .get(sample.offset..sample.offset + sample.size)
            .ok_or_else(|| bad("a sample outside the file"))?;
        let mut out = Vec::with_capacity(data.len() + 64);
        if sample.key {
            for set in &self.sets {
                out.extend_from_slice(&[0, 0, 0, 1]);
                out.extend_from_slice(set);
            }
        }
        while !data.is_empty() {
            if data.len() < self.length_size {
                return Err(bad("a cut NAL unit"));
            }
            let (prefix, rest) = data.split_at(self.length_size);
            let length = prefix
                .iter()
                .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
            let nal = rest
                .get(..length)
                .ok_or_else(|| bad("a NAL unit longer than its sample"))?;
            // Sets inside the stream repeat those of the header; writing them once is enough.
            let set = matches!(nal.first().map(|b| b & 31), Some(7 | 8));
            let repeated = set && sample.key && self.sets.iter().any(|known| known == nal);
            if !nal.is_empty() && !repeated {
                out.extend_from_slice(&[0, 0, 0, 1]);
                out.extend_from_slice(nal);
            }
            data = &rest[length..];
        }
        if out.is_empty() {
            return Err(bad("an empty sample"));
        }
        Ok(out)
    }
}

/// Reads the first H.264 track.
pub fn read(file: &[u8]) -> Result<Track, JobError> {
    if file.get(4..8) != Some(b"ftyp") {
        return Err(JobError::terminal("the video is not an MP4 file"));
    }
    let moov = child(file, b"moov")?.ok_or_else(|| bad("no index (moov)"))?;
    if child(moov, b"mvex")?.is_some() {
        return Err(JobError::terminal("fragmented MP4 is not supported"));
    }
    for (kind, trak) in boxes(moov)? {
        if &kind == b"trak"
            && let Some(track) = track(trak, file.len())?
        {
            return Ok(track);
        }
    }
    Err(JobError::terminal("the MP4 has no H.264 track"))
}

fn track(trak: &[u8], file_size: usize) -> Result<Option<Track>, JobError> {
    let Some(mdia) = child(trak, b"mdia")? else {
        return Ok(None);
    };
    let Some(stbl) = child(mdia, b"minf")?
        .map(|minf| child(minf, b"stbl"))
        .transpose()?
        .flatten()
    else {
        return Ok(None);
    };
    let Some(stsd) = child(stbl, b"stsd")? else {
        return Ok(None);
    };
    let entries = boxes(stsd.get(8..).ok_or_else(|| bad("a short stsd"))?)?;
    let Some((_, entry)) = entries
        .into_iter()
        .find(|(kind, _)| kind == b"avc1" || kind == b"avc3")
    else {
        return Ok(None);
    };
    let width = u32::from(u16_at(entry, 24)?);
    let height = u32::from(u16_at(entry, 26)?);
    if width < 16 || height < 16 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(JobError::terminal(format!(
            "a video of {width}×{height} is not supported"
        )));
    }
    let avcc = child(entry.get(78..).ok_or_else(|| bad("a short avc1"))?, b"avcC")?
        .ok_or_else(|| bad("no avcC"))?;
    let (length_size, sets) = parameter_sets(avcc)?;
    let mdhd = child(mdia, b"mdhd")?.ok_or_else(|| bad("no mdhd"))?;
    let timescale = u32_at(mdhd, if mdhd.first() == Some(&1) { 20 } else { 12 })?;
    if timescale == 0 {
        return Err(bad("a timescale of zero"));
    }
    let samples = samples(stbl, file_size)?;
    Ok(Some(Track {
        width,
        height,
        timescale,
        sets,
        length_size,
        samples,
    }))
}

fn parameter_sets(avcc: &[u8]) -> Result<(usize, Vec<Vec<u8>>), JobError> {
    let length_size = usize::from(avcc.get(4).ok_or_else(|| bad("a short avcC"))? & 3) + 1;
    let mut sets = Vec::new();
    let mut at = 5;
    for mask in [31u8, 255] {
        let count = avcc.get(at).ok_or_else(|| bad("a short avcC"))? & mask;
        at += 1;
        for _ in 0..count {
            let size = usize::from(u16_at(avcc, at)?);
            let set = avcc
                .get(at + 2..at + 2 + size)
                .ok_or_else(|| bad("a cut parameter set"))?;
            if set.is_empty() || sets.len() >= MAX_SETS {
                return Err(bad("its parameter sets"));
            }
            sets.push(set.to_vec());
            at += 2 + size;
        }
    }
    Ok((length_size, sets))
}

fn samples(stbl: &[u8], file_size: usize) -> Result<Vec<Sample>, JobError> {
    let part = |name: &[u8; 4]| {
        child(stbl, name)?.ok_or_else(|| bad(&format!("no {}", String::from_utf8_lossy(name))))
    };
    let stsz = part(b"stsz")?;
    let (fixed, count) = (u32_at(stsz, 4)?, u32_at(stsz, 8)? as usize);
    if count == 0 {
        return Err(bad("no pictures"));
    }
    if count > MAX_SAMPLES {
        return Err(JobError::terminal(format!(
            "a video of {count} pictures is not supported"
        )));
    }
    let mut samples = Vec::with_capacity(count);
    for index in 0..count {
        let size = if fixed == 0 {
            u32_at(stsz, 12 + index * 4)?
        } else {
            fixed
        };
        samples.push(Sample {
            offset: 0,
            size: size as usize,
            decoded: 0,
            shift: 0,
            duration: 0,
            key: false,
        });
    }
    place(&mut samples, stbl, part(b"stsc")?, file_size)?;
    time(&mut samples, part(b"stts")?)?;
    if let Some(ctts) = child(stbl, b"ctts")? {
        shift(&mut samples, ctts)?;
    }
    match child(stbl, b"stss")? {
        None => samples.iter_mut().for_each(|s| s.key = true),
        Some(stss) => {
            for index in 0..(u32_at(stss, 4)? as usize).min(count) {
                let number = u32_at(stss, 8 + index * 4)? as usize;
                if let Some(sample) = number.checked_sub(1).and_then(|i| samples.get_mut(i)) {
                    sample.key = true;
                }
            }
        }
    }
    if !samples[0].key {
        return Err(bad("its first picture depends on another"));
    }
    Ok(samples)
}

/// Chunk table and chunk offsets give each sample its place.
fn place(
    samples: &mut [Sample],
    stbl: &[u8],
    stsc: &[u8],
    file_size: usize,
) -> Result<(), JobError> {
    let (offsets, wide) = match child(stbl, b"stco")? {
        Some(stco) => (stco, false),
        None => (child(stbl, b"co64")?.ok_or_else(|| bad("no stco"))?, true),
    };
    let chunks = u32_at(offsets, 4)? as usize;
    let runs = u32_at(stsc, 4)? as usize;
    let (mut next, mut run) = (0, 0);
    let mut per_chunk = 0;
    for chunk in 0..chunks {
        if next >= samples.len() {
            break;
        }
        while run < runs && u32_at(stsc, 8 + run * 12)? as usize <= chunk + 1 {
            per_chunk = u32_at(stsc, 12 + run * 12)? as usize;
            run += 1;
        }
        let start = if wide {
            u64_at(offsets, 8 + chunk * 8)?
        } else {
            u64::from(u32_at(offsets, 8 + chunk * 4)?)
        };
        let mut offset = usize::try_from(start).map_err(|_| bad("a chunk outside the file"))?;
        let end = samples.len().min(next.saturating_add(per_chunk));
        for sample in &mut samples[next..end] {
            sample.offset = offset;
            offset = offset
                .checked_add(sample.size)
                .filter(|end| *end <= file_size)
                .ok_or_else(|| bad("a sample outside the file"))?;
        }
        next = end;
    }
    if next < samples.len() {
        Err(bad("samples without a place"))
    } else {
        Ok(())
    }
}

fn time(samples: &mut [Sample], stts: &[u8]) -> Result<(), JobError> {
    let (mut index, mut now, mut last) = (0, 0u64, 0);
    for run in 0..u32_at(stts, 4)? as usize {
        if index >= samples.len() {
            break;
        }
        let count = u32_at(stts, 8 + run * 8)? as usize;
        last = u32_at(stts, 12 + run * 8)?;
        let end = samples.len().min(index.saturating_add(count));
        for sample in &mut samples[index..end] {
            (sample.decoded, sample.duration) = (now, last);
            now += u64::from(last);
        }
        index = end;
    }
    if last == 0 && now == 0 {
        return Err(bad("pictures without a duration"));
    }
    for sample in &mut samples[index..] {
        (sample.decoded, sample.duration) = (now, last);
        now += u64::from(last);
    }
    Ok(())
}

fn shift(samples: &mut [Sample], ctts: &[u8]) -> Result<(), JobError> {
    let mut index = 0;
    for run in 0..u32_at(ctts, 4)? as usize {
        if index >= samples.len() {
            break;
        }
        let count = u32_at(ctts, 8 + run * 8)? as usize;
        // Version 0 says unsigned, yet writers put negative numbers there too: read both as signed.
        let offset = i64::from(u32_at(ctts, 12 + run * 8)? as i32);
        let end = samples.len().min(index.saturating_add(count));
        samples[index..end]
            .iter_mut()
            .for_each(|s| s.shift = offset);
        index = end;
    }
    // The earliest picture is shown at its decoding time or after it.
    let least = samples.iter().map(|s| s.shift).min().unwrap_or(0);
    if least < 0 {
        samples.iter_mut().for_each(|s| s.shift -= least);
    }
    Ok(())
}
