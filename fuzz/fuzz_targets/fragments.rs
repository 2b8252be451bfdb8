//! Headers and fragments in any order, and time: nothing panics, and a batch that is whole is as
//! long as its header said.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use protocol::BatchId;
use protocol::fragment::Reassembly;
use protocol::limits::REASSEMBLED_BYTES;

/// Each step is eight bytes: what happens, to which of four batches, and its numbers.
const STEP: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let mut reassembly = Reassembly::default();
    let mut promised = HashMap::new();
    let mut now_ms = 0;
    for step in bytes.chunks_exact(STEP) {
        let batch = BatchId([step[1] % 4; 8]);
        let count = u64::from(u16::from_le_bytes([step[2], step[3]]));
        let large = u64::from(u32::from_le_bytes([step[4], step[5], step[6], step[7]]));
        let small = large % 256;
        match step[0] % 5 {
            kind @ 0..2 => {
                let total = if kind == 0 { small } else { large };
                if reassembly.begin((), batch, count, total, now_ms).is_ok() {
                    assert!(total as usize <= REASSEMBLED_BYTES);
                    promised.insert(batch, total as usize);
                }
            }
            2 | 3 => {
                let data = &bytes[..bytes.len().min(small as usize)];
                if let Ok(Some(whole)) = reassembly.add((), batch, count % 16, data) {
                    assert_eq!(Some(whole.len()), promised.remove(&batch));
                }
            }
            _ => {
                now_ms += large % 20_000;
                reassembly.expire(now_ms);
            }
        }
    }
});
