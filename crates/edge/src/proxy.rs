//! Passing a request on and its answer back, both streamed, with the headers a proxy must change.

use crate::body::{Fault, RequestBody};
use crate::headers::{self, WantsTrailers};
use crate::server::Visit;
use crate::{Body, Limits, full};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http_body_util::BodyExt;
use problem::{Problem, Slug};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// When to ask again after the application did not answer: a restart takes a second or two.
const RETRY_AFTER_S: u16 = 1;
/// A request id longer than this is not one: it would only bloat logs.
const REQUEST_ID_BYTES: usize = 128;

pub(crate) fn problem(
    slug: Slug,
    detail: impl Into<String>,
    request_id: &HeaderValue,
) -> http::Response<Body> {
    let mut problem = Problem::new(slug, detail);
    problem.instance = request_id.to_str().ok().map(str::to_owned);
    problem.into_response::<Vec<u8>>().map(full)
}

/// The client's request id when it is a sensible one, else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sensible = |value: &&HeaderValue| {
        (1..=REQUEST_ID_BYTES).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers
        .get(REQUEST_ID)
        .filter(sensible)
        .cloned()
        .unwrap_or_else(new_request_id)
}

pub(crate) fn new_request_id() -> HeaderValue {
    let mut random = [0; 12];
    // Without randomness the id is all zeros: a worse log, not a failed request.
    let _ = getrandom::fill(&mut random);
    HeaderValue::from_str(&hex::encode(random)).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

/// Passes a request on. `authority` is the host it is for.
pub(crate) async fn proxy(
    request: http::Request<hyper::body::Incoming>,
    authority: Authority,
    request_id: &HeaderValue,
    visit: &Visit,
) -> http::Response<Body> {
    let limits = &visit.shared.options.limits;
    if declared(request.headers()).is_some_and(|length| length > limits.body_bytes) {
        return too_large(limits, request_id);
    }
    let (mut parts, body) = request.into_parts();
    let body = RequestBody::new(body, limits.body_bytes, limits.stall_timeout);
    let faults = body.faults();
    if !forward(&mut parts, authority, request_id, visit) {
        return problem(
            Slug::BadRequest,
            "the request names no valid host",
            request_id,
        );
    }
    let request = http::Request::from_parts(parts, body.boxed_unsync());
    let answer = visit.shared.upstream.call(request, visit.client);
    let answer = tokio::time::timeout(limits.response_timeout, answer).await;
    match (faults.get(), answer) {
        // Whatever the application makes of half a body.
        (Some(Fault::TooLarge), _) => too_large(limits, request_id),
        (Some(Fault::Stalled), _) => ends(problem(
            Slug::RequestTimeout,
            "the body of the request stopped coming",
            request_id,
        )),
        (Some(Fault::Broken), _) => ends(problem(
            Slug::BadRequest,
            "the request's body broke off or is not valid",
            request_id,
        )),
        (None, Ok(Ok(answer))) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
            tracing::warn!(
                ?request_id,
                "the application switched to what was not asked"
            );
            unanswered(request_id)
        }
        (None, Ok(Ok(mut answer))) => {
            headers::strip(answer.headers_mut());
            *answer.version_mut() = http::Version::HTTP_11;
            answer
        }
        (None, Ok(Err(error))) => {
            tracing::warn!(%error, ?request_id, "a proxied request failed");
            unanswered(request_id)
        }
        (None, Err(_)) => problem(
            Slug::Timeout,
            "the application did not answer in time",
            request_id,
        ),
    }
}

/// Makes the head of the client's request that of the edge's own; false when the host cannot be
/// written down.
fn forward(
    parts: &mut Parts,
    authority: Authority,
    request_id: &HeaderValue,
    visit: &Visit,
) -> bool {
    let Ok(host) = HeaderValue::from_str(authority.as_str()) else {
        return false;
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = http::Uri::builder()
        .scheme("http")
        .authority(authority)
        .path_and_query(path)
        .build();
    let Ok(uri) = uri else { return false };
    parts.uri = uri;
    parts.version = http::Version::HTTP_11;
    parts.extensions.clear();
    if headers::wants_trailers(&parts.headers) {
        parts.extensions.insert(WantsTrailers);
    }
    headers::strip(&mut parts.headers);
    headers::drop_claims(&mut parts.headers);
    headers::join_cookies(&mut parts.headers);
    // The edge says 100 itself, as soon as the application takes the body.
    parts.headers.remove(header::EXPECT);
    if let Ok(address) = HeaderValue::from_str(&visit.client.ip().to_canonical().to_string()) {
        parts.headers.insert(FORWARDED_FOR, address);
    }
    let scheme = HeaderValue::from_static(visit.scheme);
    parts.headers.insert(FORWARDED_PROTO, scheme);
    parts.headers.insert(FORWARDED_HOST, host.clone());
    parts.headers.insert(header::HOST, host);
    parts.headers.insert(REQUEST_ID, request_id.clone());
    true
}

/// The length of the body, where the client says it.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn too_large(limits: &Limits, request_id: &HeaderValue) -> http::Response<Body> {
    let most = limits.body_bytes;
    let detail = format!("a request's body is at most {most} bytes");
    ends(problem(Slug::PayloadTooLarge, detail, request_id))
}

pub(crate) fn unanswered(request_id: &HeaderValue) -> http::Response<Body> {
    let mut answer = problem(
        Slug::UpstreamFailed,
        "the application did not answer",
        request_id,
    );
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    answer
}

/// What is left of the request's body is not worth reading.
fn ends(mut answer: http::Response<Body>) -> http::Response<Body> {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw12_a_sensible_request_id_is_kept() {
        for (given, kept) in [("abc-123", true), ("", false), ("two words", false)] {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(given))]);
            assert_eq!(request_id(&headers) == given, kept, "{given:?}");
        }
        assert_eq!(request_id(&HeaderMap::new()).len(), 24);
    }
}
