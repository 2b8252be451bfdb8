//! MP4 out: one H.264 track, index before the data, so that it plays while it loads.

use super::TICKS;
use crate::error::JobError;
use muxide::api::{Muxer, MuxerBuilder, VideoCodec};

pub struct Writer {
    muxer: Muxer<Vec<u8>>,
}

impl Writer {
    pub fn new(width: u32, height: u32, fps: f64) -> Result<Self, JobError> {
        let muxer = MuxerBuilder::new(Vec::new())
            .video(VideoCodec::H264, width, height, fps)
            .with_fast_start(true)
            .build()
            .map_err(broken)?;
        Ok(Self { muxer })
    }

    /// Adds an access unit in Annex B form; times in ticks of [`TICKS`] a second.
    pub fn write(
        &mut self,
        shown: u64,
        decoded: u64,
        data: &[u8],
        key: bool,
    ) -> Result<(), JobError> {
        let seconds = |ticks: u64| ticks as f64 / TICKS as f64;
        if shown == decoded {
            return self
                .muxer
                .write_video(seconds(shown), data, key)
                .map_err(broken);
        }
        self.muxer
            .write_video_with_dts(seconds(shown), seconds(decoded), data, key)
            .map_err(broken)
    }

    pub fn finish(mut self) -> Result<Vec<u8>, JobError> {
        self.muxer.finish_in_place().map_err(broken)?;
        Ok(self.muxer.into_writer())
    }
}

fn broken(error: muxide::api::MuxerError) -> JobError {
    JobError::terminal(format!("the MP4 cannot be written: {error}"))
}
