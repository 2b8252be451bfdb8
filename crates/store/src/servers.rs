//! Rows of `servers`: who registered, how they are, and which slots are taken.

use crate::{Database, DueAt, Row, StoreError, Value, read_one, sql};

/// A whole row. `kinds` is a JSON list as text.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerRow {
    pub id: String,
    pub tenant: String,
    pub owner: String,
    pub name: String,
    pub url: String,
    pub kinds: Vec<String>,
    /// What the platform presents to the server; never shown.
    pub token: Option<String>,
    pub slots: i64,
    pub used: i64,
    pub state: String,
    pub rises: i64,
    pub falls: i64,
    pub last_error: Option<String>,
    pub last_seen_at_ms: Option<i64>,
    pub changed_at_ms: i64,
    pub next_check_at_ms: i64,
    pub created_at_ms: i64,
}

impl ServerRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let text = |column: &str| row.text(column).map(str::to_owned);
        let optional = |column: &str| {
            row.optional_text(column)
                .map(|value| value.map(str::to_owned))
        };
        let kinds = serde_json::from_str(row.text("kinds")?)
            .map_err(|error| StoreError::Shape(format!("kinds of a server: {error}")))?;
        Ok(Self {
            id: text("id")?,
            tenant: text("tenant")?,
            owner: text("owner")?,
            name: text("name")?,
            url: text("url")?,
            kinds,
            token: optional("token")?,
            slots: row.integer("slots")?,
            used: row.integer("used")?,
            state: text("state")?,
            rises: row.integer("rises")?,
            falls: row.integer("falls")?,
            last_error: optional("last_error")?,
            last_seen_at_ms: row.optional_integer("last_seen_at_ms")?,
            changed_at_ms: row.integer("changed_at_ms")?,
            next_check_at_ms: row.integer("next_check_at_ms")?,
            created_at_ms: row.integer("created_at_ms")?,
        })
    }
}

/// What a registration brings.
#[derive(Clone, Debug)]
pub struct NewServer {
    /// Used only when the owner has no server at this url yet.
    pub id: String,
    pub tenant: String,
    pub owner: String,
    pub name: String,
    pub url: String,
    pub kinds: Vec<String>,
    pub token: Option<String>,
    pub slots: i64,
    pub now_ms: i64,
}

/// Registers, or replaces the registration of the same owner and url, which keeps its id, its
/// state and its slots in use. The answer's id tells which of the two it was.
pub async fn upsert(database: &impl Database, server: &NewServer) -> Result<ServerRow, StoreError> {
    let kinds = serde_json::to_string(&server.kinds)
        .map_err(|error| StoreError::Shape(format!("kinds of a server: {error}")))?;
    let parameters: [Value; 9] = [
        server.id.as_str().into(),
        server.tenant.as_str().into(),
        server.owner.as_str().into(),
        server.name.as_str().into(),
        server.url.as_str().into(),
        kinds.into(),
        server.token.clone().into(),
        server.slots.into(),
        server.now_ms.into(),
    ];
    let row = read_one(database, sql!("servers/upsert"), &parameters).await?;
    let row = row.ok_or_else(|| StoreError::Shape("the registration returned no row".into()))?;
    ServerRow::read(&row)
}

pub async fn find(database: &impl Database, id: &str) -> Result<Option<ServerRow>, StoreError> {
    let row = read_one(database, sql!("servers/find"), &[id.into()]).await?;
    row.map(|row| ServerRow::read(&row)).transpose()
}

/// The oldest first; an absent filter matches everything.
pub async fn list(
    database: &impl Database,
    tenant: Option<&str>,
    owner: Option<&str>,
) -> Result<Vec<ServerRow>, StoreError> {
    let parameters = [
        tenant.map(str::to_owned).into(),
        owner.map(str::to_owned).into(),
    ];
    let rows = database.query(sql!("servers/list"), &parameters).await?;
    rows.into_rows().map(|row| ServerRow::read(&row)).collect()
}

/// Takes a slot of an ONLINE server, if one is free (RG4).
pub async fn reserve_slot(database: &impl Database, id: &str) -> Result<bool, StoreError> {
    Ok(!database
        .query(sql!("servers/reserve_slot"), &[id.into()])
        .await?
        .is_empty())
}

pub async fn release_slot(database: &impl Database, id: &str) -> Result<(), StoreError> {
    database
        .query(sql!("servers/release_slot"), &[id.into()])
        .await
        .map(drop)
}

/// Sets the slots in use to the number of tasks that hold them.
pub async fn recount(database: &impl Database) -> Result<(), StoreError> {
    database.query(sql!("servers/recount"), &[]).await.map(drop)
}

/// A cheap look before taking the write lock.
pub async fn has_due(database: &impl Database, at: DueAt) -> Result<bool, StoreError> {
    let times = [at.now_ms.into(), at.latest_ms.into()];
    let row = read_one(database, sql!("servers/has_due"), &times).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(row.integer("due")? != 0)
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

/// Notes that a call to the server went unanswered, and brings its next check forward.
pub async fn suspect(
    database: &impl Database,
    id: &str,
    error: &str,
    check_at_ms: i64,
) -> Result<(), StoreError> {
    let parameters = [id.into(), error.into(), check_at_ms.into()];
    database
        .query(sql!("servers/suspect"), &parameters)
        .await
        .map(drop)
}

/// False when there was none. Its tasks find out at their next poll and are retried elsewhere.
pub async fn delete(database: &impl Database, id: &str) -> Result<bool, StoreError> {
    Ok(!database
        .query(sql!("servers/delete"), &[id.into()])
        .await?
        .is_empty())
}

/// Removes a server that is OFFLINE since `known_changed_at_ms`; false when it came back.
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
