//! Snapshots of rooms, in parts.

use super::PART_BYTES;
use crate::{Database, StoreError, Transaction, sql};

/// Parts read at once: 4 MiB, since servers bound their answers.
const PAGE: i64 = 16;

/// The snapshot of a room at `seq`; `None` when it is not there (any more).
pub async fn snapshot(
    database: &impl Database,
    room: &str,
    seq: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut whole = Vec::new();
    let mut from = 0;
    loop {
        let parameters = [room.into(), seq.into(), from.into(), PAGE.into()];
        let rows = database.query(sql!("rooms/snapshot"), &parameters).await?;
        let count = rows.len() as i64;
        let is_first = from == 0;
        for mut row in rows.into_rows() {
            whole.extend(row.take_blob("bytes")?);
        }
        from += count;
        if count == PAGE {
            continue;
        }
        // Parts are removed together: what is there after all were read was there meanwhile.
        let is_whole = match is_first {
            true => count > 0,
            false => {
                let known = [room.into(), seq.into()];
                let rows = database.query(sql!("rooms/has_snapshot"), &known).await?;
                !rows.is_empty()
            }
        };
        return Ok(is_whole.then_some(whole));
    }
}

/// Stores a snapshot at `seq` in the place of the one at `known_seq`, and forgets entries that it
/// holds and that are older than `older_than_ms`. Returns false when another was faster: then
/// nothing may be committed.
pub async fn store_snapshot<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    seq: i64,
    known_seq: i64,
    bytes: &[u8],
    older_than_ms: i64,
) -> Result<bool, StoreError> {
    let moved = transaction
        .query(
            sql!("rooms/move_snapshot"),
            &[room.into(), seq.into(), known_seq.into()],
        )
        .await?;
    if moved.is_empty() {
        return Ok(false);
    }
    insert_parts(transaction, room, seq, bytes).await?;
    let known = [room.into(), seq.into()];
    transaction
        .query(sql!("rooms/delete_old_snapshots"), &known)
        .await?;
    let old = [room.into(), seq.into(), older_than_ms.into()];
    transaction
        .query(sql!("rooms/delete_old_parts"), &old)
        .await?;
    transaction
        .query(sql!("rooms/delete_old_updates"), &old)
        .await?;
    Ok(true)
}

/// Begins a room that was never written with a snapshot, as its entry 1. Returns false when the
/// room was written, or the project is not the one that was created at `epoch`: then nothing may be
/// committed.
pub async fn begin_with_snapshot<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    epoch: i64,
    bytes: &[u8],
) -> Result<bool, StoreError> {
    let begun = transaction
        .query(sql!("backup/begin"), &[room.into(), epoch.into()])
        .await?;
    if begun.is_empty() {
        return Ok(false);
    }
    insert_parts(transaction, room, 1, bytes).await?;
    Ok(true)
}

async fn insert_parts<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    seq: i64,
    bytes: &[u8],
) -> Result<(), StoreError> {
    for (part, bytes) in (0i64..).zip(bytes.chunks(PART_BYTES)) {
        let parameters = [room.into(), seq.into(), part.into(), bytes.to_vec().into()];
        transaction
            .query(sql!("rooms/insert_snapshot_part"), &parameters)
            .await?;
    }
    Ok(())
}
