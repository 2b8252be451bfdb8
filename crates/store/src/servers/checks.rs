//! Checks of servers that are due, and what they found. Accounts at providers are not checked.

use super::ServerRow;
use crate::{Database, DueAt, StoreError, Value, read_one, sql};

/// What one look at all servers tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// A check is due.
    pub due: bool,
    /// Servers that have answered once, and how many of them are gone: OFFLINE, or draining and
    /// silent.
    pub seen: i64,
    pub gone: i64,
}

/// A cheap look before taking the write lock: one statement, over indexes, however many there are.
/// Failures in a row that make a draining server one that is gone are the caller's.
pub async fn look(database: &impl Database, at: DueAt, falls: i64) -> Result<Look, StoreError> {
    let parameters = [at.now_ms.into(), at.latest_ms.into(), falls.into()];
    let row = read_one(database, sql!("servers/look"), &parameters).await?;
    let row = row.ok_or_else(|| StoreError::Shape("the look gave no row".into()))?;
    Ok(Look {
        due: row.integer("due")? != 0,
        seen: row.integer("seen")?,
        gone: row.integer("gone")?,
    })
}

/// Claims servers whose check is due by moving their next check to `hold_until_ms`.
pub async fn claim_due(
    database: &impl Database,
    at: DueAt,
    hold_until_ms: i64,
    limit: i64,
) -> Result<Vec<ServerRow>, StoreError> {
    let parameters = [
        at.now_ms.into(),
        at.latest_ms.into(),
        hold_until_ms.into(),
        limit.into(),
    ];
    let rows = database
        .query(sql!("servers/claim_due"), &parameters)
        .await?;
    rows.into_rows().map(|row| ServerRow::read(&row)).collect()
}

/// Writes what a check found, if the server is still as it was when `known_changed_at_ms` was
/// read; false when a registration or another check changed it meanwhile.
pub async fn record_check(
    database: &impl Database,
    server: &ServerRow,
    known_changed_at_ms: i64,
) -> Result<bool, StoreError> {
    let parameters: [Value; 9] = [
        server.id.as_str().into(),
        known_changed_at_ms.into(),
        server.state.as_str().into(),
        server.rises.into(),
        server.falls.into(),
        server.last_error.clone().into(),
        server.last_seen_at_ms.into(),
        server.changed_at_ms.into(),
        server.next_check_at_ms.into(),
    ];
    Ok(!database
        .query(sql!("servers/record_check"), &parameters)
        .await?
        .is_empty())
}

/// Removes a server that is not ONLINE since `known_changed_at_ms`; false when it came back.
pub async fn delete_gone(
    database: &impl Database,
    id: &str,
    known_changed_at_ms: i64,
) -> Result<bool, StoreError> {
    let parameters = [id.into(), known_changed_at_ms.into()];
    Ok(!database
        .query(sql!("servers/delete_gone"), &parameters)
        .await?
        .is_empty())
}
