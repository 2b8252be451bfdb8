//! Idempotency-Key (GW8): a POST that comes again with its key is answered as the first time.
//!
//! The key is taken before the request is handled and the answer is kept after it. Between the two
//! the process may die: then the key may be taken over after a while, and whatever the request
//! creates has the id that the first try gave it (`Call::new_id`), so that it is not made twice.

use bytes::Bytes;
use guest::api::{CREATED_BEFORE, CREATION};
use guest::{Db, Request, RequestBody, Response, store_failed};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use identity::Claims;
use problem::{Problem, Slug};
use sha2::{Digest, Sha256};
use store::idempotency::{self, Claim, Kept, Key};

const HEADER: &str = "idempotency-key";
/// Said of an answer that was kept.
const REPLAYED: &str = "idempotency-replayed";
const KEY_BYTES: usize = 255;
/// Bodies of requests that create something.
const BODY_BYTES: usize = 1024 * 1024;
/// A longer answer is not kept, and its request not answered again.
const ANSWER_BYTES: usize = 256 * 1024;
/// How long a request may be answered before another try may take it over.
const LOCK_MS: i64 = 60_000;
const KEPT_MS: i64 = 24 * 3_600_000;
/// Headers of an answer that are kept with it.
const HEADERS: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::LOCATION,
    header::ETAG,
    header::CACHE_CONTROL,
];

/// What to do with a request.
pub enum Repeat {
    /// Handle it; it has no key.
    No(Request),
    /// Handle it, then keep the answer.
    First(Request, Taken),
    /// It was answered before.
    Again(Response),
}

/// A key that was taken for a request.
pub struct Taken {
    key: Key,
    locked_until_ms: i64,
}

/// Looks for a key, and takes it.
pub async fn look(claims: &Claims, request: Request) -> Result<Repeat, Problem> {
    let Some(key) = key_of(&request)? else {
        return Ok(Repeat::No(request));
    };
    let key = Key {
        tenant: claims.tenant.clone(),
        sub: claims.sub.clone(),
        key,
    };
    let (head, body) = request.into_parts();
    let is_json = head
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let target = head.uri.path_and_query().map_or("", |path| path.as_str());
    let mut fingerprint = Sha256::new();
    // There may be a password in the body: without the secret, nobody tries guesses on the hash.
    fingerprint.update(guest::secret().await?);
    for part in [head.method.as_str(), target] {
        fingerprint.update(part.as_bytes());
        fingerprint.update([0]);
    }
    // Media are addressed by their content: sending them again makes nothing twice.
    let body = if is_json {
        let whole = Request::from_parts(head.clone(), body);
        let bytes = guest::read_body(whole, BODY_BYTES).await?;
        fingerprint.update(&bytes);
        RequestBody::whole(bytes)
    } else {
        body
    };
    let fingerprint = hex::encode(fingerprint.finalize());
    let now_ms = guest::now_ms();
    let taken = Taken {
        key,
        locked_until_ms: now_ms + LOCK_MS,
    };
    let database = Db::open().await.map_err(store_failed)?;
    let claim = idempotency::claim(
        &database,
        &taken.key,
        &fingerprint,
        now_ms,
        taken.locked_until_ms,
        now_ms + KEPT_MS,
    );
    match claim.await.map_err(store_failed)? {
        Claim::Ours { is_repeated } => {
            let mut request = Request::from_parts(head, body);
            let seed = seed(&taken.key, &fingerprint);
            let headers = request.headers_mut();
            headers.insert(CREATION, seed);
            if is_repeated {
                headers.insert(CREATED_BEFORE, HeaderValue::from_static("perhaps"));
            }
            Ok(Repeat::First(request, taken))
        }
        Claim::InFlight => {
            let problem = Problem::new(
                Slug::Conflict,
                "a request with this Idempotency-Key is being answered at this moment",
            );
            Err(problem.with_header("retry-after", "1"))
        }
        Claim::Other => Err(Problem::new(
            Slug::Unprocessable,
            "this Idempotency-Key was used for another request",
        )),
        Claim::Answered(kept) => Ok(Repeat::Again(replay(kept))),
    }
}

/// Keeps the answer; one that says "not now" is not kept, so that another try may do better.
pub async fn keep(taken: Taken, response: Response) -> Result<Response, Problem> {
    let database = Db::open().await.map_err(store_failed)?;
    let status = response.status();
    let is_final = !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS;
    // What no cache may keep (a link that lets somebody in) is not kept here either.
    let is_secret = response
        .headers()
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value.as_bytes() == b"no-store");
    if !is_final || is_secret {
        idempotency::release(&database, &taken.key, taken.locked_until_ms)
            .await
            .map_err(store_failed)?;
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map_err(|error| {
        guest::log_error("answer", &error);
        Problem::new(Slug::UpstreamFailed, "the answer broke off")
    })?;
    let bytes = bytes.to_bytes();
    if bytes.len() <= ANSWER_BYTES {
        let pairs: Vec<_> = HEADERS
            .iter()
            .filter_map(|name| Some((name.as_str(), head.headers.get(name)?.to_str().ok()?)))
            .collect();
        let kept = Kept {
            status: i64::from(status.as_u16()),
            headers: serde_json::json!(pairs).to_string(),
            body: bytes.to_vec(),
        };
        idempotency::keep(&database, &taken.key, taken.locked_until_ms, kept)
            .await
            .map_err(store_failed)?;
    }
    Ok(Response::from_parts(head, guest::full(bytes)))
}

/// Only what creates something takes a key; elsewhere the header means nothing.
fn key_of(request: &Request) -> Result<Option<String>, Problem> {
    if request.method() != Method::POST {
        return Ok(None);
    }
    let Some(value) = request.headers().get(HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let is_key = !text.is_empty()
        && text.len() <= KEY_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key {
        Ok(Some(text.to_owned()))
    } else {
        Err(Problem::new(
            Slug::BadRequest,
            format!("Idempotency-Key: 1 to {KEY_BYTES} visible ASCII characters"),
        ))
    }
}

fn seed(key: &Key, fingerprint: &str) -> HeaderValue {
    let mut seed = Sha256::new();
    for part in [&key.tenant, &key.sub, &key.key, fingerprint] {
        seed.update(part.as_bytes());
        seed.update([0]);
    }
    // Hex is a header's value.
    HeaderValue::try_from(hex::encode(seed.finalize())).unwrap_or(HeaderValue::from_static("0"))
}

fn replay(kept: Kept) -> Response {
    let mut response = http::Response::new(guest::full(Bytes::from(kept.body)));
    let status = u16::try_from(kept.status).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    let pairs: Vec<(String, String)> = serde_json::from_str(&kept.headers).unwrap_or_default();
    let headers = response.headers_mut();
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value.parse()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
