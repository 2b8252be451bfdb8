//! Links that log somebody in once (GW10); their secrets are here by their hashes alone.

use crate::{Database, StoreError, read_one, sql};

/// A link that logs somebody in once.
pub struct NewLink<'a> {
    pub secret_hash: &'a str,
    pub account_id: &'a str,
    pub tenant: &'a str,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
}

pub async fn insert(database: &impl Database, link: &NewLink<'_>) -> Result<(), StoreError> {
    let parameters = [
        link.secret_hash.into(),
        link.account_id.into(),
        link.tenant.into(),
        link.created_at_ms.into(),
        link.expires_at_ms.into(),
    ];
    database
        .query(sql!("entry_links/insert"), &parameters)
        .await
        .map(drop)
}

/// Uses a link up: account and tenant, to the first who comes in time.
pub async fn use_up(
    database: &impl Database,
    secret_hash: &str,
    now_ms: i64,
) -> Result<Option<(String, String)>, StoreError> {
    let parameters = [secret_hash.into(), now_ms.into()];
    let row = read_one(database, sql!("entry_links/use_up"), &parameters).await?;
    row.map(|row| {
        Ok((
            row.text("account_id")?.to_owned(),
            row.text("tenant")?.to_owned(),
        ))
    })
    .transpose()
}

/// Removes links that have expired, some at a time.
pub async fn delete_expired(database: &impl Database, now_ms: i64) -> Result<(), StoreError> {
    database
        .query(sql!("entry_links/delete_old"), &[now_ms.into()])
        .await
        .map(drop)
}
