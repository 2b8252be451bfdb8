//! Rows of `servers`: who registered, how they are, and which slots are taken. Accounts at
//! providers are servers, too: what is asked of them differs, how they are shared does not.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Database, Row, StoreError, Value, read_one, sql};

mod changes;
mod checks;

pub use changes::{Change, change};
pub use checks::{Look, claim_due, delete_gone, look, record_check};

/// A model that a server has, with a limit of its own if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub name: String,
    /// Slots of the server that tasks of this model may take at once; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<i64>,
}

/// A whole row; enums are still text here.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerRow {
    pub id: String,
    pub tenant: String,
    pub owner: String,
    pub name: String,
    pub url: String,
    /// Which of the owner's accounts at this address; empty where there are none.
    pub account: String,
    /// What it speaks: `tasks`, `predict`, `kling`, `gemini` or `openai`.
    pub interface: String,
    pub kinds: Vec<String>,
    /// The first is asked for when a task names none.
    pub models: Vec<Model>,
    /// What the platform presents to the server; never shown.
    pub token: Option<String>,
    /// The second half of a pair of keys; never shown.
    pub secret: Option<String>,
    /// What the provider signs its webhooks with; never shown.
    pub webhook_secret: Option<String>,
    /// Those with the smallest number are asked first.
    pub tier: i64,
    pub slots: i64,
    pub used: i64,
    /// Submissions in any minute.
    pub rate_per_min: Option<i64>,
    /// Until when submissions of the past count (see `fleet::Rate`).
    pub rate_until_ms: i64,
    /// It gets nothing new until then.
    pub cooldown_until_ms: i64,
    pub cooldown_reason: Option<String>,
    /// Failed calls in a row, and how often they have led to a cooldown.
    pub errors: i64,
    pub ejections: i64,
    /// `fail` or `repeat`: when nobody knows whether a paid call was received.
    pub on_lost_answer: String,
    /// Tasks that go out together.
    pub batch: i64,
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
        let wrong =
            |error: serde_json::Error| StoreError::Shape(format!("a server's row: {error}"));
        let kinds = serde_json::from_str(row.text("kinds")?).map_err(wrong)?;
        let models = serde_json::from_str(row.text("models")?).map_err(wrong)?;
        Ok(Self {
            id: text("id")?,
            tenant: text("tenant")?,
            owner: text("owner")?,
            name: text("name")?,
            url: text("url")?,
            account: text("account")?,
            interface: text("interface")?,
            kinds,
            models,
            token: optional("token")?,
            secret: optional("secret")?,
            webhook_secret: optional("webhook_secret")?,
            tier: row.integer("tier")?,
            slots: row.integer("slots")?,
            used: row.integer("used")?,
            rate_per_min: row.optional_integer("rate_per_min")?,
            rate_until_ms: row.integer("rate_until_ms")?,
            cooldown_until_ms: row.integer("cooldown_until_ms")?,
            cooldown_reason: optional("cooldown_reason")?,
            errors: row.integer("errors")?,
            ejections: row.integer("ejections")?,
            on_lost_answer: text("on_lost_answer")?,
            batch: row.integer("batch")?,
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

/// What a registration brings. The default is a server of the uniform interface.
#[derive(Clone, Debug)]
pub struct NewServer {
    /// Used only when the owner has no server at this address and account yet.
    pub id: String,
    pub tenant: String,
    pub owner: String,
    pub name: String,
    pub url: String,
    pub account: String,
    pub interface: String,
    pub kinds: Vec<String>,
    pub models: Vec<Model>,
    pub token: Option<String>,
    pub secret: Option<String>,
    pub webhook_secret: Option<String>,
    pub tier: i64,
    pub slots: i64,
    pub rate_per_min: Option<i64>,
    pub on_lost_answer: String,
    pub batch: i64,
    pub now_ms: i64,
}

impl Default for NewServer {
    fn default() -> Self {
        Self {
            id: String::new(),
            tenant: String::new(),
            owner: String::new(),
            name: String::new(),
            url: String::new(),
            account: String::new(),
            interface: "tasks".into(),
            kinds: Vec::new(),
            models: Vec::new(),
            token: None,
            secret: None,
            webhook_secret: None,
            tier: 0,
            slots: 4,
            rate_per_min: None,
            on_lost_answer: "fail".into(),
            batch: 1,
            now_ms: 0,
        }
    }
}

/// Registers, or replaces the registration of the same owner, url and account, which keeps its id,
/// its state and its slots in use; a cooldown is over. The answer's id tells which of the two it
/// was. An account at a provider is ONLINE at once, because nobody checks it.
pub async fn upsert(database: &impl Database, server: &NewServer) -> Result<ServerRow, StoreError> {
    let json = |value: Result<String, serde_json::Error>| {
        value.map_err(|error| StoreError::Shape(format!("a server: {error}")))
    };
    let parameters: [Value; 18] = [
        server.id.as_str().into(),
        server.tenant.as_str().into(),
        server.owner.as_str().into(),
        server.name.as_str().into(),
        server.url.as_str().into(),
        json(serde_json::to_string(&server.kinds))?.into(),
        server.token.clone().into(),
        server.slots.into(),
        server.now_ms.into(),
        server.account.as_str().into(),
        server.interface.as_str().into(),
        json(serde_json::to_string(&server.models))?.into(),
        server.secret.clone().into(),
        server.webhook_secret.clone().into(),
        server.tier.into(),
        server.rate_per_min.into(),
        server.on_lost_answer.as_str().into(),
        server.batch.into(),
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

/// Writes until when the submissions of the past count at a server.
pub async fn set_rate_until(
    database: &impl Database,
    id: &str,
    rate_until_ms: i64,
) -> Result<(), StoreError> {
    database
        .query(
            sql!("servers/set_rate_until"),
            &[id.into(), rate_until_ms.into()],
        )
        .await
        .map(drop)
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

/// What calls have said of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub errors: i64,
    pub ejections: i64,
    pub cooldown_until_ms: i64,
    /// Of a new cooldown.
    pub cooldown_reason: Option<String>,
}

/// Writes what a call said of `known`, unless another call has said something meanwhile.
pub async fn record_call(
    database: &impl Database,
    known: &ServerRow,
    standing: &Standing,
) -> Result<(), StoreError> {
    let parameters: [Value; 8] = [
        known.id.as_str().into(),
        known.errors.into(),
        known.ejections.into(),
        known.cooldown_until_ms.into(),
        standing.errors.into(),
        standing.ejections.into(),
        standing.cooldown_until_ms.into(),
        standing.cooldown_reason.clone().into(),
    ];
    database
        .query(sql!("servers/record_call"), &parameters)
        .await
        .map(drop)
}

/// How many slots tasks hold at a server, by server and model.
pub async fn models_in_use(
    database: &impl Database,
) -> Result<HashMap<(String, String), i64>, StoreError> {
    let rows = database.query(sql!("servers/models_in_use"), &[]).await?;
    rows.into_rows()
        .map(|row| {
            let key = (
                row.text("server_id")?.to_owned(),
                row.text("model")?.to_owned(),
            );
            Ok((key, row.integer("used")?))
        })
        .collect()
}

/// False when there was none. Its tasks find out at their next poll and are retried elsewhere.
pub async fn delete(database: &impl Database, id: &str) -> Result<bool, StoreError> {
    Ok(!database
        .query(sql!("servers/delete"), &[id.into()])
        .await?
        .is_empty())
}
