//! Tasks that begin again (TK4). Whether one may is decided by the dispatch crate and, where a node
//! waits for it, by its document.

use crate::{Database, StoreError, read_one, sql};

/// Makes a FAILED or CANCELLED task of this version WAITING again. False: something else came
/// first, or its node has another live task of the kind.
pub async fn begin_again(
    database: &impl Database,
    id: &str,
    version: i64,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let parameters = [id.into(), version.into(), now_ms.into()];
    let written = database.query(sql!("retries/begin_again"), &parameters);
    Ok(!written.await?.is_empty())
}

/// Whether a task has moved on since it had this version.
pub async fn is_past(database: &impl Database, id: &str, version: i64) -> Result<bool, StoreError> {
    let parameters = [id.into(), version.into()];
    let row = read_one(database, sql!("retries/is_past"), &parameters).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(row.integer("is_past")? != 0)
}
