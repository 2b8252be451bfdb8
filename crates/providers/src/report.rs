//! The state object that providers answer to polls and send to callbacks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{CallFailure, Class, shortened};

/// The longest description or text that is taken from a provider.
pub(crate) const TEXT_BYTES: usize = 256 * 1024;

/// What the task's kind promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Media,
    Text,
}

/// The result of a finished task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Product {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// How a task stands at its provider.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    Working {
        progress: Option<f64>,
    },
    Finished(Product),
    Failed(CallFailure),
    /// The provider gave it up without an error.
    Cancelled,
}

/// Reads the state object of a poll or a callback. What does not fit is told in `Err`.
pub fn parse_report(body: &[u8], wanted: Wanted) -> Result<Report, CallFailure> {
    let document: Value = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    state_report(&document, wanted)
}

pub(crate) fn state_report(document: &Value, wanted: Wanted) -> Result<Report, CallFailure> {
    let Value::Object(fields) = document else {
        return Err(CallFailure::nonsense("JSON that is not an object"));
    };
    let state = match fields.get("state") {
        Some(Value::String(state)) => state.as_str(),
        Some(_) => return Err(CallFailure::nonsense("`state` is not a string")),
        None => return Err(CallFailure::nonsense("`state` is missing")),
    };
    match state {
        "WAITING" | "PROCESSING" => Ok(Report::Working {
            progress: progress(fields.get("progress"))?,
        }),
        "FINISHED" => product(fields.get("result"), wanted).map(Report::Finished),
        "FAILED" => Ok(Report::Failed(failure(fields.get("error")))),
        "CANCELLED" => Ok(Report::Cancelled),
        other => Err(CallFailure::nonsense(format!(
            "unknown state {:?}",
            shortened(other)
        ))),
    }
}

pub(crate) fn not_json(body: &[u8], error: &serde_json::Error) -> CallFailure {
    let begins: String = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
    match body.is_empty() {
        true => CallFailure::nonsense("an empty body instead of JSON"),
        false => CallFailure::nonsense(format!("not JSON ({error}): {}", shortened(&begins))),
    }
}

fn progress(value: Option<&Value>) -> Result<Option<f64>, CallFailure> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64().map(|progress| progress.clamp(0.0, 1.0))),
        Some(_) => Err(CallFailure::nonsense("`progress` is not a number")),
    }
}

pub(crate) fn product(value: Option<&Value>, wanted: Wanted) -> Result<Product, CallFailure> {
    let value = match value {
        None | Some(Value::Null) => return Err(CallFailure::nonsense("FINISHED without `result`")),
        Some(value) => value,
    };
    let product = Product::deserialize(value).map_err(|error| {
        CallFailure::nonsense(format!("`result`: {}", shortened(&error.to_string())))
    })?;
    match wanted {
        Wanted::Media if product.url.as_deref().is_none_or(str::is_empty) => {
            Err(CallFailure::nonsense("FINISHED without `result.url`"))
        }
        Wanted::Text => match product.text.as_deref().map(str::trim) {
            None | Some("") => Err(CallFailure::nonsense("FINISHED without `result.text`")),
            Some(text) if text.len() > TEXT_BYTES => Err(CallFailure::nonsense(format!(
                "`result.text` is longer than {TEXT_BYTES} bytes"
            ))),
            Some(_) => Ok(product),
        },
        Wanted::Media => Ok(product),
    }
}

/// A failure is believed even when it is told badly.
pub(crate) fn failure(value: Option<&Value>) -> CallFailure {
    let (class, message) = match value {
        Some(Value::Object(error)) => (
            error
                .get("class")
                .and_then(Value::as_str)
                .and_then(Class::parse),
            error.get("message").and_then(Value::as_str),
        ),
        Some(Value::String(message)) => (None, Some(message.as_str())),
        _ => (None, None),
    };
    let message = message.filter(|message| !message.trim().is_empty());
    CallFailure {
        class: class.unwrap_or(Class::Terminal),
        message: shortened(message.unwrap_or("the provider failed without saying why")),
        retry_after_ms: None,
    }
}
