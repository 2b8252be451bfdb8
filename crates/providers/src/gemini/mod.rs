//! Gemini's API (<https://ai.google.dev/api>): `:generateContent` for pictures, descriptions and
//! texts, whose answer is the result itself, and `:predictLongRunning` (Veo) for videos, which
//! are polled.

mod answer;
mod content;
mod refusal;
mod video;

use http::header::HeaderName;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

use crate::account::{Account, Begun, Job, Unfit};
use crate::call::{Usage, plain_key, request};
use crate::failure::CallFailure;
use crate::inline::Inline;
use crate::report::{Report, Wanted};

pub(crate) use content::instruction;
pub use video::{download, parse_poll, poll};

const KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Asks for a job. `inline` holds the job's inputs, which Gemini does not fetch itself.
///
/// # Errors
/// Why this job cannot be asked of Gemini.
pub fn submit(job: &Job, inline: &[Inline], account: &Account) -> Result<Request<Vec<u8>>, Unfit> {
    let (method, body) = match job.kind {
        "image_gen" => ("generateContent", content::picture(job, inline)?),
        "image_desc" => (
            "generateContent",
            content::description(job, inline, "image")?,
        ),
        "video_desc" => (
            "generateContent",
            content::description(job, inline, "video")?,
        ),
        "text_gen" => ("generateContent", content::text(job)?),
        "video_gen" => ("predictLongRunning", video::body(job, inline)?),
        other => return Err(Unfit::Job(format!("Gemini does no {other}"))),
    };
    let model = model(account.model)?;
    call(
        Method::POST,
        &format!("models/{model}:{method}"),
        account,
        Some(&body),
    )
}

/// The answer to [`submit`]: a result, or for videos the name of an operation to [`poll`].
///
/// # Errors
/// A refusal, one that comes with status 200 too, or what cannot be understood.
pub fn parse_submit(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    wanted: Wanted,
) -> Result<Begun, CallFailure> {
    refusal::check(status, headers, body)?;
    let answer: answer::Answer = crate::call::read(body)?;
    if let Some(error) = &answer.error {
        return Err(refusal::told(error, headers, body));
    }
    match (&answer.name, wanted) {
        (Some(name), Wanted::Media) if video::is_operation(name) => Ok(Begun::Accepted {
            external_id: name.clone(),
        }),
        (Some(_), _) => Err(CallFailure::nonsense("`name` is not that of an operation")),
        (None, _) => answer
            .product(wanted)
            .map(|product| Begun::Ended(Report::Finished(product))),
    }
}

/// What a call of `:generateContent` took, whether it had a result or not.
pub fn usage(body: &[u8]) -> Option<Usage> {
    answer::usage(body)
}

fn call(
    method: Method,
    path: &str,
    account: &Account,
    body: Option<&Value>,
) -> Result<Request<Vec<u8>>, Unfit> {
    let address = format!("{}/{path}", base(account.url));
    let key = plain_key(account, "Gemini")?;
    request(method, &address, (KEY, key), body)
}

/// The address with the API's version at its end. People write it with and without.
fn base(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let last = url.rsplit('/').next().unwrap_or_default();
    let has_version = last
        .strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        && !last.contains('.');
    match has_version {
        true => url.to_owned(),
        false => format!("{url}/v1beta"),
    }
}

/// The name of a model, which becomes a part of the path.
fn model(name: &str) -> Result<&str, Unfit> {
    let name = name.strip_prefix("models/").unwrap_or(name);
    match is_segment(name) {
        true => Ok(name),
        false => Err(Unfit::Job(format!(
            "{:?} is not the name of a model",
            crate::failure::shortened(name)
        ))),
    }
}

/// One segment of a path that means nothing but itself.
fn is_segment(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
