//! What happens in rooms: turns of the edge, reads and edits over HTTP, the node processor, effects
//! of tasks, compaction (SPEC sections 4 and 5).
//!
//! A room's truth is its log in the store. A [`Room`] is a warm copy of its document: a cache,
//! checked against the log's head before every use and dropped whenever a write was not committed.
//! Clock, ids, tokens and waiting come in through [`Environment`], so that everything here runs in
//! a component and, the same, natively in tests.

pub mod access;
pub mod answer;
pub mod author;
pub mod backup;
pub mod compact;
pub mod edit;
pub mod environment;
pub mod error;
pub mod follow;
pub mod history;
pub mod import;
pub mod load;
pub mod operate;
pub mod process;
pub mod read;
pub mod retry;
pub mod room;
pub mod tick;
pub mod turn;
pub mod warm;

pub use access::{Grant, Session};
pub use author::Author;
pub use compact::compact;
pub use edit::{Applied, apply_effect, document_json};
pub use environment::Environment;
pub use error::RoomsError;
pub use follow::{Change, Follower, Look};
pub use import::{Import, Imported, import};
pub use operate::{Operated, Outcome, operate};
pub use process::{Note, Processed, process};
pub use read::{Shown, read};
pub use room::{Backfill, Fate, Room};
pub use tick::{Ticked, tick};
pub use turn::turn;
pub use warm::Warm;

/// A head as it is on the wire: one more than the sequence number, so that a room whose log is
/// still empty has a head that differs from 0, the edge's "nothing seen yet".
pub fn wire_head(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0).saturating_add(1)
}
