//! Who wrote which operations of a document (RM9). The log says it of what it still holds; what is
//! compacted away is kept as spans.

use serde::{Deserialize, Serialize};

use crate::{Cursor, Database, Row, StoreError, Transaction, read_one, sql};

/// Rows of one statement: as many as stay far under what a value may have.
const ROWS: usize = 512;
/// Authors read at once.
const PAGE: i64 = 4_096;

/// Operations of one Loro peer, and who brought them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// A number of 64 bits, as text.
    pub peer: String,
    /// Counters [from, to).
    pub from: i32,
    pub to: i32,
    pub actor: String,
    pub first_at_ms: i64,
    pub last_at_ms: i64,
}

impl Span {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            peer: row.text("peer")?.to_owned(),
            from: counter(row, "from_counter")?,
            to: counter(row, "to_counter")?,
            actor: row.text("actor")?.to_owned(),
            first_at_ms: row.integer("first_at_ms")?,
            last_at_ms: row.integer("last_at_ms")?,
        })
    }

    /// Where it stands in a list, the newest first.
    pub fn place(&self) -> Cursor {
        (self.last_at_ms, format!("{}@{}", self.from, self.peer))
    }
}

/// Operations of a peer, whoever brought them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    pub peer: String,
    pub from: i32,
    pub to: i32,
}

/// Who appended an entry of the log, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub seq: i64,
    pub actor: String,
    pub at_ms: i64,
}

/// How far a room's log is in the spans.
pub async fn folded_seq(database: &impl Database, room: &str) -> Result<i64, StoreError> {
    let row = read_one(database, sql!("history/folded_seq"), &[room.into()]).await?;
    row.map_or(Ok(0), |row| row.integer("folded_seq"))
}

pub async fn set_folded_seq<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    seq: i64,
) -> Result<(), StoreError> {
    transaction
        .query(sql!("history/set_folded_seq"), &[room.into(), seq.into()])
        .await
        .map(drop)
}

/// The authors of the entries in (`after`, `up_to`] that still exist, in order.
pub async fn authors(
    database: &impl Database,
    room: &str,
    after: i64,
    up_to: i64,
) -> Result<Vec<Author>, StoreError> {
    let mut authors: Vec<Author> = Vec::new();
    let mut from = after;
    loop {
        let parameters = [room.into(), from.into(), up_to.into(), PAGE.into()];
        let rows = database.query(sql!("history/authors"), &parameters).await?;
        let is_last = (rows.len() as i64) < PAGE;
        for row in rows.into_rows() {
            from = row.integer("seq")?;
            authors.push(Author {
                seq: from,
                actor: row.text("actor")?.to_owned(),
                at_ms: row.integer("created_at_ms")?,
            });
        }
        if is_last {
            return Ok(authors);
        }
    }
}

/// What of some operations is in the spans already.
pub async fn overlapping(
    database: &impl Database,
    room: &str,
    wanted: &[Range],
) -> Result<Vec<Range>, StoreError> {
    let mut found = Vec::new();
    for some in wanted.chunks(ROWS) {
        let parameters = [room.into(), json(some)?.into()];
        let rows = database
            .query(sql!("history/overlapping"), &parameters)
            .await?;
        for row in rows.into_rows() {
            found.push(Range {
                peer: row.text("peer")?.to_owned(),
                from: counter(&row, "from_counter")?,
                to: counter(&row, "to_counter")?,
            });
        }
    }
    Ok(found)
}

pub async fn insert<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    spans: &[Span],
) -> Result<(), StoreError> {
    for some in spans.chunks(ROWS) {
        let parameters = [room.into(), json(some)?.into()];
        transaction
            .query(sql!("history/insert"), &parameters)
            .await?;
    }
    Ok(())
}

/// The spans of a room, the newest first.
pub async fn list(
    database: &impl Database,
    room: &str,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Span>, StoreError> {
    let parameters = [
        room.into(),
        after.map(|(at_ms, _)| *at_ms).into(),
        after.map(|(_, place)| place.clone()).into(),
        limit.into(),
    ];
    let rows = database.query(sql!("history/list"), &parameters).await?;
    rows.into_rows().map(|row| Span::from_row(&row)).collect()
}

fn counter(row: &Row, column: &str) -> Result<i32, StoreError> {
    let value = row.integer(column)?;
    i32::try_from(value).map_err(|_| StoreError::Shape(format!("column {column} is {value}")))
}

fn json<T: Serialize>(items: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(items).map_err(|error| StoreError::Shape(error.to_string()))
}
