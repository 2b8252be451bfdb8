//! Turns: what can be read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::turn::TurnResponse;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(turn) = <TurnResponse>::decode(bytes) {
        let again = turn.encode();
        assert_eq!(<TurnResponse>::decode(&again), Ok(turn));
    }
});
