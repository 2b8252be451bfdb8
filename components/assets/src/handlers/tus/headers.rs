//! What all answers of the protocol have in common.

use guest::{Answer, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use media::tus;
use problem::{Problem, Slug};
use store::uploads::UploadRow;

use crate::view::src;

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");

/// Refuses other versions of the protocol.
pub fn require_version(headers: &HeaderMap) -> Result<(), Problem> {
    let version = headers
        .get(&RESUMABLE)
        .and_then(|value| value.to_str().ok());
    if version == Some(tus::VERSION) {
        return Ok(());
    }
    let detail = format!("Tus-Resumable must be {}", tus::VERSION);
    let problem = Problem::new(Slug::PreconditionFailed, detail);
    Err(problem.with_header("tus-version", tus::VERSION))
}

/// Says the version in every answer, refusals too.
pub fn versioned(answer: Answer) -> Answer {
    match answer {
        Ok(mut response) => {
            let version = HeaderValue::from_static(tus::VERSION);
            response.headers_mut().insert(RESUMABLE, version);
            Ok(response)
        }
        Err(problem) => Err(problem.with_header("tus-resumable", tus::VERSION)),
    }
}

/// A header as text; what is no text counts as empty, which no header of the protocol may be.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap_or_default())
}

pub fn malformed(error: tus::Malformed) -> Problem {
    Problem::new(Slug::BadRequest, error.to_string())
}

/// How far an upload is, until when it is kept, and what it has become.
pub fn describe(response: &mut Response, upload: &UploadRow) {
    let expires_at_s = u64::try_from(upload.expires_at_ms / 1000).unwrap_or_default();
    let expires = httpdate::fmt_http_date(
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(expires_at_s),
    );
    let mut said = vec![
        ("upload-offset", upload.received.to_string()),
        ("upload-expires", expires),
    ];
    if let Some(id) = &upload.asset_id {
        said.push(("asset-id", id.clone()));
        said.push(("asset-src", src(&upload.project_id, id)));
    }
    for (name, value) in said {
        insert(response, HeaderName::from_static(name), &value);
    }
}

pub fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Nobody keeps an answer that says how far something is.
pub fn not_kept(response: &mut Response) {
    insert(response, header::CACHE_CONTROL, "no-store");
}
