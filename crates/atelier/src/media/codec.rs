//! H.264 in and out, by OpenH264.

use super::FPS;
use super::yuv::Frame;
use crate::error::JobError;
use openh264::OpenH264API;
use openh264::decoder::{Decoder as Inner, DecoderConfig, Flush};
use openh264::encoder::{
    BitRate, Complexity, Encoder as InnerEncoder, EncoderConfig, FrameRate, FrameType,
    IntraFramePeriod, RateControlMode, UsageType, VuiConfig,
};

/// Two seconds between points a player can seek to; also the piece of a clip that one thread encodes.
pub const KEYFRAME_EVERY: u32 = 2 * FPS;

/// The level's limit for a moving, slightly grainy picture of 1280×720; quality is constant, so that
/// quiet shots take far less.
const BITS_PER_SECOND: u32 = 12_000_000;

/// One access unit in Annex B form; the first of a stream carries SPS and PPS.
pub struct Unit {
    pub data: Vec<u8>,
    pub key: bool,
}

pub struct Encoder {
    inner: InnerEncoder,
}

impl Encoder {
    pub fn new() -> Result<Self, JobError> {
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(BITS_PER_SECOND))
            .max_frame_rate(FrameRate::from_hz(FPS as f32))
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Off)
            .complexity(Complexity::Low)
            .skip_frames(false)
            .scene_change_detect(false)
            .background_detection(false)
            .adaptive_quantization(false)
            .num_threads(1)
            .intra_frame_period(IntraFramePeriod::from_num_frames(KEYFRAME_EVERY))
            .vui(VuiConfig::bt709());
        let inner =
            InnerEncoder::with_api_config(OpenH264API::from_source(), config).map_err(broken)?;
        Ok(Self { inner })
    }

    pub fn encode(&mut self, frame: &Frame, index: u32) -> Result<Unit, JobError> {
        let time = openh264::Timestamp::from_millis(u64::from(index) * 1000 / u64::from(FPS));
        let bits = self.inner.encode_at(frame, time).map_err(broken)?;
        let key = matches!(bits.frame_type(), FrameType::IDR);
        let data = bits.to_vec();
        if data.is_empty() {
            return Err(JobError::retryable("the encoder dropped a frame"));
        }
        Ok(Unit { data, key })
    }
}

fn broken(error: openh264::Error) -> JobError {
    JobError::retryable(format!("H.264 encoder: {error}"))
}

/// Decodes access units in order. Its input is untrusted: every failure is a terminal error.
pub struct Decoder {
    inner: Inner,
}

impl Decoder {
    pub fn new() -> Result<Self, JobError> {
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let inner = Inner::with_api_config(OpenH264API::from_source(), config)
            .map_err(|error| JobError::retryable(format!("H.264 decoder: {error}")))?;
        Ok(Self { inner })
    }

    /// The picture that this unit completed, if any; `want` skips the copy.
    pub fn decode(&mut self, unit: &[u8], want: bool) -> Result<Option<Frame>, JobError> {
        let bad = |error: openh264::Error| {
            JobError::terminal(format!("the video does not decode: {error}"))
        };
        let picture = self.inner.decode(unit).map_err(bad)?;
        Ok(picture
            .filter(|_| want)
            .map(|picture| Frame::copy_of(&picture)))
    }

    /// Pictures that the decoder still holds for reordering.
    pub fn finish(&mut self) -> Vec<Frame> {
        let rest = self.inner.flush_remaining().unwrap_or_default();
        rest.iter().map(Frame::copy_of).collect()
    }
}
