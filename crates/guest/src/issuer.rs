//! Tokens of an outside issuer: its public keys are fetched from `jwks_url`, and kept in the
//! key-value store, which all instances share, and in this instance.
//!
//! A set is fetched when the kept one is too old, or when a token names a key that it does not have;
//! but at most once a minute by all instances together (the database counts, as the key-value store
//! has no atomic write), so that tokens with invented key ids make no load for the issuer. An issuer that is down is no reason to turn its people away: the last set
//! goes on being used for a day.

use std::cell::RefCell;

use identity::{Claims, Issuer, KeySet, Keys, TokenError, Verifier, key_address};
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use spin_sdk::key_value::Store;
use store::StoreError;
use store::attempts::{self, Allowance};

use crate::{Db, call, log_error, now_ms, optional_variable, sleep_ms};

/// Sets have a few KiB; what is larger is something else.
const SET_BYTES: usize = 256 * 1024;
/// Requests wait for the set.
const FETCH_TIMEOUT_MS: u64 = 5_000;
/// All instances together try no more often.
const TRIES: Allowance = Allowance {
    tries: 1,
    window_ms: 60_000,
};
/// How often the answer to somebody else's question is looked for.
const LOOK_EVERY_MS: u64 = 100;
/// How long a set serves when no newer one can be had.
const STALE_S: i64 = 24 * 60 * 60;
/// When the variable `jwks_max_age_s` is not a number.
const MAX_AGE_S: i64 = 600;

const SET_KEY: &str = "jwks";

/// The set as it is kept in the key-value store.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// A set of another address is of no use.
    url: String,
    fetched_at_s: i64,
    set: String,
}

struct Kept {
    url: String,
    fetched_at_s: i64,
    keys: KeySet,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// The claims of a token that is not signed with our secret.
pub(crate) async fn verify(
    own: &Keys,
    token: &str,
    now_s: i64,
) -> Result<Result<Claims, TokenError>, Problem> {
    let url = optional_variable("jwks_url").await;
    if url.is_empty() {
        return Ok(Err(TokenError::Invalid));
    }
    let max_age_s = optional_variable("jwks_max_age_s").await;
    let max_age_s = max_age_s.parse().unwrap_or(MAX_AGE_S);
    let name = Some(optional_variable("jwks_issuer").await).filter(|name| !name.is_empty());
    let audience = optional_variable("jwks_audience").await;
    let check = |keys: KeySet| {
        let issuer = Issuer {
            keys,
            name: name.clone(),
            audience: match audience.is_empty() {
                true => identity::token::AUDIENCE.to_owned(),
                false => audience.clone(),
            },
        };
        Verifier::new(own.clone(), Some(issuer)).verify(token, now_s)
    };
    let mut seen_at_s = None;
    if let Some((keys, fetched_at_s)) = kept(&url, now_s, max_age_s) {
        match check(keys) {
            Err(TokenError::UnknownKey) => seen_at_s = Some(fetched_at_s),
            checked => return Ok(checked),
        }
    }
    let keys = newer(&url, now_s, max_age_s, seen_at_s).await;
    match (keys, seen_at_s) {
        (Some(keys), _) => Ok(check(keys)),
        (None, Some(_)) => Ok(Err(TokenError::UnknownKey)),
        (None, None) => Err(Problem::new(
            Slug::Unavailable,
            "the keys of the token's issuer cannot be fetched at the moment",
        )),
    }
}

/// What this instance has, if it is fresh.
fn kept(url: &str, now_s: i64, max_age_s: i64) -> Option<(KeySet, i64)> {
    KEPT.with_borrow(|kept| {
        let kept = kept.as_ref().filter(|kept| kept.url == url)?;
        is_within(kept.fetched_at_s, now_s, max_age_s)
            .then(|| (kept.keys.clone(), kept.fetched_at_s))
    })
}

/// A set that is fresh and newer than one that was seen already: from the key-value store, else
/// from the issuer. Without either, an old one will do, but not the one that was seen.
async fn newer(url: &str, now_s: i64, max_age_s: i64, seen_at_s: Option<i64>) -> Option<KeySet> {
    let store = match Store::open_default().await {
        Ok(store) => store,
        Err(error) => {
            log_error("jwks", &format!("the key-value store: {error:?}"));
            return None;
        }
    };
    let stored = read(&store, url).await;
    let is_new = |stored: &&Stored| seen_at_s.is_none_or(|seen| stored.fetched_at_s > seen);
    let fresh = stored
        .as_ref()
        .filter(|stored| is_within(stored.fetched_at_s, now_s, max_age_s))
        .filter(is_new);
    if let Some(keys) = fresh.and_then(keep) {
        return Some(keys);
    }
    let tried_at_ms = match fetch(&store, url, now_s).await {
        Fetched::Keys(keys) => return Some(keys),
        Fetched::Failed => None,
        Fetched::TriedByAnother { at_ms } => Some(at_ms),
    };
    let stale = stored
        .as_ref()
        .filter(|stored| is_within(stored.fetched_at_s, now_s, STALE_S))
        .filter(is_new)
        .and_then(|stored| KeySet::from_json(stored.set.as_bytes()).ok());
    match (stale, seen_at_s, tried_at_ms) {
        (None, None, Some(at_ms)) => fetched_by_another(&store, url, at_ms).await,
        (stale, _, _) => stale,
    }
}

/// The very first requests come together, and one of them asks the issuer: the others wait for its
/// answer as long as it does.
async fn fetched_by_another(store: &Store, url: &str, tried_at_ms: i64) -> Option<KeySet> {
    let until_ms = tried_at_ms.saturating_add(FETCH_TIMEOUT_MS as i64);
    while now_ms() < until_ms {
        sleep_ms(LOOK_EVERY_MS).await;
        if let Some(stored) = read(store, url).await {
            return keep(&stored);
        }
    }
    None
}

/// A time ahead of ours is of a clock that was wrong.
fn is_within(at_s: i64, now_s: i64, age_s: i64) -> bool {
    (0..=age_s).contains(&now_s.saturating_sub(at_s))
}

async fn read(store: &Store, url: &str) -> Option<Stored> {
    let bytes = store.get(SET_KEY).await.ok()??;
    let stored: Stored = serde_json::from_slice(&bytes).ok()?;
    (stored.url == url).then_some(stored)
}

/// Keeps a set for this instance.
fn keep(stored: &Stored) -> Option<KeySet> {
    let keys = KeySet::from_json(stored.set.as_bytes()).ok()?;
    KEPT.with_borrow_mut(|kept| {
        *kept = Some(Kept {
            url: stored.url.clone(),
            fetched_at_s: stored.fetched_at_s,
            keys: keys.clone(),
        });
    });
    Some(keys)
}

enum Fetched {
    Keys(KeySet),
    Failed,
    TriedByAnother { at_ms: i64 },
}

/// Asks the issuer, unless somebody has within the last minute. What goes wrong is logged once.
async fn fetch(store: &Store, url: &str, now_s: i64) -> Fetched {
    // Counted before it is done, so that a try that hangs counts too.
    match take_a_try(url).await {
        Ok(Ok(())) => {}
        Ok(Err(until_ms)) => {
            let at_ms = until_ms.saturating_sub(TRIES.window_ms);
            return Fetched::TriedByAnother { at_ms };
        }
        Err(error) => {
            log_error("jwks", &error);
            return Fetched::Failed;
        }
    }
    let set = match get(url).await {
        Ok(set) => set,
        Err(cause) => {
            log_error("jwks", &format!("{url}: {cause}"));
            return Fetched::Failed;
        }
    };
    let stored = Stored {
        url: url.to_owned(),
        fetched_at_s: now_s,
        set,
    };
    if let Ok(bytes) = serde_json::to_vec(&stored)
        && let Err(error) = store.set(SET_KEY, bytes).await
    {
        log_error("jwks", &format!("the key-value store: {error:?}"));
    }
    keep(&stored).map_or(Fetched::Failed, Fetched::Keys)
}

async fn take_a_try(url: &str) -> Result<Result<(), i64>, StoreError> {
    let database = Db::open().await?;
    attempts::take(&database, &format!("jwks {url}"), TRIES, now_ms()).await
}

/// The set as the issuer serves it; a redirect is not followed.
async fn get(url: &str) -> Result<String, String> {
    key_address::check(url, &optional_variable("jwks_host").await)?;
    let request = http::Request::get(url)
        .header(
            http::header::ACCEPT,
            "application/jwk-set+json, application/json",
        )
        .body(bytes::Bytes::new())
        .map_err(|error| error.to_string())?;
    let answer = call(request, SET_BYTES, FETCH_TIMEOUT_MS)
        .await
        .map_err(|error| error.to_string())?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("it answered {}", answer.status()));
    }
    KeySet::from_json(answer.body()).map_err(|error| error.to_string())?;
    String::from_utf8(answer.body().to_vec()).map_err(|_| "it is not UTF-8".to_owned())
}
