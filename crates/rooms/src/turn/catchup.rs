//! What others appended since the edge looked last: a broadcast to the whole room, first in the
//! answer.

use protocol::turn::{Output, RoomTurn};
use store::Database;
use store::rooms::{self as log, Head};

use crate::answer::Budget;
use crate::{RoomsError, load, wire_head};

/// Entries of one catch-up. The edge polls again for the rest.
const ENTRIES: i64 = 2_048;

pub struct CaughtUp {
    pub output: Option<Output>,
    /// The edge's next `seen`, when the catch-up had to stop early.
    pub head: u64,
    pub is_whole: bool,
}

impl CaughtUp {
    pub fn nothing(head: u64) -> Self {
        Self {
            output: None,
            head,
            is_whole: true,
        }
    }
}

/// Collects the log from the edge's `seen` to `base_seq`.
///
/// An edge at 0 has nobody in the room yet: its joiners get their backfill by version.
pub async fn broadcast(
    database: &impl Database,
    head: &Head,
    turn: &RoomTurn,
    base_seq: i64,
    budget: &mut Budget,
) -> Result<CaughtUp, RoomsError> {
    if turn.seen == 0 || turn.seen >= wire_head(base_seq) {
        return Ok(CaughtUp::nothing(turn.seen));
    }
    // The wire counts from one.
    let seen = i64::try_from(turn.seen - 1).unwrap_or(i64::MAX);
    let up_to = base_seq.min(seen.saturating_add(ENTRIES));
    let entries = log::log(database, &head.room, seen, up_to).await?;
    if entries.len() as i64 != up_to - seen {
        return everything(database, head, turn, budget).await;
    }
    let mut updates = Vec::with_capacity(entries.len());
    let mut reached = seen;
    for entry in entries {
        if !budget.take(entry.bytes.len()) {
            break;
        }
        reached = entry.seq;
        updates.push(entry.bytes);
    }
    let output = (!updates.is_empty()).then_some(Output::Broadcast {
        except: None,
        updates,
    });
    Ok(CaughtUp {
        output,
        head: wire_head(reached),
        is_whole: reached == base_seq,
    })
}

/// The entries were compacted away: this edge was out of touch for long. Its clients get the whole
/// document, which they merge.
async fn everything(
    database: &impl Database,
    head: &Head,
    turn: &RoomTurn,
    budget: &mut Budget,
) -> Result<CaughtUp, RoomsError> {
    // Beside the one this turn may hold: rare enough to load a copy.
    let room = load::load(database, head).await?;
    let mut updates = vec![room.export_all()?];
    updates.extend(room.pending_updates()?);
    let fits = budget.take_room(updates.iter().map(Vec::len).sum());
    let output = fits.then_some(Output::Broadcast {
        except: None,
        updates,
    });
    Ok(CaughtUp {
        output,
        head: turn.seen,
        is_whole: fits,
    })
}
