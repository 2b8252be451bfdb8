//! The outbox: effects are rows of the transaction that wants them, deleted when they are done.

use crate::{Database, DueAt, StoreError, read_one, sql};

/// An effect that is to be delivered (again).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRow {
    pub id: i64,
    pub task_id: String,
    /// The JSON body of the call that delivers it.
    pub body: String,
    /// Deliveries begun, this one included.
    pub tries: i64,
}

/// Adds an `update-node` effect; the tick takes it from `next_action_at_ms` on.
pub async fn insert(
    database: &impl Database,
    task_id: &str,
    body: &str,
    next_action_at_ms: i64,
) -> Result<i64, StoreError> {
    let parameters = [task_id.into(), body.into(), next_action_at_ms.into()];
    let row = read_one(database, sql!("effects/insert"), &parameters).await?;
    row.ok_or_else(|| StoreError::Shape("the insert returned no row".into()))?
        .integer("id")
}

/// A cheap look before taking the write lock.
pub async fn has_due(database: &impl Database, at: DueAt) -> Result<bool, StoreError> {
    let times = [at.now_ms.into(), at.latest_ms.into()];
    let row = read_one(database, sql!("effects/has_due"), &times).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(row.integer("due")? != 0)
}

/// Claims due effects by moving their next time to `hold_until_ms`.
pub async fn claim_due(
    database: &impl Database,
    at: DueAt,
    hold_until_ms: i64,
    limit: i64,
) -> Result<Vec<EffectRow>, StoreError> {
    let parameters = [
        at.now_ms.into(),
        at.latest_ms.into(),
        hold_until_ms.into(),
        limit.into(),
    ];
    let rows = database
        .query(sql!("effects/claim_due"), &parameters)
        .await?;
    rows.into_rows()
        .map(|row| {
            Ok(EffectRow {
                id: row.integer("id")?,
                task_id: row.text("task_id")?.to_owned(),
                body: row.text("body")?.to_owned(),
                tries: row.integer("tries")?,
            })
        })
        .collect()
}

pub async fn postpone(
    database: &impl Database,
    id: i64,
    next_action_at_ms: i64,
) -> Result<(), StoreError> {
    let parameters = [id.into(), next_action_at_ms.into()];
    database
        .query(sql!("effects/postpone"), &parameters)
        .await
        .map(drop)
}

pub async fn delete(database: &impl Database, id: i64) -> Result<(), StoreError> {
    database
        .query(sql!("effects/delete"), &[id.into()])
        .await
        .map(drop)
}
