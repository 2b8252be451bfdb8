//! Moving pictures: frames in YUV 4:2:0, camera moves over a still, H.264 and MP4 both ways.

pub mod assemble;
mod boxes;
pub mod camera;
pub mod clip;
pub mod codec;
pub mod demux;
pub mod life;
pub mod mux;
pub mod resample;
pub mod still;
pub mod yuv;

/// Frames per second of everything made here.
pub const FPS: u32 = 24;

/// Ticks per second of the MP4s written here: MPEG's clock, which 24 divides.
pub const TICKS: u64 = 90_000;
