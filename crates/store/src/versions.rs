//! Versions of rooms' documents (RM9): named ones, and those that are made as time passes.

use crate::{Cursor, Database, Row, StoreError, Transaction, Value, read_one, sql};

/// Who asked for a version to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Made by itself; thinned out as it grows old.
    Auto,
    /// Stays until somebody deletes it.
    Named,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Named => "named",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "named" => Some(Self::Named),
            _ => None,
        }
    }
}

/// A version as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub id: String,
    pub kind: Kind,
    /// Named ones have it.
    pub name: Option<String>,
    /// As Loro encodes them.
    pub frontiers: Vec<u8>,
    /// The head of the log when it was made.
    pub seq: i64,
    pub created_by: String,
    pub created_at_ms: i64,
}

impl Version {
    fn from_row(mut row: Row) -> Result<Self, StoreError> {
        let kind = row.text("kind")?;
        let kind = Kind::parse(kind)
            .ok_or_else(|| StoreError::Shape(format!("a version of kind {kind}")))?;
        Ok(Self {
            id: row.text("id")?.to_owned(),
            kind,
            name: row.optional_text("name")?.map(str::to_owned),
            seq: row.integer("seq")?,
            created_by: row.text("created_by")?.to_owned(),
            created_at_ms: row.integer("created_at_ms")?,
            frontiers: row.take_blob("frontiers")?,
        })
    }
}

/// False when the project is another one by now, or there is a version with this id.
pub async fn insert(
    database: &impl Database,
    room: &str,
    epoch: i64,
    version: &Version,
) -> Result<bool, StoreError> {
    let parameters: [Value; 9] = [
        room.into(),
        version.id.as_str().into(),
        version.kind.as_str().into(),
        version.name.clone().into(),
        version.frontiers.clone().into(),
        version.seq.into(),
        version.created_by.as_str().into(),
        version.created_at_ms.into(),
        epoch.into(),
    ];
    let inserted = database.query(sql!("versions/insert"), &parameters).await?;
    Ok(!inserted.is_empty())
}

pub async fn find(
    database: &impl Database,
    room: &str,
    id: &str,
) -> Result<Option<Version>, StoreError> {
    let row = read_one(database, sql!("versions/find"), &[room.into(), id.into()]).await?;
    row.map(Version::from_row).transpose()
}

/// The versions of a room, the newest first.
pub async fn list(
    database: &impl Database,
    room: &str,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Version>, StoreError> {
    let parameters = [
        room.into(),
        after.map(|(at_ms, _)| *at_ms).into(),
        after.map(|(_, id)| id.clone()).into(),
        limit.into(),
    ];
    let rows = database.query(sql!("versions/list"), &parameters).await?;
    rows.into_rows().map(Version::from_row).collect()
}

pub async fn count_named(database: &impl Database, room: &str) -> Result<i64, StoreError> {
    let row = read_one(database, sql!("versions/count_named"), &[room.into()]).await?;
    row.map_or(Ok(0), |row| row.integer("count"))
}

/// Names a version, which then stays. False when there is none.
pub async fn rename(
    database: &impl Database,
    room: &str,
    id: &str,
    name: &str,
) -> Result<bool, StoreError> {
    let parameters = [room.into(), id.into(), name.into()];
    let renamed = database.query(sql!("versions/rename"), &parameters).await?;
    Ok(!renamed.is_empty())
}

/// False when there was none.
pub async fn delete(database: &impl Database, room: &str, id: &str) -> Result<bool, StoreError> {
    let parameters = [room.into(), id.into()];
    let deleted = database.query(sql!("versions/delete"), &parameters).await?;
    Ok(!deleted.is_empty())
}

/// Ids and times of the automatic versions of a room, the newest first.
pub async fn automatic(
    database: &impl Database,
    room: &str,
) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = database
        .query(sql!("versions/automatic"), &[room.into()])
        .await?;
    rows.into_rows()
        .map(|row| Ok((row.text("id")?.to_owned(), row.integer("created_at_ms")?)))
        .collect()
}

/// Removes automatic versions.
pub async fn delete_automatic(
    database: &impl Database,
    room: &str,
    ids: &[String],
) -> Result<(), StoreError> {
    let ids = serde_json::Value::from(ids).to_string();
    let parameters = [room.into(), ids.into()];
    database
        .query(sql!("versions/delete_automatic"), &parameters)
        .await
        .map(drop)
}

/// Claims rooms that want an automatic version; each wants the next one not before `next_at_ms`.
pub async fn claim_due(
    database: &impl Database,
    now_ms: i64,
    next_at_ms: i64,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    // Usually there is none, and looking needs no write lock.
    let times = [now_ms.into(), next_at_ms.into()];
    if database
        .query(sql!("versions/has_due"), &times)
        .await?
        .is_empty()
    {
        return Ok(Vec::new());
    }
    let parameters = [now_ms.into(), next_at_ms.into(), limit.into()];
    let rows = database
        .query(sql!("versions/claim_due"), &parameters)
        .await?;
    rows.into_rows()
        .map(|row| row.text("room_id").map(str::to_owned))
        .collect()
}

/// Notes that the room's last version holds its log up to `seq`.
pub async fn mark<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    seq: i64,
) -> Result<(), StoreError> {
    transaction
        .query(sql!("versions/mark"), &[room.into(), seq.into()])
        .await
        .map(drop)
}
