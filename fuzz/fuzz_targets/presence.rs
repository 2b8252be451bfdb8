//! Cursors of strangers, which the edge reads and keeps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::presence;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entries) = presence::decode(bytes) {
        let again = presence::encode(entries.iter().cloned());
        assert_eq!(presence::decode(&again).as_ref(), Ok(&entries));
    }
});
