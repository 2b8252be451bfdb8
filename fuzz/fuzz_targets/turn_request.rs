//! Turns: what can be read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::turn::TurnRequest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(turn) = <TurnRequest>::decode(bytes) {
        let again = turn.encode();
        assert_eq!(<TurnRequest>::decode(&again), Ok(turn));
    }
});
