//! Requests of `:generateContent`.

use serde_json::{Value, json};

use crate::account::{Job, Unfit};
use crate::call::{is_pair, prompt, text_param, unfit_param};
use crate::inline::{Inline, check};

/// What is asked of a medium; the node shows the answer as it comes.
const OF_IMAGE: &str = "Describe what is seen in this picture in one paragraph of plain prose: \
    who or what is there, what they do, the place, the light, the colours, the framing and the \
    style. Name only what can be seen. Answer with the paragraph alone.";
const OF_VIDEO: &str = "Describe what is seen in this video in one paragraph of plain prose, in \
    the order in which it happens: who or what is there, what they do, the place, the light, how \
    the camera moves, the style, and what is heard. Name only what is there. Answer with the \
    paragraph alone.";

pub(crate) fn instruction(family: &str, prompt: &str) -> String {
    let fixed = match family {
        "video" => OF_VIDEO,
        _ => OF_IMAGE,
    };
    match prompt.trim() {
        "" => fixed.to_owned(),
        wish => format!("{fixed}\n\nPay attention to this: {wish}"),
    }
}

pub(super) fn picture(job: &Job, inline: &[Inline]) -> Result<Value, Unfit> {
    check(inline, "image")?;
    let mut parts = vec![json!({"text": prompt(job.prompt)?})];
    parts.extend(inline.iter().map(part));
    let mut config = json!({"responseModalities": ["TEXT", "IMAGE"]});
    let mut image = serde_json::Map::new();
    if let Some(ratio) = ratio(job.params)? {
        image.insert("aspectRatio".into(), ratio.into());
    }
    if let Some(size) = size(job.params)? {
        image.insert("imageSize".into(), size.into());
    }
    if !image.is_empty() {
        config["imageConfig"] = image.into();
    }
    let mut body = of_user(parts);
    body["generationConfig"] = config;
    Ok(body)
}

pub(super) fn description(job: &Job, inline: &[Inline], family: &str) -> Result<Value, Unfit> {
    check(inline, family)?;
    if inline.is_empty() {
        return Err(Unfit::Job(format!("there is no {family} to describe")));
    }
    // The published advice: a medium stands before what is asked of it.
    let mut parts: Vec<Value> = inline.iter().map(part).collect();
    parts.push(json!({"text": instruction(family, job.prompt)}));
    Ok(of_user(parts))
}

pub(super) fn text(job: &Job) -> Result<Value, Unfit> {
    Ok(of_user(vec![json!({"text": prompt(job.prompt)?})]))
}

/// `aspect_ratio` in its published form, 16:9.
pub(super) fn ratio(params: &Value) -> Result<Option<&str>, Unfit> {
    match text_param(params, "aspect_ratio")? {
        Some(ratio) if !is_pair(ratio, ':') => {
            Err(unfit_param("aspect_ratio", &params["aspect_ratio"]))
        }
        ratio => Ok(ratio),
    }
}

/// `image_size`, or `resolution` as other providers call it: 1K, 2K, 4K, with a large K.
fn size(params: &Value) -> Result<Option<String>, Unfit> {
    for name in ["image_size", "resolution"] {
        let Some(size) = text_param(params, name)? else {
            continue;
        };
        let size = size.to_ascii_uppercase();
        let digits = size.strip_suffix('K').unwrap_or(&size);
        return match (1..=4).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            true => Ok(Some(size)),
            false => Err(unfit_param(name, &params[name])),
        };
    }
    Ok(None)
}

fn of_user(parts: Vec<Value>) -> Value {
    json!({"contents": [{"role": "user", "parts": parts}]})
}

fn part(medium: &Inline) -> Value {
    json!({"inlineData": {"mimeType": medium.media_type, "data": medium.base64()}})
}
