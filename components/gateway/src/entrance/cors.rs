//! Cross-origin requests (GW4): only from origins of the list, which are named one by one.

use guest::{Request, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use problem::Problem;

/// What a page of an allowed origin may send and see.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, if-range, last-event-id, range, traceparent, tus-resumable, upload-checksum, upload-length, upload-metadata, upload-offset";
const ANSWER_HEADERS: &str = "accept-ranges, asset-id, asset-src, content-range, document-head, etag, idempotency-replayed, location, loro-version, ratelimit, ratelimit-policy, retry-after, tus-checksum-algorithm, tus-extension, tus-max-size, tus-resumable, tus-version, upload-expires, upload-length, upload-metadata, upload-offset, x-request-id";
/// Ten minutes: what browsers keep at most differs, and none minds less.
const MAX_AGE: &str = "600";

/// The origin of the request, if it is one of the list.
pub async fn allowed(origin: Option<&str>) -> Result<Option<HeaderValue>, Problem> {
    let Some(origin) = origin else {
        return Ok(None);
    };
    let list = guest::variable("cors_origins").await?;
    let is_listed = list
        .split([',', ' '])
        .any(|one| !one.is_empty() && one.trim_end_matches('/') == origin);
    Ok(is_listed.then(|| origin.parse().ok()).flatten())
}

/// True for the question that a browser asks before it sends the request itself.
pub fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that question; without an allowed origin it allows nothing.
pub fn preflight(allowed: Option<&HeaderValue>) -> Response {
    let mut response = guest::empty(StatusCode::NO_CONTENT);
    if allowed.is_some() {
        let headers = response.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        set(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

/// What every answer to a page of an allowed origin carries.
pub fn dress(headers: &mut HeaderMap, allowed: Option<&HeaderValue>) {
    let Some(origin) = allowed else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let exposed = HeaderValue::from_static(ANSWER_HEADERS);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
