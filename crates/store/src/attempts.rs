//! How often something may go wrong in a stretch of time: guesses at passwords, for example.
//!
//! A try is counted before it is made and given back when it succeeds, so that many at once are not
//! more than one after the other.

use crate::{Database, StoreError, read_one, sql};

/// So many tries in so long a time.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    pub tries: i64,
    pub window_ms: i64,
}

/// Counts a try. Refused, it says when the next one may come.
pub async fn take(
    database: &impl Database,
    name: &str,
    allowance: Allowance,
    now_ms: i64,
) -> Result<Result<(), i64>, StoreError> {
    let end_ms = now_ms.saturating_add(allowance.window_ms);
    let parameters = [
        name.into(),
        now_ms.into(),
        end_ms.into(),
        allowance.tries.into(),
    ];
    let taken = database.query(sql!("attempts/take"), &parameters).await?;
    if !taken.is_empty() {
        return Ok(Ok(()));
    }
    let until = read_one(database, sql!("attempts/until"), &[name.into()]).await?;
    // Somebody else's success may have removed the row meanwhile.
    let until_ms = until.map_or(Ok(now_ms), |row| row.integer("until_ms"))?;
    Ok(Err(until_ms))
}

/// A try that was none.
pub async fn give_back(database: &impl Database, name: &str) -> Result<(), StoreError> {
    let given = database
        .query(sql!("attempts/give_back"), &[name.into()])
        .await;
    given.map(drop)
}

/// Whoever succeeded begins anew.
pub async fn forget(database: &impl Database, name: &str) -> Result<(), StoreError> {
    let deleted = database
        .query(sql!("attempts/forget"), &[name.into()])
        .await;
    deleted.map(drop)
}

/// Forgets what was long enough ago.
pub async fn delete_over(
    database: &impl Database,
    now_ms: i64,
    limit: i64,
) -> Result<(), StoreError> {
    let parameters = [now_ms.into(), limit.into()];
    database
        .query(sql!("attempts/delete_over"), &parameters)
        .await
        .map(drop)
}
