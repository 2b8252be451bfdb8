//! Who did what to which object (GW11). Rows are only ever added; the schema refuses the rest.

use crate::{Database, Row, StoreError, Value, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Given by the database.
    pub seq: i64,
    pub tenant: String,
    pub sub: String,
    pub role: String,
    pub action: String,
    pub object: String,
    pub project_id: Option<String>,
    pub status: i64,
    pub request_id: Option<String>,
    pub at_ms: i64,
}

/// What a list is narrowed to.
#[derive(Clone, Copy, Debug)]
pub struct Only<'a> {
    pub tenant: &'a str,
    pub before_seq: Option<i64>,
    pub sub: Option<&'a str>,
    pub project: Option<&'a str>,
}

pub async fn insert(database: &impl Database, entry: &Entry) -> Result<(), StoreError> {
    let parameters = [
        entry.tenant.as_str().into(),
        entry.sub.as_str().into(),
        entry.role.as_str().into(),
        entry.action.as_str().into(),
        entry.object.as_str().into(),
        entry.project_id.clone().into(),
        entry.status.into(),
        entry.request_id.clone().into(),
        entry.at_ms.into(),
    ];
    let inserted = database.query(sql!("audit/insert"), &parameters);
    inserted.await.map(drop)
}

/// The newest first.
pub async fn list(
    database: &impl Database,
    only: Only<'_>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let text = |text: Option<&str>| Value::from(text.map(str::to_owned));
    let parameters = [
        only.tenant.into(),
        only.before_seq.into(),
        text(only.sub),
        text(only.project),
        limit.into(),
    ];
    let rows = database.query(sql!("audit/list"), &parameters).await?;
    rows.into_rows().map(|row| from_row(&row)).collect()
}

fn from_row(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.integer("seq")?,
        tenant: row.text("tenant")?.to_owned(),
        sub: row.text("sub")?.to_owned(),
        role: row.text("role")?.to_owned(),
        action: row.text("action")?.to_owned(),
        object: row.text("object")?.to_owned(),
        project_id: row.optional_text("project_id")?.map(str::to_owned),
        status: row.integer("status")?,
        request_id: row.optional_text("request_id")?.map(str::to_owned),
        at_ms: row.integer("at_ms")?,
    })
}
