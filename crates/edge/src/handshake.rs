//! How a request becomes a WebSocket.

use crate::headers::words;
use crate::proxy::problem;
use crate::server::Visit;
use crate::{Body, full, socket};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use problem::Slug;
use protocol::ProjectId;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

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
    let token = token(&request);
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

/// The token of the upgrade request: its bearer, or `?token=` (browsers cannot set headers).
fn token(request: &http::Request<hyper::body::Incoming>) -> Bytes {
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        return Bytes::copy_from_slice(token.as_bytes());
    }
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let token = url::form_urlencoded::parse(query).find(|(name, _)| name == "token");
    token
        .map(|(_, value)| Bytes::from(value.into_owned()))
        .unwrap_or_default()
}
