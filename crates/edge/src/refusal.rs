//! Refusals below HTTP requests: hyper answers what it cannot parse with a bare status, and a
//! connection over the limit has no request yet. Both get a problem document (GW6).

use crate::proxy;
use bytes::Bytes;
use problem::{Problem, Slug};

/// How hyper's own refusals begin.
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 ";
const TOO_LARGE: &[u8] = b"HTTP/1.1 431 ";

/// The same refusal with words, when `bytes` is one of hyper's.
pub(crate) fn in_words(bytes: &[u8]) -> Option<Bytes> {
    let problem = if bytes.starts_with(BAD_REQUEST) {
        Problem::new(Slug::BadRequest, "what came is not a valid HTTP request")
    } else if bytes.starts_with(TOO_LARGE) {
        Problem::new(
            Slug::RequestHeaderFieldsTooLarge,
            "the request's headers are too large or too many",
        )
    } else {
        return None;
    };
    Some(on_the_wire(problem))
}

/// What a client over the limit of connections is told.
pub(crate) fn full() -> Bytes {
    let detail = "this server holds as many connections as it can";
    on_the_wire(Problem::new(Slug::Unavailable, detail))
}

/// A whole HTTP/1.1 answer that ends the connection.
fn on_the_wire(mut problem: Problem) -> Bytes {
    let request_id = proxy::new_request_id();
    problem.instance = request_id.to_str().ok().map(str::to_owned);
    let answer = problem.into_response::<Vec<u8>>();
    let status = answer.status();
    let mut wire = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    )
    .into_bytes();
    for (name, value) in answer.headers() {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    let (id, length) = (request_id.as_bytes(), answer.body().len());
    wire.extend_from_slice(b"x-request-id: ");
    wire.extend_from_slice(id);
    wire.extend_from_slice(
        format!("\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(),
    );
    wire.extend_from_slice(answer.body());
    wire.into()
}
