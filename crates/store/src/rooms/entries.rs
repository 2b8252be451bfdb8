//! Entries of rooms' logs. A large one lies in parts: the first in `room_updates`, the others in
//! `room_update_parts`.

use super::{Append, PART_BYTES, REQUEST_BYTES};
use crate::{Database, StoreError, Transaction, Value, sql};

/// Entries read at once, and how large those are that come with them; a larger one is read by
/// itself. Usual edits are some hundred bytes, so that a log is a statement or two, and an answer
/// stays under 8 MiB whatever the log holds.
const PAGE: i64 = 1_024;
const INLINE_BYTES: i64 = 8 * 1024;

/// Rows of one INSERT. Bounds how many statements a host has to keep prepared.
const ROWS: usize = 128;

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

/// Who wrote an entry, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub actor: String,
    pub at_ms: i64,
}

/// The authors of the last `limit` entries in (`after`, `up_to`], the last first.
pub async fn authors(
    database: &impl Database,
    room: &str,
    after: i64,
    up_to: i64,
    limit: i64,
) -> Result<Vec<Author>, StoreError> {
    let parameters = [room.into(), after.into(), up_to.into(), limit.into()];
    let rows = database.query(sql!("rooms/authors"), &parameters).await?;
    rows.into_rows()
        .map(|row| {
            Ok(Author {
                actor: row.text("actor")?.to_owned(),
                at_ms: row.integer("created_at_ms")?,
            })
        })
        .collect()
}

/// The entries in (`after`, `up_to`] that still exist, in order.
pub async fn log(
    database: &impl Database,
    room: &str,
    after: i64,
    up_to: i64,
) -> Result<Vec<Entry>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut from = after;
    // A room that was never written has nothing to be read, nor has one that was just compacted.
    while from < up_to {
        let parameters = [
            room.into(),
            from.into(),
            up_to.into(),
            PAGE.into(),
            INLINE_BYTES.into(),
        ];
        let rows = database.query(sql!("rooms/log_after"), &parameters).await?;
        let is_last = (rows.len() as i64) < PAGE;
        for mut row in rows.into_rows() {
            from = row.integer("seq")?;
            let bytes = match row.integer("is_inline")? {
                0 => large(database, room, from).await?,
                _ => Some(row.take_blob("bytes")?),
            };
            // One that was compacted away meanwhile is missed by whoever counts.
            entries.extend(bytes.map(|bytes| Entry { seq: from, bytes }));
        }
        if is_last {
            break;
        }
    }
    Ok(entries)
}

/// All parts of one entry.
async fn large(
    database: &impl Database,
    room: &str,
    seq: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let rows = database
        .query(sql!("rooms/log_entry"), &[room.into(), seq.into()])
        .await?;
    let mut whole: Option<Vec<u8>> = None;
    for mut row in rows.into_rows() {
        let part = row.take_blob("bytes")?;
        match &mut whole {
            Some(whole) => whole.extend(part),
            None => whole = Some(part),
        }
    }
    Ok(whole)
}

/// A row of `room_updates`, and what does not fit into it.
struct NewRow<'a> {
    room: &'a str,
    seq: i64,
    actor: &'a str,
    parts: Vec<&'a [u8]>,
}

impl<'a> NewRow<'a> {
    fn new(room: &'a str, seq: i64, entry: &'a NewEntry) -> Self {
        let mut parts: Vec<&[u8]> = entry.bytes.chunks(PART_BYTES).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        Self {
            room,
            seq,
            actor: &entry.actor,
            parts,
        }
    }
}

pub(super) async fn insert<D: Database>(
    transaction: &Transaction<'_, D>,
    appends: &[Append<'_>],
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut batch: Vec<NewRow<'_>> = Vec::new();
    let mut bytes = 0;
    for append in appends {
        for (seq, entry) in (append.head_seq + 1..).zip(append.entries) {
            let row = NewRow::new(append.room, seq, entry);
            let size = row.parts[0].len();
            if batch.len() == ROWS || bytes + size > REQUEST_BYTES {
                insert_rows(transaction, &batch, now_ms).await?;
                batch.clear();
                bytes = 0;
            }
            bytes += size;
            batch.push(row);
        }
    }
    match batch.is_empty() {
        true => Ok(()),
        false => insert_rows(transaction, &batch, now_ms).await,
    }
}

async fn insert_rows<D: Database>(
    transaction: &Transaction<'_, D>,
    rows: &[NewRow<'_>],
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = sql!("rooms/append_prefix").to_owned();
    statement.push_str("(?, ?, ?, ?, ?, ?)");
    statement.push_str(&", (?, ?, ?, ?, ?, ?)".repeat(rows.len() - 1));
    let mut parameters = Vec::with_capacity(rows.len() * 6);
    for row in rows {
        let values: [Value; 6] = [
            row.room.into(),
            row.seq.into(),
            row.parts[0].to_vec().into(),
            row.actor.into(),
            now_ms.into(),
            (row.parts.len() as i64).into(),
        ];
        parameters.extend(values);
    }
    transaction.query(&statement, &parameters).await?;
    for row in rows {
        for (part, bytes) in (1i64..).zip(&row.parts[1..]) {
            let parameters = [
                row.room.into(),
                row.seq.into(),
                part.into(),
                bytes.to_vec().into(),
            ];
            transaction
                .query(sql!("rooms/append_part"), &parameters)
                .await?;
        }
    }
    Ok(())
}
