//! Logs and snapshots of rooms, and the tasks that the node processor inserts (SPEC 4 and 5).

mod work;

use serde::Serialize;

pub use work::{LiveTask, NewTask, cancel_tasks, insert_tasks, live_tasks};

use crate::{Database, StoreError, Transaction, Value, sql};

/// Entries read at once: some hundred kilobytes of usual edits.
const PAGE: i64 = 2_048;

/// Rows of one INSERT. Bounds how many statements a host has to keep prepared.
const ROWS: usize = 128;

/// Size of a part of a snapshot: some databases refuse values near a megabyte.
pub const PART_BYTES: usize = 256 * 1024;

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
}

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seq: i64,
    pub bytes: Vec<u8>,
}

/// An entry to append.
#[derive(Clone, Debug)]
pub struct NewEntry {
    pub bytes: Vec<u8>,
    /// Who wrote it: the `sub` of a session, or `server`.
    pub actor: String,
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
            })
        })
        .collect()
}

/// The head of one room; `None` when there is no such project.
pub async fn head(database: &impl Database, room: &str) -> Result<Option<Head>, StoreError> {
    Ok(heads(database, &[room]).await?.pop())
}

/// The entries in (`after`, `up_to`] that still exist, in order.
pub async fn log(
    database: &impl Database,
    room: &str,
    after: i64,
    up_to: i64,
) -> Result<Vec<Entry>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let from = entries.last().map_or(after, |entry| entry.seq);
        let parameters = [room.into(), from.into(), up_to.into(), PAGE.into()];
        let rows = database.query(sql!("rooms/log_after"), &parameters).await?;
        let is_last = (rows.len() as i64) < PAGE;
        for mut row in rows.into_rows() {
            let seq = row.integer("seq")?;
            entries.push(Entry {
                seq,
                bytes: row.take_blob("bytes")?,
            });
        }
        if is_last {
            return Ok(entries);
        }
    }
}

/// The snapshot of a room at `seq`; `None` when it is not there (any more).
pub async fn snapshot(
    database: &impl Database,
    room: &str,
    seq: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let rows = database
        .query(sql!("rooms/snapshot"), &[room.into(), seq.into()])
        .await?;
    let mut whole = None;
    for mut row in rows.into_rows() {
        let part = row.take_blob("bytes")?;
        whole.get_or_insert_with(Vec::new).extend(part);
    }
    Ok(whole)
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
        .query(sql!("rooms/advance"), &[json(&wanted)?])
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
        insert_entries(transaction, appends, now_ms).await?;
    }
    Ok(conflicts)
}

async fn insert_entries<D: Database>(
    transaction: &Transaction<'_, D>,
    appends: &[Append<'_>],
    now_ms: i64,
) -> Result<(), StoreError> {
    let rows: Vec<(&str, i64, &NewEntry)> = appends
        .iter()
        .flat_map(|append| {
            (append.head_seq + 1..)
                .zip(append.entries)
                .map(|(seq, entry)| (append.room, seq, entry))
        })
        .collect();
    for chunk in rows.chunks(ROWS) {
        let mut statement = sql!("rooms/append_prefix").to_owned();
        statement.push_str("(?, ?, ?, ?, ?)");
        statement.push_str(&", (?, ?, ?, ?, ?)".repeat(chunk.len() - 1));
        let mut parameters = Vec::with_capacity(chunk.len() * 5);
        for (room, seq, entry) in chunk {
            let row: [Value; 5] = [
                (*room).into(),
                (*seq).into(),
                entry.bytes.clone().into(),
                entry.actor.as_str().into(),
                now_ms.into(),
            ];
            parameters.extend(row);
        }
        transaction.query(&statement, &parameters).await?;
    }
    Ok(())
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

/// Rooms whose node processor is behind.
pub async fn unprocessed(database: &impl Database, limit: i64) -> Result<Vec<String>, StoreError> {
    rooms(database, sql!("rooms/unprocessed"), &[limit.into()]).await
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
    for (part, bytes) in bytes.chunks(PART_BYTES).enumerate() {
        let parameters = [
            room.into(),
            seq.into(),
            (part as i64).into(),
            bytes.to_vec().into(),
        ];
        transaction
            .query(sql!("rooms/insert_snapshot_part"), &parameters)
            .await?;
    }
    transaction
        .query(
            sql!("rooms/delete_old_snapshots"),
            &[room.into(), seq.into()],
        )
        .await?;
    transaction
        .query(
            sql!("rooms/delete_old_updates"),
            &[room.into(), seq.into(), older_than_ms.into()],
        )
        .await?;
    Ok(true)
}

fn list(items: &[&str]) -> Value {
    Value::Text(serde_json::Value::from(items).to_string())
}

fn json(value: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_string(value)
        .map(Value::Text)
        .map_err(|error| StoreError::Shape(error.to_string()))
}
