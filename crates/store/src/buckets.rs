//! Token buckets (GW7). A bucket is a row, and whoever takes tokens from it takes them by one
//! statement: together, all instances never get more than the quota and what has flowed in since.

use serde::Serialize;

use crate::{Database, StoreError, sql};

/// What somebody wants from a bucket that holds `quota` tokens and fills in a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wish {
    pub name: String,
    /// Tokens per minute, and the most that are saved up.
    pub quota: i64,
    pub want: i64,
}

/// What was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub granted: i64,
    /// What is left, in thousandths of a token.
    pub level: i64,
}

/// Takes from several buckets; the grants come in the order of the wishes.
pub async fn take(
    database: &impl Database,
    wishes: &[Wish],
    now_ms: i64,
) -> Result<Vec<Grant>, StoreError> {
    let wanted = serde_json::json!(wishes).to_string();
    let parameters = [wanted.into(), now_ms.into()];
    let rows = database.query(sql!("buckets/take"), &parameters).await?;
    let mut found = Vec::with_capacity(wishes.len());
    for row in rows.into_rows() {
        let grant = Grant {
            granted: row.integer("granted")?,
            level: row.integer("level")?,
        };
        found.push((row.text("name")?.to_owned(), grant));
    }
    let of = |wish: &Wish| {
        let grant = found.iter().find(|(name, _)| *name == wish.name);
        let missing = || StoreError::Shape(format!("no bucket {}", wish.name));
        grant.map(|(_, grant)| *grant).ok_or_else(missing)
    };
    wishes.iter().map(of).collect()
}

/// Forgets buckets that nobody has taken from for so long that they are full again.
pub async fn delete_full(
    database: &impl Database,
    now_ms: i64,
    limit: i64,
) -> Result<(), StoreError> {
    let parameters = [now_ms.into(), limit.into()];
    let deleted = database.query(sql!("buckets/delete_full"), &parameters);
    deleted.await.map(drop)
}
