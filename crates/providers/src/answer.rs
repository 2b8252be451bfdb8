//! Answers of the uniform interface.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::failure::{CallFailure, Class};
use crate::report::{Report, Wanted, not_json, parse_report};

/// The longest id that a provider may give to a task.
pub(crate) const EXTERNAL_ID_BYTES: usize = 512;

/// The provider's own id of a task that it accepted.
pub fn parse_submit(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<String, CallFailure> {
    if status.is_client_error() || status.is_server_error() {
        return Err(CallFailure::refused(status, headers, body));
    }
    if !status.is_success() {
        return Err(CallFailure::nonsense(format!(
            "status {status} to a submission"
        )));
    }
    let document: Value = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    accepted_id(&document)
}

/// `task_id` of an answer to a submission.
pub(crate) fn accepted_id(document: &Value) -> Result<String, CallFailure> {
    match &document["task_id"] {
        Value::String(id) if id.is_empty() => Err(CallFailure::nonsense("`task_id` is empty")),
        Value::String(id) if id.len() > EXTERNAL_ID_BYTES => Err(CallFailure::nonsense(format!(
            "`task_id` is longer than {EXTERNAL_ID_BYTES} bytes"
        ))),
        Value::String(id) => Ok(id.clone()),
        Value::Null => Err(CallFailure::nonsense("`task_id` is missing")),
        _ => Err(CallFailure::nonsense("`task_id` is not a string")),
    }
}

/// How a polled task stands.
pub fn parse_progress(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    wanted: Wanted,
) -> Result<Report, CallFailure> {
    if status == StatusCode::NOT_FOUND || status == StatusCode::GONE {
        return Err(CallFailure {
            class: Class::Retryable,
            message: "the provider lost the task".into(),
            retry_after_ms: None,
        });
    }
    if status.is_client_error() || status.is_server_error() {
        return Err(CallFailure::refused(status, headers, body));
    }
    if status != StatusCode::OK {
        return Err(CallFailure::nonsense(format!("status {status} to a poll")));
    }
    parse_report(body, wanted)
}
