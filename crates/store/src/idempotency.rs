//! Answers to requests that came with an Idempotency-Key, kept to be given again (GW8).

use crate::{Database, StoreError, Value, read_one, sql};

/// Whose key it is.
#[derive(Clone, Debug)]
pub struct Key {
    pub tenant: String,
    pub sub: String,
    pub key: String,
}

impl Key {
    fn parameters(&self) -> [Value; 3] {
        let Self { tenant, sub, key } = self;
        [tenant, sub, key].map(|text| text.as_str().into())
    }
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub status: i64,
    /// JSON: pairs of name and value.
    pub headers: String,
    pub body: Vec<u8>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The request is the caller's to answer; an earlier try of it was broken off, if `is_repeated`.
    Ours {
        is_repeated: bool,
    },
    /// Somebody answers it at this moment.
    InFlight,
    /// The key belongs to another request.
    Other,
    Answered(Kept),
}

/// Takes a key for a request with this fingerprint. A claim that nobody finished until
/// `locked_until_ms` may be taken over by the same request.
pub async fn claim(
    database: &impl Database,
    key: &Key,
    fingerprint: &str,
    now_ms: i64,
    locked_until_ms: i64,
    expires_at_ms: i64,
) -> Result<Claim, StoreError> {
    let mut parameters = key.parameters().to_vec();
    parameters.extend([
        fingerprint.into(),
        locked_until_ms.into(),
        expires_at_ms.into(),
        now_ms.into(),
    ]);
    let claimed = database
        .query(sql!("idempotency/claim"), &parameters)
        .await?;
    if let Some(row) = claimed.first() {
        let is_repeated = row.integer("tries")? > 1;
        return Ok(Claim::Ours { is_repeated });
    }
    let row = read_one(database, sql!("idempotency/find"), &key.parameters()).await?;
    let Some(mut row) = row else {
        // Released at this moment: the caller comes again.
        return Ok(Claim::InFlight);
    };
    if row.text("fingerprint")? != fingerprint {
        return Ok(Claim::Other);
    }
    match row.optional_integer("status")? {
        None => Ok(Claim::InFlight),
        Some(status) => Ok(Claim::Answered(Kept {
            status,
            headers: row.text("headers")?.to_owned(),
            body: row.take_blob("body")?,
        })),
    }
}

/// Keeps the answer of a claim that is still held.
pub async fn keep(
    database: &impl Database,
    key: &Key,
    locked_until_ms: i64,
    kept: Kept,
) -> Result<(), StoreError> {
    let mut parameters = key.parameters().to_vec();
    parameters.extend([
        locked_until_ms.into(),
        kept.status.into(),
        kept.headers.into(),
        kept.body.into(),
    ]);
    let written = database.query(sql!("idempotency/keep"), &parameters);
    written.await.map(drop)
}

/// Gives a claim back: the request may be tried again at once.
pub async fn release(
    database: &impl Database,
    key: &Key,
    locked_until_ms: i64,
) -> Result<(), StoreError> {
    let mut parameters = key.parameters().to_vec();
    parameters.push(locked_until_ms.into());
    let released = database.query(sql!("idempotency/release"), &parameters);
    released.await.map(drop)
}

/// Forgets keys whose time is over.
pub async fn delete_expired(
    database: &impl Database,
    now_ms: i64,
    limit: i64,
) -> Result<(), StoreError> {
    let parameters = [now_ms.into(), limit.into()];
    let deleted = database.query(sql!("idempotency/delete_expired"), &parameters);
    deleted.await.map(drop)
}
