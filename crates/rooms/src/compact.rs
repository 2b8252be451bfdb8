//! Compaction: a full snapshot in the place of a log that outgrew it. History stays in the
//! snapshot, so a client from before still merges.

use store::rooms as log;
use store::{Database, or_rollback};

use crate::edit::lock;
use crate::history::Fold;
use crate::load;
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
    let Some(head) = log::head(database, room).await? else {
        return Ok(false);
    };
    // Nobody waits for this; whoever writes meanwhile writes after the snapshot.
    let mut open = load::open(database, warm, environment, &head).await?;
    let seq = open.room.seq;
    let snapshot = open.room.export_snapshot()?;
    let pending = open.room.pending_updates()?;
    open.room.renew(seq);
    open.keep();
    let fold = Fold::prepare(database, room, seq).await?;

    let Some(mut locked) = lock(database, warm, environment, room).await? else {
        return Ok(false);
    };
    if locked.head.epoch != head.epoch || locked.head.snapshot_seq != head.snapshot_seq {
        // Somebody else did it, or this is another room by the same name.
        locked.leave().await?;
        return Ok(true);
    }
    let now_ms = environment.now_ms();
    // Whose the entries were must be known when they are gone.
    fold.write(&locked.transaction, room).await?;
    let is_first = log::store_snapshot(
        &locked.transaction,
        room,
        seq,
        head.snapshot_seq,
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
