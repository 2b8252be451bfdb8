//! Ids of webhooks that were taken, for as long as their signature is good (TK9).

use crate::{Database, StoreError, read_one, sql};

pub async fn is_known(database: &impl Database, id: &str, now_ms: i64) -> Result<bool, StoreError> {
    let row = read_one(
        database,
        sql!("webhooks/is_known"),
        &[id.into(), now_ms.into()],
    )
    .await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(row.integer("known")? != 0)
}

/// Remembers one, and forgets some whose time is over.
pub async fn remember(
    database: &impl Database,
    id: &str,
    expires_at_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    database
        .query(
            sql!("webhooks/remember"),
            &[id.into(), expires_at_ms.into()],
        )
        .await?;
    database
        .query(sql!("webhooks/forget"), &[now_ms.into()])
        .await
        .map(drop)
}
