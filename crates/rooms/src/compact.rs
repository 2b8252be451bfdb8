//! Compaction: a full snapshot in the place of a log that outgrew it. History stays in the
//! snapshot, so a client from before still merges.

use store::rooms as log;
use store::{Database, or_rollback};

use crate::edit::lock;
use crate::history;
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// A log larger than this is worth a snapshot (once it is half as large as the last one): some
/// three thousand edits. Loading it takes many times as long as loading a snapshot.
pub const LOG_BYTES: i64 = 256 * 1024;

/// Entries stay this long after they are in a snapshot, for edges that have not delivered them yet.
/// Edges poll every five seconds.
const KEEP_ENTRIES_MS: i64 = 60_000;

/// Writes a snapshot of a room at its head. Returns false when there is no such project.
///
/// Updates that wait for their dependencies are in no snapshot: they are appended again after it.
pub async fn compact(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
) -> Result<bool, RoomsError> {
    let compacted = write_snapshot(database, warm, environment, room).await;
    or_rollback(database, compacted).await
}

async fn write_snapshot(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
) -> Result<bool, RoomsError> {
    let Some(mut locked) = lock(database, warm, environment, room).await? else {
        return Ok(false);
    };
    let now_ms = environment.now_ms();
    let seq = locked.head.head_seq;
    let snapshot = locked.open.room.export_snapshot()?;
    let pending = locked.open.room.pending_updates()?;
    locked.open.room.renew(seq);
    // Whose the entries were must be known when they are gone.
    history::fold(&locked.transaction, room, seq).await?;
    let is_first = log::store_snapshot(
        &locked.transaction,
        room,
        seq,
        locked.head.snapshot_seq,
        &snapshot,
        now_ms - KEEP_ENTRIES_MS,
    )
    .await?;
    if !is_first {
        locked.leave().await?;
        return Ok(true);
    }
    if let Some(pending) = pending {
        locked.append(pending, now_ms).await?;
    }
    locked.commit().await?;
    Ok(true)
}
