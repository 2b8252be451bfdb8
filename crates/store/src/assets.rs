//! Content-addressed media in rows of bounded size. An asset is visible from its `assets` row
//! on, and that row is written last; the bytes are shared by the projects that have them.

mod garbage;
mod jobs;
mod objects;
mod thumbnails;

pub use garbage::{Garbage, Sweep, put_garbage, see_garbage, sweep};
pub use jobs::{Job, JobKind, JobRow, Work, claim_job, claim_jobs, delete_job, postpone_job, work};
pub use objects::{
    ObjectRow, ObjectState, delete_object, in_tenant, is_outside, leave_object, object, put_object,
};
pub use thumbnails::{Thumbnail, ThumbnailRow, has_thumbnails, put_thumbnails, thumbnail};

use crate::{Cursor, Database, Row, StoreError, read_one, sql};

/// Bytes per row: some SQLite back ends refuse values of about 1 MB.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// The largest asset.
pub const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// What is known of an asset without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRow {
    pub project_id: String,
    /// The sha256 of the bytes in hex.
    pub id: String,
    pub media_type: String,
    pub size: i64,
    pub created_by: String,
    pub created_at_ms: i64,
}

impl AssetRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            project_id: row.text("project_id")?.to_owned(),
            id: row.text("id")?.to_owned(),
            media_type: row.text("media_type")?.to_owned(),
            size: row.integer("size")?,
            created_by: row.text("created_by")?.to_owned(),
            created_at_ms: row.integer("created_at_ms")?,
        })
    }
}

/// True for the hex of a sha256, in lower case.
pub fn is_asset_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub async fn find(
    database: &impl Database,
    project_id: &str,
    id: &str,
) -> Result<Option<AssetRow>, StoreError> {
    let row = read_one(
        database,
        sql!("assets/find"),
        &[project_id.into(), id.into()],
    )
    .await?;
    row.as_ref().map(AssetRow::read).transpose()
}

/// Assets of a project, newest first, from behind a place on.
pub async fn list(
    database: &impl Database,
    project_id: &str,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<AssetRow>, StoreError> {
    let (at_ms, id) = after.map_or((i64::MAX, ""), |(at_ms, id)| (*at_ms, id.as_str()));
    let parameters = [project_id.into(), at_ms.into(), id.into(), limit.into()];
    let rows = database.query(sql!("assets/list"), &parameters).await?;
    rows.into_rows().map(|row| AssetRow::read(&row)).collect()
}

/// Takes an asset away from a project; false when it had none. The bytes stay for a while.
pub async fn delete(
    database: &impl Database,
    project_id: &str,
    id: &str,
) -> Result<bool, StoreError> {
    let deleted = database
        .query(sql!("assets/delete"), &[project_id.into(), id.into()])
        .await?;
    Ok(!deleted.is_empty())
}

/// Makes an asset visible in a project; its chunks must be complete in the same transaction.
/// False when the project has it already.
pub async fn insert(database: &impl Database, asset: &AssetRow) -> Result<bool, StoreError> {
    let parameters = [
        asset.project_id.as_str().into(),
        asset.id.as_str().into(),
        asset.media_type.as_str().into(),
        asset.size.into(),
        asset.created_by.as_str().into(),
        asset.created_at_ms.into(),
    ];
    let inserted = database.query(sql!("assets/insert"), &parameters).await?;
    Ok(!inserted.is_empty())
}

/// The bytes `part * CHUNK_BYTES ..` of an asset, at most [`CHUNK_BYTES`] of them.
pub async fn chunk(
    database: &impl Database,
    asset_id: &str,
    part: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = read_one(
        database,
        sql!("assets/chunk"),
        &[asset_id.into(), part.into()],
    )
    .await?;
    row.map(|mut row| row.take_blob("bytes")).transpose()
}

/// Adds one chunk under an asset's id or under a temporary name (see [`temporary_name`]).
pub async fn insert_chunk(
    database: &impl Database,
    asset_id: &str,
    part: i64,
    bytes: Vec<u8>,
) -> Result<(), StoreError> {
    let parameters = [asset_id.into(), part.into(), bytes.into()];
    database
        .query(sql!("assets/insert_chunk"), &parameters)
        .await
        .map(drop)
}

/// True when the bytes of this id are stored, for whatever project.
pub async fn has_chunks(database: &impl Database, asset_id: &str) -> Result<bool, StoreError> {
    let row = read_one(database, sql!("assets/has_chunks"), &[asset_id.into()]).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(row.integer("stored")? != 0)
}

/// Where the chunks of a download stay until its hash is known.
pub fn temporary_name(task_id: &str, random: &str) -> String {
    format!("upload:{task_id}:{random}")
}

/// Gives complete chunks their asset's id, or drops them when that id has its bytes already.
/// Belongs into the transaction that makes the asset visible.
pub async fn adopt_chunks(
    database: &impl Database,
    temporary: &str,
    asset_id: &str,
) -> Result<(), StoreError> {
    if has_chunks(database, asset_id).await? {
        return delete_chunks(database, temporary).await;
    }
    let parameters = [temporary.into(), asset_id.into()];
    database
        .query(sql!("assets/rename_chunks"), &parameters)
        .await
        .map(drop)
}

pub async fn delete_chunks(database: &impl Database, name: &str) -> Result<(), StoreError> {
    database
        .query(sql!("assets/delete_chunks"), &[name.into()])
        .await
        .map(drop)
}

/// Removes the chunks of downloads that were broken off and will not be taken up again.
pub async fn delete_abandoned(database: &impl Database) -> Result<(), StoreError> {
    let row = read_one(database, sql!("assets/has_abandoned"), &[]).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    if row.integer("uploads")? == 0 {
        return Ok(());
    }
    database
        .query(sql!("assets/delete_abandoned"), &[])
        .await
        .map(drop)
}
