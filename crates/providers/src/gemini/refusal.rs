//! Errors of Gemini: `{error:{code,message,status,details}}`
//! (<https://cloud.google.com/apis/design/errors>).

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::call::failed;
use crate::failure::{CallFailure, Class};

/// Ends with the failure that an answer's status tells.
pub(super) fn check(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), CallFailure> {
    if is_error(status) {
        return Err(refused(status, headers, body));
    }
    if status != StatusCode::OK {
        return Err(CallFailure::nonsense(format!("status {status}")));
    }
    Ok(())
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// What is about the key tells so. Else the status alone decides: 429, 500, 503 and 504 are worth another try, even where the words
/// speak of a day's quota or of billing, for the limits of a minute use the same ones.
fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CallFailure {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut failure = CallFailure::refused(status, headers, body);
    let told_ms = retry_delay_ms(&document["error"]["details"]);
    failure.retry_after_ms = failure.retry_after_ms.max(told_ms);
    let is_about_key = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || has_reason(&document["error"]["details"], "API_KEY_INVALID");
    if is_about_key {
        failure.class = Class::Unauthorized;
    }
    failure
}

/// An error that came with status 200; its code says which status it should have had.
pub(super) fn told(error: &Value, headers: &HeaderMap, body: &[u8]) -> CallFailure {
    let code = error["code"].as_u64();
    let status = code
        .and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok())
        .filter(|status| is_error(*status));
    match status {
        Some(status) => refused(status, headers, body),
        None => of_operation(error),
    }
}

/// A key that is not valid is told with 400; the reason of `google.rpc.ErrorInfo` tells it apart.
fn has_reason(details: &Value, reason: &str) -> bool {
    let mut details = details.as_array().into_iter().flatten();
    details.any(|detail| detail["reason"] == reason)
}

/// `google.rpc.RetryInfo` among the details of an error.
fn retry_delay_ms(details: &Value) -> Option<i64> {
    let infos = details.as_array()?.iter().filter(|detail| {
        let kind = detail["@type"].as_str().unwrap_or_default();
        kind.ends_with("google.rpc.RetryInfo")
    });
    infos
        .filter_map(|info| duration_ms(info["retryDelay"].as_str()?))
        .max()
}

/// A duration in JSON (`37s`, `3.5s`), rounded up: too early is refused once more.
fn duration_ms(text: &str) -> Option<i64> {
    let seconds = text.strip_suffix('s')?;
    let is_plain = seconds
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = seconds.parse().ok().filter(|_| is_plain)?;
    (seconds <= f64::from(u32::MAX)).then(|| (seconds * 1000.0).ceil() as i64)
}

/// The error of an operation, whose codes are gRPC's (`google.rpc.Code`).
pub(super) fn of_operation(error: &Value) -> CallFailure {
    let code = error["code"].as_i64();
    let class = match code {
        // DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE: as 504, 429, 500, 503.
        Some(4 | 8 | 13 | 14) => Class::Retryable,
        _ => Class::Terminal,
    };
    let words = error["message"].as_str().or(error.as_str());
    let mut failure = match code {
        Some(code) => failed(class, &format!("the operation failed (code {code})"), words),
        None => failed(class, "the operation failed", words),
    };
    failure.retry_after_ms = retry_delay_ms(&error["details"]);
    failure
}
