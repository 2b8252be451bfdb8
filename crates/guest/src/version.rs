//! Versions of documents that change: `ETag`, `If-None-Match`, `If-Match` (RFC 9110 section 13).

use http::{HeaderMap, HeaderName, StatusCode, header};
use problem::{Problem, Slug};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Answer, Call, Response, empty, json};

/// The document with its ETag, or 304 when the caller has this version.
pub fn etagged(call: &Call, document: &impl Serialize) -> Answer {
    let etag = etag(document)?;
    let response = if is_listed(call.request.headers(), header::IF_NONE_MATCH, &etag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        json(StatusCode::OK, document)
    };
    Ok(of_version(response, &etag))
}

/// The answer, which shows this version of something that changes.
pub fn of_version(mut response: Response, etag: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        http::HeaderValue::from_static("private, no-cache"),
    );
    if let Ok(etag) = etag.parse() {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// Refuses a change of another version than the one that the caller names, if it names one.
pub fn require_match(call: &Call, document: &impl Serialize) -> Result<(), Problem> {
    require_match_of(call.request.headers(), document)
}

/// The same by the headers alone, where the request is read already.
pub fn require_match_of(headers: &HeaderMap, document: &impl Serialize) -> Result<(), Problem> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let etag = etag(document)?;
    if is_listed(headers, header::IF_MATCH, &etag) {
        return Ok(());
    }
    Err(Problem::new(
        Slug::PreconditionFailed,
        format!("the document is now of version {etag}"),
    ))
}

/// The version of a document, by what is in it.
pub fn etag(document: &impl Serialize) -> Result<String, Problem> {
    let bytes = serde_json::to_vec(document)
        .map_err(|_| Problem::new(Slug::Internal, "the answer could not be written"))?;
    let hash = Sha256::digest(bytes);
    Ok(format!("\"{}\"", hex::encode(&hash[..12])))
}

/// Whether a header of conditions names this version.
pub fn is_listed(headers: &HeaderMap, name: HeaderName, etag: &str) -> bool {
    let values = headers.get_all(name).iter();
    let listed = values.filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag
    })
}
