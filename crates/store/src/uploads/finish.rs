//! The end of an upload: the one transaction in which an asset becomes visible.

use super::chunks_name;
use crate::assets::{self, AssetRow, CHUNK_BYTES};
use crate::{Database, StoreError, begin, or_rollback, projects, sql};

/// What a finished upload has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// New to the project.
    Created,
    /// The project had these bytes already.
    Known,
    /// Somebody else writes, or the upload is over.
    Overtaken,
    /// The project was removed meanwhile.
    NoProject,
}

/// Where an asset's bytes are when it becomes visible.
pub enum Bytes<'a> {
    /// Here: few enough for the same transaction.
    Held(&'a [u8]),
    /// Under the upload's name, written by this writer.
    Chunks { upload_id: &'a str, writer: &'a str },
    /// In the object storage, brought there by this upload.
    Object { upload_id: &'a str },
}

/// Makes an asset visible. The upload's row stays until `keep_until_ms`, for who did not hear it.
pub async fn finish(
    database: &impl Database,
    asset: &AssetRow,
    bytes: Bytes<'_>,
    keep_until_ms: i64,
) -> Result<Finished, StoreError> {
    let transaction = begin(database).await?;
    let finished = finish_in(&transaction, asset, bytes, keep_until_ms).await;
    match or_rollback(database, finished).await? {
        outcome @ (Finished::Created | Finished::Known) => {
            transaction.commit().await.map(|()| outcome)
        }
        outcome @ (Finished::Overtaken | Finished::NoProject) => {
            transaction.rollback().await.map(|()| outcome)
        }
    }
}

async fn finish_in(
    database: &impl Database,
    asset: &AssetRow,
    bytes: Bytes<'_>,
    keep_until_ms: i64,
) -> Result<Finished, StoreError> {
    if projects::find(database, &asset.project_id).await?.is_none() {
        return Ok(Finished::NoProject);
    }
    let has_bytes = assets::has_chunks(database, &asset.id).await?
        || assets::is_outside(database, &asset.project_id, &asset.id).await?;
    let (upload_id, writer) = match bytes {
        Bytes::Held(bytes) => {
            if !has_bytes {
                for (part, chunk) in (0..).zip(bytes.chunks(CHUNK_BYTES)) {
                    assets::insert_chunk(database, &asset.id, part, chunk.to_vec()).await?;
                }
            }
            return insert_asset(database, asset).await;
        }
        Bytes::Chunks { upload_id, writer } => (upload_id, writer),
        Bytes::Object { upload_id } => (upload_id, ""),
    };
    let parameters = [
        upload_id.into(),
        writer.into(),
        asset.id.as_str().into(),
        keep_until_ms.into(),
    ];
    let finished = database.query(sql!("uploads/finish"), &parameters).await?;
    if finished.is_empty() {
        return Ok(Finished::Overtaken);
    }
    if matches!(bytes, Bytes::Chunks { .. }) && !has_bytes {
        let parameters = [asset.id.as_str().into(), chunks_name(upload_id).into()];
        database
            .query(sql!("assets/put_content"), &parameters)
            .await?;
    }
    insert_asset(database, asset).await
}

async fn insert_asset(database: &impl Database, asset: &AssetRow) -> Result<Finished, StoreError> {
    match assets::insert(database, asset).await? {
        true => Ok(Finished::Created),
        false => Ok(Finished::Known),
    }
}
