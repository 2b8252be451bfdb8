//! The envelope of Kling's answers and what its codes mean.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::failure::{retry_after_ms, shortened};
use crate::report::not_json;
use crate::{CallFailure, Class};

/// The published codes: what each means for the attempt, and for people.
const CODES: [(i64, Class, &str); 21] = [
    (1000, Class::Unauthorized, "the account's keys are refused"),
    (1001, Class::Unauthorized, "no keys were presented"),
    (
        1002,
        Class::Unauthorized,
        "the account's keys are not valid",
    ),
    (
        1003,
        Class::Terminal,
        "the token is not valid yet: the clocks differ",
    ),
    // The next call makes a new token.
    (1004, Class::Retryable, "the token has expired"),
    (
        1100,
        Class::Unauthorized,
        "something is wrong with the account",
    ),
    (1101, Class::OutOfCredit, "the account is in arrears"),
    (
        1102,
        Class::OutOfCredit,
        "the account's packages are used up",
    ),
    (1103, Class::Unauthorized, "the account may not do this"),
    (1200, Class::Terminal, "the request does not fit"),
    (1201, Class::Terminal, "a parameter does not fit"),
    (1202, Class::Terminal, "there is no such method"),
    (
        NO_SUCH_THING,
        Class::Terminal,
        "there is no such task or model",
    ),
    (1300, Class::Moderation, "refused by the platform's policy"),
    (1301, Class::Moderation, "the content is refused"),
    (1302, Class::RateLimited, "calls come too fast"),
    (1303, Class::Busy, "all slots of the account are taken"),
    (
        1304,
        Class::Unauthorized,
        "our address is not on the account's list of allowed ones",
    ),
    (5000, Class::Retryable, "an error of its own"),
    (5001, Class::Retryable, "closed for maintenance"),
    (5002, Class::Retryable, "no answer in time"),
];

/// A field that makes no sense, or an id of ours that is taken.
const INVALID_PARAMETER: i64 = 1201;

pub(super) const NO_SUCH_THING: i64 = 1203;

/// Codes below this are refusals, given before anything is begun.
const FIRST_SERVER_CODE: i64 = 5000;

/// What an answer carries as `data`, if it is a success.
pub(super) fn data(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, CallFailure> {
    let parsed = serde_json::from_slice::<Value>(body);
    if let Ok(document) = &parsed
        && let Some(code) = document["code"].as_i64()
        && code != 0
    {
        return Err(coded(code, status, headers, document));
    }
    if status.is_client_error() || status.is_server_error() {
        let mut failure = CallFailure::refused(status, headers, body);
        if status == StatusCode::TOO_MANY_REQUESTS {
            failure.class = Class::RateLimited;
        }
        return Err(failure);
    }
    if !status.is_success() {
        return Err(CallFailure::nonsense(format!("status {status}")));
    }
    let mut document = parsed.map_err(|error| not_json(body, &error))?;
    match &document["code"] {
        Value::Number(_) => {}
        Value::Null => return Err(CallFailure::nonsense("`code` is missing")),
        _ => return Err(CallFailure::nonsense("`code` is not a number")),
    }
    match document.get_mut("data").map(Value::take) {
        None | Some(Value::Null) => Err(CallFailure::nonsense("a success without `data`")),
        Some(data) => Ok(data),
    }
}

/// The code of an answer, if it has one.
pub(super) fn code(body: &[u8]) -> Option<i64> {
    serde_json::from_slice::<Value>(body).ok()?["code"].as_i64()
}

/// Whether a submission that failed may nevertheless have begun. A refusal with a code has not;
/// after an error of a server on the way, or an answer that cannot be read, nobody knows, and the
/// task is looked up by our own id before it is paid for again. Nor does anybody know when that id
/// is refused for being there already: then an earlier call with it was received.
pub fn may_have_begun(status: StatusCode, body: &[u8]) -> bool {
    match code(body) {
        Some(INVALID_PARAMETER) => {
            let document: Value = serde_json::from_slice(body).unwrap_or_default();
            let words = document["message"].as_str().unwrap_or_default();
            words.contains("external_task_id") || words.contains("external_id")
        }
        Some(code) if code != 0 => code >= FIRST_SERVER_CODE,
        _ => !status.is_client_error() || status == StatusCode::REQUEST_TIMEOUT,
    }
}

fn coded(code: i64, status: StatusCode, headers: &HeaderMap, document: &Value) -> CallFailure {
    let known = CODES.iter().find(|(known, _, _)| *known == code);
    let (class, meaning) = match known {
        Some((_, class, meaning)) => (*class, *meaning),
        None if status == StatusCode::TOO_MANY_REQUESTS => (Class::RateLimited, "refused"),
        None if status.is_server_error() => (Class::Retryable, "an error of its own"),
        None => (Class::Terminal, "refused"),
    };
    let words = document["message"].as_str().unwrap_or_default().trim();
    let message = match words.is_empty() {
        true => format!("Kling: {meaning} ({code})"),
        false => format!("Kling: {meaning} ({code}: {})", shortened(words)),
    };
    CallFailure {
        class,
        message,
        retry_after_ms: retry_after_ms(headers),
    }
}
