//! Failed calls and what they mean for the attempt.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What a failure means for the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Retryable,
    Terminal,
    Moderation,
    OutOfCredit,
    /// The account's key or its rights are refused: nothing was begun, and another account may do it.
    Unauthorized,
    /// Calls come too fast, or from where they may not: nothing was begun.
    RateLimited,
    /// All slots of the account are taken: nothing was begun, and one frees itself in time.
    Busy,
}

impl Class {
    /// Reads the classes that the uniform interface names. The others are for providers whose
    /// answers tell them apart.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "retryable" => Some(Self::Retryable),
            "terminal" => Some(Self::Terminal),
            "moderation" => Some(Self::Moderation),
            "out_of_credit" => Some(Self::OutOfCredit),
            _ => None,
        }
    }
}

/// A call that a provider answered, but not with what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallFailure {
    pub class: Class,
    pub message: String,
    pub retry_after_ms: Option<i64>,
}

/// What people read of a provider's own words: enough to understand, not enough to flood a canvas.
const MESSAGE_CHARS: usize = 400;

impl CallFailure {
    /// An answer that is not of the uniform interface. Whether the work was begun is unknown, and
    /// a paid call is never blindly repeated: terminal.
    pub fn nonsense(what: impl std::fmt::Display) -> Self {
        Self {
            class: Class::Terminal,
            message: format!("the provider answered nonsense: {what}"),
            retry_after_ms: None,
        }
    }

    /// An answer with an error status.
    pub fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let document: Option<Value> = serde_json::from_slice(body).ok();
        let named = document
            .as_ref()
            .and_then(|document| document["error"]["class"].as_str())
            .and_then(Class::parse);
        let class = match status.as_u16() {
            408 | 425 | 429 | 500..=599 => Class::Retryable,
            _ => named.unwrap_or(Class::Terminal),
        };
        let words = document.as_ref().and_then(words).unwrap_or_default();
        let message = match words.is_empty() {
            true => format!("the provider answered {status}"),
            false => format!("the provider answered {status}: {}", shortened(&words)),
        };
        Self {
            class,
            message,
            retry_after_ms: retry_after_ms(headers),
        }
    }
}

/// A provider's own sentence, from the places where APIs put it.
fn words(document: &Value) -> Option<String> {
    let places = [
        &document["error"]["message"],
        &document["error"],
        &document["detail"],
        &document["message"],
    ];
    places
        .into_iter()
        .find_map(Value::as_str)
        .map(str::to_owned)
}

/// At most [`MESSAGE_CHARS`] characters, without control characters.
pub(crate) fn shortened(text: &str) -> String {
    let mut clean = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    let mut short: String = clean.by_ref().take(MESSAGE_CHARS).collect();
    if clean.next().is_some() {
        short.push('…');
    }
    short
}

/// Retry-After in its form of seconds (RFC 9110 section 10.2.3).
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<i64> {
    let seconds: u32 = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(i64::from(seconds) * 1000)
}
