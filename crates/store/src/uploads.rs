//! Bytes on their way in. What is told to be received is committed; the asset becomes visible in
//! one transaction at the end, and until then nobody sees anything of it.

mod finish;
mod writer;

pub use finish::{Bytes, Finished, finish};
pub use writer::Writer;

use crate::{Database, Row, StoreError, Value, read_one, sql};

/// How an upload comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In one request.
    Whole,
    /// In several requests, each going on where the last one was cut.
    Resumable,
    /// To the object storage directly.
    Presigned,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Resumable => "resumable",
            Self::Presigned => "presigned",
        }
    }
}

/// An upload as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    pub id: String,
    pub kind: Kind,
    pub project_id: String,
    pub tenant: String,
    pub created_by: String,
    pub length: Option<i64>,
    pub received: i64,
    /// The state of the hash of what was received; `None` before the first byte.
    pub hash: Option<Vec<u8>>,
    /// As the client gave it.
    pub metadata: String,
    pub sha256: Option<String>,
    pub asset_id: Option<String>,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
}

impl UploadRow {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        let kind = match row.text("kind")? {
            "whole" => Kind::Whole,
            "resumable" => Kind::Resumable,
            "presigned" => Kind::Presigned,
            other => return Err(StoreError::Shape(format!("an upload is {other}"))),
        };
        Ok(Self {
            id: row.text("id")?.to_owned(),
            kind,
            project_id: row.text("project_id")?.to_owned(),
            tenant: row.text("tenant")?.to_owned(),
            created_by: row.text("created_by")?.to_owned(),
            length: row.optional_integer("length")?,
            received: row.integer("received")?,
            hash: row.take_optional_blob("hash")?,
            metadata: row.text("metadata")?.to_owned(),
            sha256: row.optional_text("sha256")?.map(str::to_owned),
            asset_id: row.optional_text("asset_id")?.map(str::to_owned),
            created_at_ms: row.integer("created_at_ms")?,
            expires_at_ms: row.integer("expires_at_ms")?,
        })
    }

    /// The name of its chunks.
    pub fn chunks_name(&self) -> String {
        chunks_name(&self.id)
    }
}

fn chunks_name(id: &str) -> String {
    format!("put:{id}")
}

pub async fn insert(database: &impl Database, upload: &UploadRow) -> Result<(), StoreError> {
    let parameters: [Value; 10] = [
        upload.id.as_str().into(),
        upload.kind.name().into(),
        upload.project_id.as_str().into(),
        upload.tenant.as_str().into(),
        upload.created_by.as_str().into(),
        upload.length.map_or(Value::Null, Value::Integer),
        upload.metadata.as_str().into(),
        upload.sha256.clone().into(),
        upload.created_at_ms.into(),
        upload.expires_at_ms.into(),
    ];
    let statement = sql!("uploads/insert");
    database.query(statement, &parameters).await.map(drop)
}

pub async fn find(database: &impl Database, id: &str) -> Result<Option<UploadRow>, StoreError> {
    let row = read_one(database, sql!("uploads/find"), &[id.into()]).await?;
    row.map(UploadRow::read).transpose()
}

/// Uploads of somebody that are not finished.
pub async fn count_open(
    database: &impl Database,
    tenant: &str,
    created_by: &str,
) -> Result<i64, StoreError> {
    let parameters = [tenant.into(), created_by.into()];
    let row = read_one(database, sql!("uploads/count"), &parameters).await?;
    let row = row.ok_or_else(|| StoreError::Shape("count gave no row".into()))?;
    row.integer("open")
}

/// The beginning of what was received, at most `most` bytes of it.
pub async fn first_bytes(
    database: &impl Database,
    id: &str,
    most: usize,
) -> Result<Vec<u8>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let parameters = [chunks_name(id).into(), most.into()];
    let row = read_one(database, sql!("uploads/first_bytes"), &parameters).await?;
    row.map_or(Ok(Vec::new()), |mut row| row.take_blob("bytes"))
}

/// Ends an upload at once; its chunks are removed by tick.
pub async fn end(database: &impl Database, id: &str) -> Result<bool, StoreError> {
    let ended = database.query(sql!("uploads/end"), &[id.into()]).await?;
    Ok(!ended.is_empty())
}

/// Uploads whose time is over, which nobody writes to from here on.
pub async fn claim_expired(
    database: &impl Database,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<UploadRow>, StoreError> {
    let parameters = [now_ms.into(), limit.into()];
    let rows = database
        .query(sql!("uploads/claim_expired"), &parameters)
        .await?;
    rows.into_rows().map(UploadRow::read).collect()
}

/// Removes at most `parts` chunks of an expired upload; true when none is left. Chunks that have
/// become an asset's stay.
pub async fn remove_chunks(
    database: &impl Database,
    upload: &UploadRow,
    parts: i64,
) -> Result<bool, StoreError> {
    let name = upload.chunks_name();
    let row = read_one(
        database,
        sql!("uploads/is_content"),
        &[name.as_str().into()],
    )
    .await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    if row.integer("used")? != 0 {
        return Ok(true);
    }
    let parameters = [name.into(), parts.into()];
    let deleted = database
        .query(sql!("assets/delete_some_chunks"), &parameters)
        .await?;
    Ok(deleted.is_empty())
}

pub async fn delete(database: &impl Database, id: &str) -> Result<(), StoreError> {
    let statement = sql!("uploads/delete");
    database.query(statement, &[id.into()]).await.map(drop)
}
