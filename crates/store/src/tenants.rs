//! Tenants: what separates those who share a deployment (GW9).

use crate::{Cursor, Database, StoreError, Value, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: String,
    pub name: String,
    pub created_at_ms: i64,
}

/// False when the id is taken.
pub async fn insert(database: &impl Database, tenant: &Tenant) -> Result<bool, StoreError> {
    let parameters = [
        tenant.id.as_str().into(),
        tenant.name.as_str().into(),
        tenant.created_at_ms.into(),
    ];
    let inserted = database.query(sql!("tenants/insert"), &parameters).await?;
    Ok(!inserted.is_empty())
}

/// The oldest first.
pub async fn list(
    database: &impl Database,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Tenant>, StoreError> {
    let parameters = [
        after.map_or(Value::Null, |(at_ms, _)| (*at_ms).into()),
        Value::from(after.map(|(_, id)| id.clone())),
        limit.into(),
    ];
    let rows = database.query(sql!("tenants/list"), &parameters).await?;
    rows.into_rows()
        .map(|row| {
            Ok(Tenant {
                id: row.text("id")?.to_owned(),
                name: row.text("name")?.to_owned(),
                created_at_ms: row.integer("created_at_ms")?,
            })
        })
        .collect()
}
