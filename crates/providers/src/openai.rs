//! OpenAI's API (<https://platform.openai.com/docs/api-reference>) as many speak it:
//! `/images/generations`, and `/chat/completions` without streaming. The answer is the result.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::{Account, Begun, Job, Unfit};
use crate::address::any_url;
use crate::call::{
    Usage, failed, is_pair, plain_key, prompt, read, request, text_param, text_product, unfit_param,
};
use crate::failure::{CallFailure, Class, shortened};
use crate::gemini::instruction;
use crate::inline::{Inline, check, picture};
use crate::report::{Product, Report, Wanted};

/// Asks for a job. `inline` holds the job's inputs, which go inside of the request.
///
/// # Errors
/// Why this job cannot be asked of this provider.
pub fn submit(job: &Job, inline: &[Inline], account: &Account) -> Result<Request<Vec<u8>>, Unfit> {
    let (path, body) = match job.kind {
        "image_gen" => ("images/generations", image(job, inline, account)?),
        "image_desc" => ("chat/completions", description(job, inline, account)?),
        "text_gen" => (
            "chat/completions",
            chat(prompt(job.prompt)?.into(), account),
        ),
        other => {
            return Err(Unfit::Job(format!(
                "an OpenAI-compatible provider does no {other}"
            )));
        }
    };
    let address = format!("{}/{path}", account.url.trim_end_matches('/'));
    let bearer = format!("Bearer {}", plain_key(account, "the provider")?);
    request(
        Method::POST,
        &address,
        (AUTHORIZATION, &bearer),
        Some(&body),
    )
}

fn image(job: &Job, inline: &[Inline], account: &Account) -> Result<Value, Unfit> {
    if !inline.is_empty() {
        // Editing is another route, in another format, that few servers have.
        return Err(Unfit::Job(
            "an OpenAI-compatible provider makes pictures from words alone".into(),
        ));
    }
    let mut body = json!({"model": account.model, "prompt": prompt(job.prompt)?, "n": 1});
    if let Some(size) = text_param(job.params, "size")? {
        if size != "auto" && !is_pair(size, 'x') {
            return Err(unfit_param("size", &job.params["size"]));
        }
        body["size"] = size.into();
    }
    // OpenAI's own gpt-image models always answer in base64, and refuse to be told so.
    if !account.model.starts_with("gpt-image") {
        body["response_format"] = "b64_json".into();
    }
    Ok(body)
}

fn description(job: &Job, inline: &[Inline], account: &Account) -> Result<Value, Unfit> {
    check(inline, "image")?;
    if inline.is_empty() {
        return Err(Unfit::Job("there is no image to describe".into()));
    }
    let mut parts = vec![json!({"type": "text", "text": instruction("image", job.prompt)})];
    parts.extend(
        inline
            .iter()
            .map(|medium| json!({"type": "image_url", "image_url": {"url": medium.data_url()}})),
    );
    Ok(chat(parts.into(), account))
}

fn chat(content: Value, account: &Account) -> Value {
    json!({
        "model": account.model,
        "messages": [{"role": "user", "content": content}],
        "stream": false,
    })
}

#[derive(Deserialize)]
struct Answer {
    error: Option<Value>,
    data: Option<Vec<Image>>,
    choices: Option<Vec<Choice>>,
}

#[derive(Deserialize)]
struct Image {
    b64_json: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

/// The answer to [`submit`]: always a result. An address among results may be anywhere; whether it
/// may be fetched is for [`crate::Allowed`] to say.
///
/// # Errors
/// A refusal, or what cannot be understood.
pub fn parse_submit(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    wanted: Wanted,
) -> Result<Begun, CallFailure> {
    if status.is_client_error() || status.is_server_error() {
        return Err(refused(status, headers, body));
    }
    if status != StatusCode::OK {
        return Err(CallFailure::nonsense(format!("status {status}")));
    }
    let answer: Answer = read(body)?;
    if let Some(error) = &answer.error {
        let class = named_class(error).unwrap_or(Class::Terminal);
        let words = error["message"].as_str().or(error.as_str());
        return Err(failed(class, "the provider answered an error", words));
    }
    let product = match wanted {
        Wanted::Media => match answer.data.into_iter().flatten().next() {
            Some(image) => image.product(),
            None => Err(CallFailure::nonsense("no `data`")),
        },
        Wanted::Text => match answer.choices.into_iter().flatten().next() {
            Some(choice) => choice.product(),
            None => Err(CallFailure::nonsense("no `choices`")),
        },
    };
    product.map(|product| Begun::Ended(Report::Finished(product)))
}

impl Image {
    fn product(self) -> Result<Product, CallFailure> {
        match (self.b64_json, self.url) {
            (Some(base64), _) => picture(&base64, None),
            (None, Some(url)) => {
                let url = any_url(&url)
                    .map_err(|error| CallFailure::nonsense(format!("`data.url`: {error}")))?;
                Ok(Product {
                    url: Some(url),
                    ..Product::default()
                })
            }
            (None, None) => Err(CallFailure::nonsense(
                "a picture without `b64_json` or `url`",
            )),
        }
    }
}

impl Choice {
    fn product(self) -> Result<Product, CallFailure> {
        let reason = self.finish_reason.as_deref().unwrap_or_default();
        let (content, refusal) = match self.message {
            Some(message) => (message.content, message.refusal),
            None => (None, None),
        };
        if reason == "content_filter" {
            let ours = "the provider withheld the answer (content_filter)";
            return Err(failed(Class::Moderation, ours, refusal.as_deref()));
        }
        match content {
            Some(text) if !text.trim().is_empty() => text_product(&text),
            _ if refusal.is_some() => Err(failed(
                Class::Moderation,
                "the model refused",
                refusal.as_deref(),
            )),
            _ if reason == "length" => Err(failed(
                Class::Terminal,
                "the model used up its tokens before there was an answer (length)",
                None,
            )),
            _ => Err(failed(
                Class::Terminal,
                &format!("the model answered nothing ({})", shortened(reason)),
                None,
            )),
        }
    }
}

/// What an error names goes before its status: no waiting fills an empty purse, though it is
/// told with 429.
fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CallFailure {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut failure = CallFailure::refused(status, headers, body);
    if let Some(class) = named_class(&document["error"]) {
        failure.class = class;
    } else {
        match status {
            StatusCode::PAYMENT_REQUIRED => failure.class = Class::OutOfCredit,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => failure.class = Class::Unauthorized,
            _ => {}
        }
    }
    failure
}

/// By `code`, or by `type`, where servers differ in which of the two they fill.
fn named_class(error: &Value) -> Option<Class> {
    let names = [&error["code"], &error["type"]];
    names
        .into_iter()
        .filter_map(Value::as_str)
        .find_map(|name| match name {
            "insufficient_quota" | "billing_hard_limit_reached" => Some(Class::OutOfCredit),
            "content_policy_violation" | "moderation_blocked" | "content_filter" => {
                Some(Class::Moderation)
            }
            _ => None,
        })
}

/// What a call took: of chat `prompt_tokens` and `completion_tokens`, of pictures `input_tokens`
/// and `output_tokens`.
pub fn usage(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Counted {
        usage: Value,
    }
    let Counted { usage } = serde_json::from_slice(body).ok()?;
    let count = |name: &str| usage[name].as_u64();
    Usage {
        prompt_tokens: count("prompt_tokens").or(count("input_tokens")),
        answer_tokens: count("completion_tokens").or(count("output_tokens")),
        thought_tokens: usage["completion_tokens_details"]["reasoning_tokens"].as_u64(),
        total_tokens: count("total_tokens"),
    }
    .counted()
}
