//! Logs and snapshots of rooms, and the tasks that the node processor inserts (SPEC 4 and 5).

mod entries;
mod snapshots;
mod work;

use serde::Serialize;

pub use entries::{Author, Entry, NewEntry, authors, log};
pub use snapshots::{begin_with_snapshot, snapshot, store_snapshot};
pub use work::{LiveTask, NewTask, cancel_tasks, insert_tasks, live_tasks};

use crate::{Database, StoreError, Transaction, Value, sql};

/// Size of a part of a snapshot or of a large update: some databases refuse values near a megabyte.
pub const PART_BYTES: usize = 256 * 1024;

/// What one statement carries: servers refuse requests of some ten megabytes.
const REQUEST_BYTES: usize = 2 * 1024 * 1024;

/// A project and where its room's log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub room: String,
    pub tenant: String,
    /// When the project was created: a project that was deleted and created again is another.
    pub epoch: i64,
    /// False until the room is first written.
    pub has_row: bool,
    pub head_seq: i64,
    pub processed_seq: i64,
    pub snapshot_seq: i64,
    pub log_bytes: i64,
    /// Moves when somebody of the tenant may have lost or changed rights.
    pub access: i64,
}

/// What one room appends in a transaction.
#[derive(Clone, Debug)]
pub struct Append<'a> {
    pub room: &'a str,
    pub epoch: i64,
    /// The head that the writer knows.
    pub head_seq: i64,
    pub entries: &'a [NewEntry],
}

/// The heads of the rooms whose projects exist, in no order.
pub async fn heads(database: &impl Database, rooms: &[&str]) -> Result<Vec<Head>, StoreError> {
    let rows = database.query(sql!("rooms/heads"), &[list(rooms)]).await?;
    rows.into_rows()
        .map(|row| {
            Ok(Head {
                room: row.text("room_id")?.to_owned(),
                tenant: row.text("tenant")?.to_owned(),
                epoch: row.integer("created_at_ms")?,
                has_row: row.integer("has_row")? != 0,
                head_seq: row.integer("head_seq")?,
                processed_seq: row.integer("processed_seq")?,
                snapshot_seq: row.integer("snapshot_seq")?,
                log_bytes: row.integer("log_bytes")?,
                access: row.integer("access")?,
            })
        })
        .collect()
}

/// The head of one room; `None` when there is no such project.
pub async fn head(database: &impl Database, room: &str) -> Result<Option<Head>, StoreError> {
    Ok(heads(database, &[room]).await?.pop())
}

/// Appends to several rooms within a transaction. Returns the rooms whose head was not the
/// expected one: then nothing may be committed.
pub async fn append<'a, D: Database>(
    transaction: &Transaction<'_, D>,
    appends: &[Append<'a>],
    now_ms: i64,
) -> Result<Vec<&'a str>, StoreError> {
    #[derive(Serialize)]
    struct Wanted<'a> {
        room: &'a str,
        epoch: i64,
        head: i64,
        count: usize,
        bytes: usize,
    }
    let fresh: Vec<&str> = appends
        .iter()
        .filter(|append| append.head_seq == 0)
        .map(|append| append.room)
        .collect();
    if !fresh.is_empty() {
        transaction
            .query(sql!("rooms/create"), &[list(&fresh)])
            .await?;
    }
    let wanted: Vec<Wanted<'_>> = appends
        .iter()
        .map(|append| Wanted {
            room: append.room,
            epoch: append.epoch,
            head: append.head_seq,
            count: append.entries.len(),
            bytes: append.entries.iter().map(|entry| entry.bytes.len()).sum(),
        })
        .collect();
    let moved = transaction
        .query(sql!("rooms/advance"), &[json(&wanted)?.into()])
        .await?;
    let mut moved_rooms = Vec::with_capacity(moved.len());
    for row in moved.into_rows() {
        moved_rooms.push(row.text("room_id")?.to_owned());
    }
    let conflicts: Vec<&str> = appends
        .iter()
        .map(|append| append.room)
        .filter(|room| !moved_rooms.iter().any(|moved| moved == room))
        .collect();
    if conflicts.is_empty() {
        entries::insert(transaction, appends, now_ms).await?;
    }
    Ok(conflicts)
}

/// Notes that the node processor has looked at everything up to `seq`.
pub async fn mark_processed(
    database: &impl Database,
    room: &str,
    seq: i64,
) -> Result<(), StoreError> {
    database
        .query(sql!("rooms/mark_processed"), &[room.into(), seq.into()])
        .await
        .map(drop)
}

/// Claims rooms whose node processor is behind, until `hold_until_ms`. Those that waited longest
/// come first; one that fails is at the end of the queue.
pub async fn claim_unprocessed(
    database: &impl Database,
    now_ms: i64,
    hold_until_ms: i64,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    // Usually there is none, and looking needs no write lock.
    let times = [now_ms.into(), hold_until_ms.into()];
    let some = database
        .query(sql!("rooms/has_unprocessed"), &times)
        .await?;
    if some.is_empty() {
        return Ok(Vec::new());
    }
    let parameters = [now_ms.into(), hold_until_ms.into(), limit.into()];
    rooms(database, sql!("rooms/claim_unprocessed"), &parameters).await
}

/// Rooms whose log since the snapshot is larger than `bytes` and than half of the snapshot.
pub async fn to_compact(
    database: &impl Database,
    bytes: i64,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    rooms(
        database,
        sql!("rooms/to_compact"),
        &[bytes.into(), limit.into()],
    )
    .await
}

async fn rooms(
    database: &impl Database,
    statement: &str,
    parameters: &[Value],
) -> Result<Vec<String>, StoreError> {
    let rows = database.query(statement, parameters).await?;
    rows.into_rows()
        .map(|row| row.text("room_id").map(str::to_owned))
        .collect()
}

fn list(items: &[&str]) -> Value {
    Value::Text(serde_json::Value::from(items).to_string())
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Shape(error.to_string()))
}
