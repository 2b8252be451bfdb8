//! What is decided about media without reading or writing anything: their type by their bytes,
//! ranges, hashes that go on in another request, the headers of resumable uploads, thumbnails.
//! This crate knows no HTTP server, no store and no clock.

pub mod digest;
pub mod range;
pub mod sniff;
pub mod thumbnail;
pub mod tus;
