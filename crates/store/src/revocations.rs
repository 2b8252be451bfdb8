//! Tokens that are refused although their signature is good (GW2).
//!
//! A row of the kind `token` names a token by its `jti`, or all of a session by its `sid`; one of
//! the kind `principal` refuses what a subject was given before a time. A row that has expired
//! refuses nothing that its own expiry does not refuse already.

use std::collections::{HashMap, HashSet};

use crate::{Database, StoreError, read_one, sql};

/// Rows that an instance keeps in memory: about 1 MB. Beyond that each token is looked up.
const KEPT: i64 = 10_000;

/// What of a token matters here.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub tenant: &'a str,
    pub sub: &'a str,
    pub iat_s: i64,
    pub jti: Option<&'a str>,
    pub sid: Option<&'a str>,
}

/// The rows in force at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Tenant and `jti` or `sid`.
    ids: HashSet<(String, String)>,
    /// Tenant and `sub`, and since when its tokens are good.
    principals: HashMap<(String, String), i64>,
    /// False when there are more rows than are kept.
    is_whole: bool,
}

impl Live {
    /// Whether a token is refused; `None` when only the table knows.
    pub fn refuses(&self, token: &Token<'_>) -> Option<bool> {
        // Nearly always there is nothing, and no key needs to be made.
        if self.is_whole && self.ids.is_empty() && self.principals.is_empty() {
            return Some(false);
        }
        let key = |id: &str| (token.tenant.to_owned(), id.to_owned());
        let by_id = [token.jti, token.sid]
            .into_iter()
            .flatten()
            .any(|id| self.ids.contains(&key(id)));
        let by_principal = self
            .principals
            .get(&key(token.sub))
            .is_some_and(|not_before_s| token.iat_s < *not_before_s);
        match by_id || by_principal {
            true => Some(true),
            false => self.is_whole.then_some(false),
        }
    }
}

/// The rows in force.
pub async fn live(database: &impl Database, now_s: i64) -> Result<Live, StoreError> {
    let rows = database
        .query(sql!("revocations/live"), &[now_s.into(), (KEPT + 1).into()])
        .await?;
    let mut live = Live {
        is_whole: rows.len() as i64 <= KEPT,
        ..Live::default()
    };
    for row in rows.into_rows() {
        let key = (row.text("tenant")?.to_owned(), row.text("id")?.to_owned());
        match row.text("kind")? {
            "token" => {
                live.ids.insert(key);
            }
            _ => {
                live.principals.insert(key, row.integer("not_before_s")?);
            }
        }
    }
    Ok(live)
}

/// Whether a token is refused, as the table says.
pub async fn refuses(
    database: &impl Database,
    token: &Token<'_>,
    now_s: i64,
) -> Result<bool, StoreError> {
    let parameters = [
        now_s.into(),
        token.tenant.into(),
        token.jti.into(),
        token.sid.into(),
        token.sub.into(),
        token.iat_s.into(),
    ];
    let found = read_one(database, sql!("revocations/find"), &parameters).await?;
    Ok(found.is_some())
}

/// Refuses the token with this `jti`, or the tokens with this `sid`, until they have expired.
pub async fn revoke_id(
    database: &impl Database,
    tenant: &str,
    id: &str,
    now_s: i64,
    expires_at_s: i64,
) -> Result<(), StoreError> {
    insert(database, "token", tenant, id, now_s, expires_at_s).await
}

/// Refuses what this subject was given before `not_before_s`.
pub async fn revoke_principal(
    database: &impl Database,
    tenant: &str,
    sub: &str,
    not_before_s: i64,
    expires_at_s: i64,
) -> Result<(), StoreError> {
    insert(
        database,
        "principal",
        tenant,
        sub,
        not_before_s,
        expires_at_s,
    )
    .await
}

async fn insert(
    database: &impl Database,
    kind: &str,
    tenant: &str,
    id: &str,
    not_before_s: i64,
    expires_at_s: i64,
) -> Result<(), StoreError> {
    let parameters = [
        kind.into(),
        tenant.into(),
        id.into(),
        not_before_s.into(),
        expires_at_s.into(),
    ];
    database
        .query(sql!("revocations/insert"), &parameters)
        .await
        .map(drop)
}

/// The time before which this subject's tokens are refused, if there is one.
pub async fn not_before_s(
    database: &impl Database,
    tenant: &str,
    sub: &str,
) -> Result<Option<i64>, StoreError> {
    let parameters = [tenant.into(), sub.into()];
    let row = read_one(database, sql!("revocations/not_before"), &parameters).await?;
    row.map(|row| row.integer("not_before_s")).transpose()
}

/// Removes rows that are of no use any more, some at a time.
pub async fn delete_expired(database: &impl Database, now_s: i64) -> Result<(), StoreError> {
    database
        .query(sql!("revocations/delete_expired"), &[now_s.into()])
        .await
        .map(drop)
}
