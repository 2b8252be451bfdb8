//! What time brings to rooms: processing that was missed, and compaction.

use store::Database;
use store::rooms as log;

use crate::compact::{LOG_BYTES, compact};
use crate::history;
use crate::process::{Note, process};
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// Rooms of one tick (SPEC section 9); more are due at the next.
const ROOMS: i64 = 64;

/// A room that this tick claimed and did not come to its end with is due again after this time:
/// three ticks, longer than any room takes.
const HOLD_MS: i64 = 15_000;

/// Compactions of one tick: each is a long write transaction.
const COMPACTIONS: i64 = 4;

/// What a tick did.
#[derive(Debug, Default)]
pub struct Ticked {
    /// Rooms whose document was changed, and their heads.
    pub changed: Vec<(String, i64)>,
    pub processed: usize,
    pub tasks: usize,
    pub compacted: usize,
    /// Automatic versions that were made.
    pub versions: usize,
    /// Rooms that could not be handled, and why. The others were.
    pub failed: Vec<(String, RoomsError)>,
}

pub async fn tick(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
) -> Result<Ticked, RoomsError> {
    let mut ticked = Ticked::default();
    let now_ms = environment.now_ms();
    for room in log::claim_unprocessed(database, now_ms, now_ms + HOLD_MS, ROOMS).await? {
        match process(database, warm, environment, &room, Note::Always).await {
            Ok(Some(processed)) => {
                ticked.processed += 1;
                ticked.tasks += processed.tasks;
                if processed.changed {
                    ticked.changed.push((room, processed.head_seq));
                }
            }
            Ok(None) => {}
            Err(error) => ticked.failed.push((room, error)),
        }
    }
    history::make_due(database, warm, environment, &mut ticked).await?;
    for room in log::to_compact(database, LOG_BYTES, COMPACTIONS).await? {
        match compact(database, warm, environment, &room).await {
            Ok(_) => ticked.compacted += 1,
            Err(error) => ticked.failed.push((room, error)),
        }
    }
    Ok(ticked)
}
