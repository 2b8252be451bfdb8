//! What the codecs of accounts have in common: a request with a key, parameters of a node, an
//! answer in JSON.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BadAddress;
use crate::account::{Account, Key, Unfit};
use crate::failure::{CallFailure, Class, shortened};
use crate::report::{Product, TEXT_BYTES, not_json};

/// No parameter that goes to a provider is longer; all of them are words and numbers.
const PARAM_BYTES: usize = 64;

/// What a call took, as the provider counts it. What it does not say is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: Option<u64>,
    pub answer_tokens: Option<u64>,
    /// Spent on reasoning that is not shown. Gemini counts them beside the answer's, others
    /// among them.
    pub thought_tokens: Option<u64>,
    pub total_tokens: Option<u64>,
}

impl Usage {
    /// None when the provider counts nothing.
    pub(crate) fn counted(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// A request with the account's key in a header that is kept out of logs.
pub(crate) fn request(
    method: Method,
    address: &str,
    key: (HeaderName, &str),
    body: Option<&Value>,
) -> Result<Request<Vec<u8>>, Unfit> {
    let (name, value) = key;
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Unfit::Job("the provider's key cannot stand in a header".into()))?;
    value.set_sensitive(true);
    let mut request = Request::builder()
        .method(method)
        .uri(address)
        .header(name, value);
    let bytes = match body {
        Some(body) => {
            request = request.header(CONTENT_TYPE, "application/json");
            serde_json::to_vec(body).map_err(|error| Unfit::Job(error.to_string()))?
        }
        None => Vec::new(),
    };
    request
        .body(bytes)
        .map_err(|error| BadAddress::Syntax(error.to_string()).into())
}

/// The key of an account that has one.
pub(crate) fn plain_key<'a>(account: &Account<'a>, provider: &str) -> Result<&'a str, Unfit> {
    match account.key {
        Key::Plain(key) if !key.is_empty() => Ok(key),
        Key::Plain(_) => Err(Unfit::Job(format!("{provider} has no key"))),
        Key::Pair { .. } => Err(Unfit::Job(format!(
            "{provider} wants one key, not a pair of them"
        ))),
    }
}

/// The prompt of a job that cannot do without.
pub(crate) fn prompt(text: &str) -> Result<&str, Unfit> {
    match text.trim() {
        "" => Err(Unfit::Job("there is no prompt to make anything of".into())),
        prompt => Ok(prompt),
    }
}

/// A parameter that is a text; null and nothing are the same.
pub(crate) fn text_param<'a>(params: &'a Value, name: &str) -> Result<Option<&'a str>, Unfit> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() <= PARAM_BYTES => Ok(Some(text.trim())),
        Some(other) => Err(unfit_param(name, other)),
    }
}

pub(crate) fn unfit_param(name: &str, value: &Value) -> Unfit {
    Unfit::Job(format!(
        "`{name}` cannot be {}",
        shortened(&value.to_string())
    ))
}

/// `<number><between><number>`, such as 16:9 and 1024x768.
pub(crate) fn is_pair(text: &str, between: char) -> bool {
    let is_number = |text: &str| {
        (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split_once(between)
        .is_some_and(|(left, right)| is_number(left) && is_number(right))
}

/// An answer in JSON; null, and what is not known, are as good as absent where `T` says so.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CallFailure> {
    serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => CallFailure::nonsense(shortened(&error.to_string())),
        false => not_json(body, &error),
    })
}

/// The result of a task that wants a text, which must not be empty.
pub(crate) fn text_product(text: &str) -> Result<Product, CallFailure> {
    match text.trim() {
        "" => Err(CallFailure::nonsense("an empty text")),
        text if text.len() > TEXT_BYTES => Err(CallFailure::nonsense(format!(
            "a text that is longer than {TEXT_BYTES} bytes"
        ))),
        text => Ok(Product {
            text: Some(text.to_owned()),
            ..Product::default()
        }),
    }
}

/// A failure in our own words, with the provider's after a colon where it has any.
pub(crate) fn failed(class: Class, ours: &str, theirs: Option<&str>) -> CallFailure {
    let theirs = theirs.map(str::trim).filter(|words| !words.is_empty());
    let message = match theirs {
        Some(words) => format!("{ours}: {}", shortened(words)),
        None => ours.to_owned(),
    };
    CallFailure {
        class,
        message,
        retry_after_ms: None,
    }
}
