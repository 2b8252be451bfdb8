//! How a request becomes a WebSocket.

use crate::headers::words;
use crate::proxy::problem;
use crate::server::Visit;
use crate::{Body, full, socket};
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode, header};
use problem::Slug;
use protocol::ProjectId;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The access token's cookie, with TLS and without (SPEC section 2).
const ACCESS_COOKIES: [&str; 2] = ["__Secure-clash_access", "clash_access"];

/// How a request asks for a WebSocket, and what it is answered.
enum Handshake {
    /// RFC 6455, by an upgrade of the connection.
    Upgrade(HeaderValue),
    /// RFC 8441, by an extended CONNECT.
    Connect,
}

/// Answers an upgrade and starts the connection's task.
pub(crate) fn upgrade(
    mut request: http::Request<hyper::body::Incoming>,
    project: Option<ProjectId>,
    authority: &Authority,
    request_id: &HeaderValue,
    visit: &Arc<Visit>,
) -> http::Response<Body> {
    let Some(handshake) = handshake(&request) else {
        return problem(
            Slug::BadRequest,
            "this address takes WebSockets (version 13) only",
            request_id,
        );
    };
    let token = token(&request, authority);
    let upgraded = hyper::upgrade::on(&mut request);
    let task = Arc::clone(visit);
    // Over HTTP/2 the connection is not idle while one of its streams is a WebSocket.
    let answering = match handshake {
        Handshake::Upgrade(_) => None,
        Handshake::Connect => Some(visit.pulse.begin()),
    };
    visit.shared.tasks.spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        socket::serve(upgraded, project, token, &task.shared).await;
        drop(answering);
    });
    let mut answer = http::Response::new(full(""));
    if let Handshake::Upgrade(accept) = handshake {
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, accept),
        ] {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn handshake(request: &http::Request<hyper::body::Incoming>) -> Option<Handshake> {
    let headers = request.headers();
    let says = |name, word: &str| words(headers, &name).any(|said| said.eq_ignore_ascii_case(word));
    if !says(header::SEC_WEBSOCKET_VERSION, "13") {
        return None;
    }
    if request.version() == http::Version::HTTP_2 {
        let protocol = request.extensions().get::<hyper::ext::Protocol>();
        let asked = request.method() == Method::CONNECT
            && protocol.is_some_and(|protocol| protocol.as_str() == "websocket");
        return asked.then_some(Handshake::Connect);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| {
        request.method() == Method::GET
            && says(header::CONNECTION, "upgrade")
            && says(header::UPGRADE, "websocket")
    })?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    accept.ok().map(Handshake::Upgrade)
}

/// The token of the upgrade request: its bearer, or `?token=`, or a cookie (pages cannot set
/// headers).
fn token<B>(request: &http::Request<B>, authority: &Authority) -> Bytes {
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        return Bytes::copy_from_slice(token.as_bytes());
    }
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let token = url::form_urlencoded::parse(query).find(|(name, _)| name == "token");
    if let Some((_, token)) = token {
        return Bytes::from(token.into_owned());
    }
    cookie(request, authority).unwrap_or_default()
}

/// The access token's cookie, when a page of this very host makes the request: a browser sends
/// cookies whoever made it ask, and lets every page open WebSockets to every host.
fn cookie<B>(request: &http::Request<B>, authority: &Authority) -> Option<Bytes> {
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return None;
    };
    let origin = origin.to_str().ok()?;
    let (scheme, host) = origin.split_once("://")?;
    if !matches!(scheme, "http" | "https") || !host.eq_ignore_ascii_case(authority.as_str()) {
        return None;
    }
    let cookies = request.headers().get_all(header::COOKIE).iter();
    let mut found = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| ACCESS_COOKIES.contains(name));
    // One that is there twice was put in by somebody else, and nobody can tell which.
    match (found.next(), found.next()) {
        (Some((_, token)), None) => Some(Bytes::copy_from_slice(token.as_bytes())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rm1_a_cookie_counts_for_pages_of_the_same_host_only() {
        for (origin, host, cookie, expected) in [
            ("https://a.example", "a.example", "clash_access=t", "t"),
            (
                "http://127.0.0.1:8788",
                "127.0.0.1:8788",
                "x=1; clash_access=t",
                "t",
            ),
            (
                "https://A.example",
                "a.example",
                "__Secure-clash_access=t",
                "t",
            ),
            ("https://evil.example", "a.example", "clash_access=t", ""),
            ("https://a.example.evil", "a.example", "clash_access=t", ""),
            ("https://a.example:444", "a.example", "clash_access=t", ""),
            ("null", "a.example", "clash_access=t", ""),
            ("file://a.example", "a.example", "clash_access=t", ""),
            ("", "a.example", "clash_access=t", ""),
            (
                "https://a.example",
                "a.example",
                "clash_access=t; clash_access=u",
                "",
            ),
            ("https://a.example", "a.example", "clash_accessx=t", ""),
        ] {
            let mut request = http::Request::get("/sync").header(header::COOKIE, cookie);
            if !origin.is_empty() {
                request = request.header(header::ORIGIN, origin);
            }
            let request = request.body(()).unwrap();
            let token = token(&request, &host.parse().unwrap());
            assert_eq!(token, expected, "{origin} {host} {cookie}");
        }
        let request = http::Request::get("/sync?token=query")
            .header(header::ORIGIN, "https://a.example")
            .header(header::COOKIE, "clash_access=cookie");
        let authority: Authority = "a.example".parse().unwrap();
        let mut request = request.body(()).unwrap();
        assert_eq!(token(&request, &authority), "query");
        let bearer = HeaderValue::from_static("Bearer header");
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        assert_eq!(token(&request, &authority), "header");
    }
}
