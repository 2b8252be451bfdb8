//! Passing a request on and its answer back, both streamed, with the headers a proxy must change.

use crate::{Body, Options, Upstream, full};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use problem::{Problem, Slug};
use std::net::SocketAddr;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// RFC 9110, section 7.6.1, and the two that predate it.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

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

pub(crate) async fn proxy(
    request: http::Request<hyper::body::Incoming>,
    client: SocketAddr,
    request_id: &HeaderValue,
    upstream: &dyn Upstream,
    options: &Options,
) -> http::Response<Body> {
    let (mut parts, body) = request.into_parts();
    let Some(host) = parts
        .uri
        .authority()
        .map(|a| a.as_str().to_owned())
        .or_else(|| {
            let host = parts.headers.get(header::HOST)?.to_str().ok()?;
            Some(host.to_owned())
        })
    else {
        return problem(Slug::BadRequest, "the request names no host", request_id);
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = http::Uri::builder()
        .scheme("http")
        .authority(host.as_str())
        .path_and_query(path)
        .build();
    let (Ok(uri), Ok(host)) = (uri, HeaderValue::from_str(&host)) else {
        return problem(
            Slug::BadRequest,
            "the request names no valid host",
            request_id,
        );
    };
    parts.uri = uri;
    parts.version = http::Version::HTTP_11;
    parts.extensions.clear();
    strip(&mut parts.headers);
    parts.headers.remove(header::FORWARDED);
    if let Ok(address) = HeaderValue::from_str(&client.ip().to_canonical().to_string()) {
        parts.headers.insert(FORWARDED_FOR, address);
    }
    parts.headers.insert(
        FORWARDED_PROTO,
        HeaderValue::from_static(options.public_scheme),
    );
    parts.headers.insert(FORWARDED_HOST, host.clone());
    parts.headers.insert(header::HOST, host);
    parts.headers.insert(REQUEST_ID, request_id.clone());

    let body = body.map_err(Into::into).boxed_unsync();
    let answer = upstream.call(http::Request::from_parts(parts, body), client);
    match tokio::time::timeout(options.limits.response_timeout, answer).await {
        Ok(Ok(mut answer)) => {
            strip(answer.headers_mut());
            *answer.version_mut() = http::Version::HTTP_11;
            answer
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, ?request_id, "a proxied request failed");
            problem(
                Slug::UpstreamFailed,
                "the application did not answer",
                request_id,
            )
        }
        Err(_) => problem(
            Slug::Timeout,
            "the application did not answer in time",
            request_id,
        ),
    }
}

/// Removes what belongs to one connection only, also what `Connection` names.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw1_headers_of_one_hop_stay_on_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-mine"),
            ("connection", "Upgrade"),
            ("x-mine", "1"),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-type", "text/plain"),
        ] {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        strip(&mut headers);
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["content-type"]
        );
    }

    #[test]
    fn gw12_a_sensible_request_id_is_kept() {
        for (given, kept) in [("abc-123", true), ("", false), ("two words", false)] {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(given))]);
            assert_eq!(request_id(&headers) == given, kept, "{given:?}");
        }
        assert_eq!(request_id(&HeaderMap::new()).len(), 24);
    }
}
