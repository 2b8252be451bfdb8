//! What is known of a request before anybody looks at what it wants.

use guest::Request;
use http::{HeaderMap, Method};

/// Ids and addresses longer than this are cut: they go into logs.
const TEXT_BYTES: usize = 128;

pub struct Visit {
    pub began_at_ms: i64,
    pub method: Method,
    pub path: String,
    pub request_id: Option<String>,
    pub trace: Trace,
    pub origin: Option<String>,
    /// The address that the edge saw.
    pub client: String,
    pub is_https: bool,
}

impl Visit {
    pub fn of(request: &Request) -> Self {
        let headers = request.headers();
        let text = |name: &str| text(headers, name);
        Self {
            began_at_ms: guest::now_ms(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            request_id: text("x-request-id"),
            trace: Trace::of(headers),
            origin: text("origin"),
            client: text("x-forwarded-for").unwrap_or_else(|| "direct".to_owned()),
            is_https: text("x-forwarded-proto").as_deref() == Some("https"),
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= TEXT_BYTES).then(|| value.to_owned())
}

/// A place in a trace (W3C Trace Context): ours is a child of the caller's, or the first.
pub struct Trace {
    pub id: String,
    span: String,
    flags: String,
}

impl Trace {
    fn of(headers: &HeaderMap) -> Self {
        let value = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok());
        let span = hex::encode(guest::random::<8>());
        match value.and_then(parent) {
            Some((id, flags)) => Self {
                id: id.to_owned(),
                span,
                flags: flags.to_owned(),
            },
            None => Self {
                id: hex::encode(guest::random::<16>()),
                span,
                flags: "01".to_owned(),
            },
        }
    }

    /// What goes on to the next hop.
    pub fn parent(&self) -> String {
        format!("00-{}-{}-{}", self.id, self.span, self.flags)
    }
}

/// The trace's id and flags of a `traceparent` that is one.
fn parent(value: &str) -> Option<(&str, &str)> {
    let mut parts = value.split('-');
    let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
    let is_one = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(id, 32)
        && is_set(id)
        && is_hex(span, 16)
        && is_set(span)
        && is_hex(flags, 2);
    is_one.then_some((id, flags))
}
