//! Small pictures of pictures; they belong to the bytes, whoever has them.

use crate::{Database, StoreError, Value, begin, or_rollback, read_one, sql};

/// One small picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThumbnailRow {
    pub side: i64,
    pub media_type: String,
    pub width: i64,
    pub height: i64,
    pub bytes: Vec<u8>,
}

/// What is known of an asset's thumbnails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thumbnail {
    /// Nobody has looked yet.
    Unknown,
    /// There will be none.
    None {
        reason: String,
    },
    Made(ThumbnailRow),
}

pub async fn has_thumbnails(database: &impl Database, asset_id: &str) -> Result<bool, StoreError> {
    let row = read_one(database, sql!("assets/has_thumbnails"), &[asset_id.into()]).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(row.integer("made")? != 0)
}

/// The smallest thumbnail whose side is at least `side`.
pub async fn thumbnail(
    database: &impl Database,
    asset_id: &str,
    side: i64,
) -> Result<Thumbnail, StoreError> {
    let row = read_one(
        database,
        sql!("assets/thumbnail"),
        &[asset_id.into(), side.into()],
    )
    .await?;
    let Some(mut row) = row else {
        return Ok(Thumbnail::Unknown);
    };
    if let Some(reason) = row.optional_text("reason")? {
        return Ok(Thumbnail::None {
            reason: reason.to_owned(),
        });
    }
    Ok(Thumbnail::Made(ThumbnailRow {
        side: row.integer("side")?,
        media_type: row.text("media_type")?.to_owned(),
        width: row.integer("width")?,
        height: row.integer("height")?,
        bytes: row.take_blob("bytes")?,
    }))
}

/// Keeps all thumbnails of an asset, or why there are none; what is there already stays.
pub async fn put_thumbnails(
    database: &impl Database,
    asset_id: &str,
    thumbnails: Result<Vec<ThumbnailRow>, String>,
) -> Result<(), StoreError> {
    let transaction = begin(database).await?;
    let written = async {
        match thumbnails {
            Ok(rows) => {
                for row in rows {
                    let parameters = [
                        asset_id.into(),
                        row.side.into(),
                        row.media_type.into(),
                        row.width.into(),
                        row.height.into(),
                        row.bytes.into(),
                        Value::Null,
                    ];
                    transaction
                        .query(sql!("assets/insert_thumbnail"), &parameters)
                        .await?;
                }
            }
            Err(reason) => {
                let parameters = [
                    asset_id.into(),
                    0.into(),
                    "".into(),
                    0.into(),
                    0.into(),
                    Value::Null,
                    reason.into(),
                ];
                transaction
                    .query(sql!("assets/insert_thumbnail"), &parameters)
                    .await?;
            }
        }
        Ok::<(), StoreError>(())
    };
    let written = written.await;
    or_rollback(database, written).await?;
    transaction.commit().await
}
