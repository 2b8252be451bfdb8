//! Requests of the uniform interface.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde::Serialize;
use serde_json::Value;

use crate::BadAddress;

/// Where a provider is, and what is presented to it.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    pub url: &'a str,
    pub token: Option<&'a str>,
}

/// A medium that the provider may fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputLink {
    pub role: String,
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// What is submitted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Submission<'a> {
    pub task_id: &'a str,
    #[serde(skip)]
    pub attempt: u32,
    pub kind: &'a str,
    pub prompt: &'a str,
    pub params: &'a Value,
    pub inputs: &'a [InputLink],
    pub callback_url: &'a str,
    /// The trace that the work belongs to: 32 digits of hex (W3C Trace Context).
    #[serde(skip)]
    pub trace_id: Option<&'a str>,
}

impl Submission<'_> {
    /// `<task>.<attempt>`: the same for every repetition of an attempt.
    pub fn key(&self) -> String {
        format!("{}.{}", self.task_id, self.attempt)
    }
}

/// `POST {base}/api/tasks/submit`. The same attempt has the same Idempotency-Key.
pub fn submit_request(
    submission: &Submission,
    server: Server,
) -> Result<Request<Vec<u8>>, BadAddress> {
    submit_to("/api/tasks/submit", submission, server)
}

pub(crate) fn submit_to(
    path: &str,
    submission: &Submission,
    server: Server,
) -> Result<Request<Vec<u8>>, BadAddress> {
    let body =
        serde_json::to_vec(submission).map_err(|error| BadAddress::Syntax(error.to_string()))?;
    let key = submission.key();
    build(
        Method::POST,
        server,
        path,
        |request| {
            let request = request
                .header(CONTENT_TYPE, "application/json")
                .header("idempotency-key", key);
            match submission.trace_id {
                // Each attempt is a span of its own.
                Some(trace_id) => {
                    let span = submission.attempt.max(1);
                    request.header("traceparent", format!("00-{trace_id}-{span:016x}-01"))
                }
                None => request,
            }
        },
        body,
    )
}

/// `GET {base}/api/tasks/{id}`.
pub fn poll_request(external_id: &str, server: Server) -> Result<Request<Vec<u8>>, BadAddress> {
    build(
        Method::GET,
        server,
        &task_path(external_id),
        |request| request,
        Vec::new(),
    )
}

/// `DELETE {base}/api/tasks/{id}`.
pub fn cancel_request(external_id: &str, server: Server) -> Result<Request<Vec<u8>>, BadAddress> {
    build(
        Method::DELETE,
        server,
        &task_path(external_id),
        |request| request,
        Vec::new(),
    )
}

/// `GET {base}/health`.
pub fn health_request(server: Server) -> Result<Request<Vec<u8>>, BadAddress> {
    build(
        Method::GET,
        server,
        "/health",
        |request| request,
        Vec::new(),
    )
}

pub(crate) fn build(
    method: Method,
    server: Server,
    path: &str,
    change: impl FnOnce(http::request::Builder) -> http::request::Builder,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, BadAddress> {
    let uri = format!("{}{path}", server.url.trim_end_matches('/'));
    let mut request = change(Request::builder().method(method).uri(uri));
    if let Some(token) = server.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    request
        .body(body)
        .map_err(|error| BadAddress::Syntax(error.to_string()))
}

fn task_path(external_id: &str) -> String {
    format!("/api/tasks/{}", escaped(external_id))
}

/// One segment of a path, or one value of a query. The text is the provider's own: everything but
/// unreserved characters is percent-encoded.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                escaped.push(byte as char);
            }
            // A dot alone is fine, but "." and ".." are not ids.
            b'.' if !text.trim_matches('.').is_empty() => escaped.push('.'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}
