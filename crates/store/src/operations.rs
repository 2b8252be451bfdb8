//! What an operator wants to know of the queues (OP3). Everything is counted by index; nothing here
//! grows with what has been.

use crate::{Database, Row, StoreError, Value, read_one, sql};

/// Waiting tasks of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub kind: String,
    pub waiting: i64,
    /// When the oldest of them was made.
    pub oldest_at_ms: i64,
    pub next_action_at_ms: i64,
}

/// Tasks of a kind with a provider, by phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Working {
    pub kind: String,
    pub phase: String,
    pub working: i64,
    pub next_action_at_ms: i64,
}

/// Tasks that have ended lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub kind: String,
    pub state: String,
    /// Of those that have failed.
    pub class: Option<String>,
    pub ended: i64,
}

/// What rooms have not heard of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effects {
    pub waiting: i64,
    /// When the task of the oldest one ended.
    pub oldest_at_ms: Option<i64>,
    pub next_action_at_ms: Option<i64>,
}

fn of(tenant: Option<&str>) -> Value {
    tenant.map(str::to_owned).into()
}

async fn read<T>(
    database: &impl Database,
    statement: &str,
    parameters: &[Value],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let rows = database.query(statement, parameters).await?;
    rows.into_rows().map(|row| read(&row)).collect()
}

/// Of one tenant, or of all.
pub async fn waiting(
    database: &impl Database,
    tenant: Option<&str>,
) -> Result<Vec<Waiting>, StoreError> {
    read(database, sql!("operations/waiting"), &[of(tenant)], |row| {
        Ok(Waiting {
            kind: row.text("kind")?.to_owned(),
            waiting: row.integer("waiting")?,
            oldest_at_ms: row.integer("oldest_at_ms")?,
            next_action_at_ms: row.integer("next_action_at_ms")?,
        })
    })
    .await
}

/// Of one tenant, or of all.
pub async fn working(
    database: &impl Database,
    tenant: Option<&str>,
) -> Result<Vec<Working>, StoreError> {
    read(database, sql!("operations/working"), &[of(tenant)], |row| {
        Ok(Working {
            kind: row.text("kind")?.to_owned(),
            phase: row.text("phase")?.to_owned(),
            working: row.integer("working")?,
            next_action_at_ms: row.integer("next_action_at_ms")?,
        })
    })
    .await
}

/// Of one tenant, or of all, since a time.
pub async fn ended(
    database: &impl Database,
    tenant: Option<&str>,
    since_ms: i64,
) -> Result<Vec<Ended>, StoreError> {
    let parameters = [of(tenant), since_ms.into()];
    read(database, sql!("operations/ended"), &parameters, |row| {
        Ok(Ended {
            kind: row.text("kind")?.to_owned(),
            state: row.text("state")?.to_owned(),
            class: row.optional_text("class")?.map(str::to_owned),
            ended: row.integer("ended")?,
        })
    })
    .await
}

/// Of the whole deployment.
pub async fn effects(database: &impl Database) -> Result<Effects, StoreError> {
    let row = read_one(database, sql!("operations/effects"), &[]).await?;
    let row = row.ok_or_else(|| StoreError::Shape("count(*) gave no row".into()))?;
    Ok(Effects {
        waiting: row.integer("waiting")?,
        oldest_at_ms: row.optional_integer("oldest_at_ms")?,
        next_action_at_ms: row.optional_integer("next_action_at_ms")?,
    })
}
