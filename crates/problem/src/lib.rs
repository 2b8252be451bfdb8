//! RFC 9457 problem+json: the one shape of every error answer (GW6).

use http::StatusCode;
use serde::Serialize;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// Where the pages of `docs/errors` are published; `type` is this plus the slug.
const TYPE_BASE: &str = "https://masterclash.dev/errors/";

/// The kinds of problems; each has a page `docs/errors/<slug>.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slug {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    Unprocessable,
    TooManyRequests,
    Internal,
    UpstreamFailed,
    Unavailable,
    Timeout,
    RequestTimeout,
    RequestHeaderFieldsTooLarge,
    StorageFull,
    PreconditionFailed,
    ChecksumMismatch,
}

impl Slug {
    pub const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::Unprocessable,
        Self::TooManyRequests,
        Self::Internal,
        Self::UpstreamFailed,
        Self::Unavailable,
        Self::Timeout,
        Self::RequestTimeout,
        Self::RequestHeaderFieldsTooLarge,
        Self::StorageFull,
        Self::PreconditionFailed,
        Self::ChecksumMismatch,
    ];

    fn parts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::BadRequest => ("bad-request", "Bad request", StatusCode::BAD_REQUEST),
            Self::Unauthorized => ("unauthorized", "Unauthorized", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", "Forbidden", StatusCode::FORBIDDEN),
            Self::NotFound => ("not-found", "Not found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "Method not allowed",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Self::Conflict => ("conflict", "Conflict", StatusCode::CONFLICT),
            Self::PayloadTooLarge => (
                "payload-too-large",
                "Payload too large",
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                "Unsupported media type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::RangeNotSatisfiable => (
                "range-not-satisfiable",
                "Range not satisfiable",
                StatusCode::RANGE_NOT_SATISFIABLE,
            ),
            Self::Unprocessable => (
                "unprocessable",
                "Unprocessable",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::TooManyRequests => (
                "too-many-requests",
                "Too many requests",
                StatusCode::TOO_MANY_REQUESTS,
            ),
            Self::Internal => (
                "internal",
                "Internal error",
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
            Self::UpstreamFailed => (
                "upstream-failed",
                "Upstream failed",
                StatusCode::BAD_GATEWAY,
            ),
            Self::Unavailable => (
                "unavailable",
                "Unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Self::Timeout => ("timeout", "Timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::RequestTimeout => (
                "request-timeout",
                "Request timeout",
                StatusCode::REQUEST_TIMEOUT,
            ),
            Self::RequestHeaderFieldsTooLarge => (
                "request-header-fields-too-large",
                "Request header fields too large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ),
            Self::StorageFull => (
                "storage-full",
                "Storage full",
                StatusCode::INSUFFICIENT_STORAGE,
            ),
            Self::ChecksumMismatch => (
                "checksum-mismatch",
                "Checksum mismatch",
                // A status of the tus protocol's own.
                StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST),
            ),
            Self::PreconditionFailed => (
                "precondition-failed",
                "Precondition failed",
                StatusCode::PRECONDITION_FAILED,
            ),
        }
    }
    pub fn name(self) -> &'static str {
        self.parts().0
    }
    pub fn status(self) -> StatusCode {
        self.parts().2
    }
}

/// One problem, to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub slug: Slug,
    pub detail: String,
    pub instance: Option<String>,
    /// Headers that belong to the answer, as `Retry-After` or `Allow`.
    pub headers: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

impl Problem {
    pub fn new(slug: Slug, detail: impl Into<String>) -> Self {
        let headers = match slug {
            Slug::Unauthorized => vec![("www-authenticate", "Bearer".to_owned())],
            Slug::Unavailable => vec![("retry-after", "1".to_owned())],
            // Somebody has to free space first.
            Slug::StorageFull => vec![("retry-after", "30".to_owned())],
            _ => Vec::new(),
        };
        Self {
            slug,
            detail: detail.into(),
            instance: None,
            headers,
        }
    }
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
    pub fn status(&self) -> StatusCode {
        self.slug.status()
    }
    /// The JSON document.
    pub fn to_json(&self) -> Vec<u8> {
        let (name, title, status) = self.slug.parts();
        let document = Document {
            r#type: format!("{TYPE_BASE}{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            instance: self.instance.as_deref(),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
    /// The whole answer.
    pub fn into_response<B: From<Vec<u8>>>(self) -> http::Response<B> {
        let mut response = http::Response::new(B::from(self.to_json()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static(MEDIA_TYPE),
        );
        for (name, value) in self.headers {
            if let Ok(value) = http::HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.slug.name(), self.detail)
    }
}
impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw6_every_problem_type_has_its_page() {
        for slug in Slug::ALL {
            let page = format!(
                "{}/../../docs/errors/{}.md",
                env!("CARGO_MANIFEST_DIR"),
                slug.name()
            );
            assert!(std::path::Path::new(&page).exists(), "{page} is missing");
        }
    }

    #[test]
    fn gw6_a_problem_is_problem_json() {
        let response: http::Response<Vec<u8>> =
            Problem::new(Slug::Unauthorized, "no token").into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let body: serde_json::Value = serde_json::from_slice(response.body()).expect("json");
        assert_eq!(body["status"], 401);
        assert_eq!(body["detail"], "no token");
    }
}
