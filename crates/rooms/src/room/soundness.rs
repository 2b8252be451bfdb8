//! Whether operations that were just imported are sound. Loro takes an update whose checksum is
//! right although an operation in it has no length, and panics when it exports it: the room could
//! never be joined again.

use loro::{ID, LoroDoc, VersionRange};
use loro_common::{Counter, HasCounterSpan};

/// True when each operation of these spans follows the one before it.
pub fn is_sound(document: &LoroDoc, spans: &VersionRange) -> bool {
    document.with_oplog(|oplog| {
        spans.iter().all(|(peer, (start, end))| {
            let mut at = *start;
            while at < *end {
                let Some(change) = oplog.get_change_at(ID::new(*peer, at)) else {
                    return false;
                };
                match follow(change.ops().vec(), at, *end) {
                    Some(next) => at = next,
                    None => return false,
                }
            }
            true
        })
    })
}

/// The end of the operations from `at` on, as far as they go up to `end`.
fn follow<T: HasCounterSpan>(operations: &[T], mut at: Counter, end: Counter) -> Option<Counter> {
    let first = operations.partition_point(|operation| operation.ctr_end() <= at);
    for (index, operation) in operations[first..].iter().enumerate() {
        let starts_right = match index {
            0 => operation.ctr_start() <= at,
            _ => operation.ctr_start() == at,
        };
        if !starts_right || operation.ctr_end() <= at {
            return None;
        }
        at = operation.ctr_end();
        if at >= end {
            break;
        }
    }
    (first < operations.len()).then_some(at)
}
