//! Updates and versions of strangers: a room refuses them or takes them, and stays a room.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rooms::Room;
use rooms::room::read_version;

/// Where an update's checksum lies, and where what it covers begins.
const CHECKSUM: std::ops::Range<usize> = 16..20;

fuzz_target!(|bytes: &[u8]| {
    let mut room = Room::load(0, 0, None, &[]);
    // As it is: nearly always stopped by the checksum. With a right one: what comes behind it.
    let _ = room.check_update(bytes);
    if bytes.len() > CHECKSUM.end {
        let mut sealed = bytes.to_vec();
        sealed[..4].copy_from_slice(b"loro");
        let sum = xxhash_rust::xxh32::xxh32(&sealed[CHECKSUM.end..], u32::from_le_bytes(*b"LORO"));
        sealed[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
        let _ = room.check_update(&sealed);
        if room.is_tainted() {
            // The room is loaded again before it is used.
            return;
        }
    }
    if let Some(version) = read_version(bytes) {
        let _ = room.answer_join(&version);
    }
    let _ = room.export_snapshot();
});
