//! Veo: videos by `:predictLongRunning`, whose operations are polled
//! (<https://ai.google.dev/gemini-api/docs/video>).

use http::{HeaderMap, Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::ratio;
use super::{call, is_segment, refusal};
use crate::account::{Account, Job, Unfit};
use crate::address::result_url;
use crate::call::{plain_key, prompt, read, request, text_param, unfit_param};
use crate::failure::{CallFailure, Class};
use crate::inline::{Inline, check};
use crate::report::{Product, Report};

pub(super) fn body(job: &Job, inline: &[Inline]) -> Result<Value, Unfit> {
    check(inline, "image")?;
    let mut instance = json!({"prompt": prompt(job.prompt)?});
    match inline {
        [] => {}
        [first] => {
            instance["image"] = json!({
                "bytesBase64Encoded": first.base64(),
                "mimeType": first.media_type,
            });
        }
        _ => {
            return Err(Unfit::Job(
                "Veo begins with one picture, not with many".into(),
            ));
        }
    }
    let mut parameters = serde_json::Map::new();
    if let Some(ratio) = ratio(job.params)? {
        parameters.insert("aspectRatio".into(), ratio.into());
    }
    if let Some(resolution) = text_param(job.params, "resolution")? {
        parameters.insert("resolution".into(), resolution.into());
    }
    if let Some(seconds) = seconds(&job.params["duration"])? {
        parameters.insert("durationSeconds".into(), seconds.into());
    }
    let mut body = json!({"instances": [instance]});
    if !parameters.is_empty() {
        body["parameters"] = parameters.into();
    }
    Ok(body)
}

/// Whole seconds, as a number or, since others want it so, as a text.
fn seconds(duration: &Value) -> Result<Option<u64>, Unfit> {
    let seconds = match duration {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64().or(other
            .as_f64()
            .filter(|s| s.fract() == 0.0)
            .map(|s| s as u64)),
    };
    // Veo makes 4 to 8 s; the bound here is against what is no duration at all.
    match seconds {
        Some(seconds @ 1..=600) => Ok(Some(seconds)),
        _ => Err(unfit_param("duration", duration)),
    }
}

/// `operations/<id>`, or the same under a model. The name is the provider's own text and becomes
/// a path that is asked for with a key, so it must not lead elsewhere.
pub(super) fn is_operation(name: &str) -> bool {
    let segments: Vec<&str> = name.split('/').collect();
    segments.iter().all(|segment| is_segment(segment))
        && match segments.as_slice() {
            ["operations", _] => true,
            [family, _, "operations", _] => matches!(*family, "models" | "tunedModels"),
            _ => false,
        }
}

/// `GET {base}/{name}` for an operation that [`super::parse_submit`] named.
///
/// # Errors
/// The name is not one.
pub fn poll(name: &str, account: &Account) -> Result<Request<Vec<u8>>, Unfit> {
    if !is_operation(name) {
        return Err(Unfit::Job("this is not the name of an operation".into()));
    }
    call(Method::GET, name, account, None)
}

#[derive(Deserialize)]
struct Operation {
    done: Option<bool>,
    error: Option<Value>,
    response: Option<Response>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    generate_video_response: Option<Generated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    generated_samples: Option<Vec<Sample>>,
    rai_media_filtered_count: Option<u64>,
    rai_media_filtered_reasons: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Sample {
    video: Option<Video>,
}

#[derive(Deserialize)]
struct Video {
    uri: Option<String>,
}

/// How an operation stands.
///
/// # Errors
/// The poll was refused or cannot be understood, which says nothing of the operation.
pub fn parse_poll(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    account: &Account,
) -> Result<Report, CallFailure> {
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        // It may have been made and paid for: it is not made again by itself.
        let sentence = "the provider does not know the operation any more";
        return Ok(Report::Failed(crate::call::failed(
            Class::Terminal,
            sentence,
            None,
        )));
    }
    refusal::check(status, headers, body)?;
    let operation: Operation = read(body)?;
    if operation.done != Some(true) {
        return Ok(Report::Working { progress: None });
    }
    if let Some(error) = operation.error {
        return Ok(Report::Failed(refusal::of_operation(&error)));
    }
    let generated = operation
        .response
        .and_then(|response| response.generate_video_response)
        .ok_or_else(|| CallFailure::nonsense("an operation that is done without a response"))?;
    generated.report(account)
}

impl Generated {
    fn report(self, account: &Account) -> Result<Report, CallFailure> {
        let samples = self.generated_samples.unwrap_or_default();
        let uri = samples
            .iter()
            .find_map(|sample| sample.video.as_ref()?.uri.as_deref());
        let Some(uri) = uri else {
            return match self.rai_media_filtered_count {
                Some(1..) => {
                    let reasons = self.rai_media_filtered_reasons.unwrap_or_default();
                    Ok(Report::Failed(crate::call::failed(
                        Class::Moderation,
                        "the provider withheld the video",
                        Some(&reasons.join(" ")),
                    )))
                }
                _ => Err(CallFailure::nonsense(
                    "an operation that is done without a video",
                )),
            };
        };
        let url = result_url(account.url, uri)
            .map_err(|error| CallFailure::nonsense(format!("`video.uri`: {error}")))?;
        Ok(Report::Finished(Product {
            url: Some(url),
            media_type: Some("video/mp4".into()),
            ..Product::default()
        }))
    }
}

/// `GET` of a finished video, which wants the key too: so it is sent to the provider's own host
/// alone.
///
/// # Errors
/// The address leads elsewhere.
pub fn download(url: &str, account: &Account) -> Result<Request<Vec<u8>>, Unfit> {
    let url = result_url(account.url, url)?;
    let key = plain_key(account, "Gemini")?;
    request(Method::GET, &url, (super::KEY, key), None)
}
