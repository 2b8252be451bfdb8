//! Frames of strangers: what can be read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::frame::Frame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = Frame::decode(bytes) {
        let again = frame.encode().expect("what was read can be written");
        assert_eq!(Frame::decode(&again), Ok(frame));
    }
});
