//! Answers that the host gives itself: problems, as RFC 9457 writes them.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};

use crate::Body;

/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

pub(crate) fn body<E>(
    bytes: impl Into<Bytes>,
) -> http_body_util::combinators::UnsyncBoxBody<Bytes, E> {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(body(text));
    *response.status_mut() = status;
    response
}

pub(crate) fn problem<E>(
    status: StatusCode,
    detail: &str,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, E>> {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = Response::new(body(problem.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}
