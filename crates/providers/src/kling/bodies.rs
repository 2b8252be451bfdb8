//! What is asked, in the words of either API.

use serde_json::{Map, Value, json};

use super::endpoint::{Endpoint, Frames, unfit};
use super::params::{Params, needed_prompt, prompt};
use crate::request::escaped;
use crate::{Account, Job, Unfit};

const VIDEO_RATIOS: [&str; 3] = ["16:9", "9:16", "1:1"];
const IMAGE_RATIOS: [&str; 8] = ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"];
const NEW_DURATIONS: [u8; 13] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const IMAGE_COUNTS: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The path and the body of a submission.
pub(super) fn submission(
    endpoint: Endpoint,
    job: &Job,
    account: &Account,
) -> Result<(String, Value), Unfit> {
    let params = Params::of(job.params)?;
    let frames = Frames::of(job.inputs)?;
    let path = endpoint.legacy_path().map(str::to_owned);
    match (endpoint, path) {
        (Endpoint::Images, Some(path)) => Ok((path, images(job, account, params, frames)?)),
        (_, Some(path)) => Ok((path, legacy_video(job, account, params, frames)?)),
        (_, None) => new_video(job, account, params, frames),
    }
}

fn legacy_video(
    job: &Job,
    account: &Account,
    params: Params,
    frames: Frames,
) -> Result<Value, Unfit> {
    let mut body = Body::default();
    body.put("model_name", Some(account.model));
    match frames.first {
        // The picture decides the shape: there is no aspect_ratio here.
        Some(_) => {
            body.put("prompt", prompt(job.prompt)?);
            body.put("image", frames.first);
            body.put("image_tail", frames.last);
        }
        None => {
            body.put("prompt", Some(needed_prompt(job.prompt)?));
            body.put(
                "aspect_ratio",
                params.choice("aspect_ratio", &VIDEO_RATIOS)?,
            );
        }
    }
    body.put("negative_prompt", params.text("negative_prompt")?);
    body.put("cfg_scale", params.number("cfg_scale", 0.0, 1.0)?);
    body.put("mode", params.choice("mode", &["std", "pro"])?);
    body.put("camera_control", params.camera()?.cloned());
    let duration = params.whole("duration", &[5, 10], "5 or 10")?;
    body.put("duration", duration.map(|seconds| seconds.to_string()));
    let sound = params.switch(&["sound", "audio"])?;
    body.put("sound", sound.map(|is_on| if is_on { "on" } else { "off" }));
    Ok(body.legacy(job))
}

fn images(job: &Job, account: &Account, params: Params, frames: Frames) -> Result<Value, Unfit> {
    let reference = params.choice("image_reference", &["subject", "face"])?;
    if reference.is_some() && frames.first.is_none() {
        return Err(unfit("`image_reference` needs an input `image`"));
    }
    let mut body = Body::default();
    body.put("model_name", Some(account.model));
    body.put("prompt", Some(needed_prompt(job.prompt)?));
    body.put("negative_prompt", params.text("negative_prompt")?);
    body.put("image", frames.first);
    body.put("image_reference", reference);
    body.put("resolution", params.choice("resolution", &["1k", "2k"])?);
    body.put(
        "n",
        params.whole("n", &IMAGE_COUNTS, "a whole number from 1 to 9")?,
    );
    body.put(
        "aspect_ratio",
        params.choice("aspect_ratio", &IMAGE_RATIOS)?,
    );
    Ok(body.legacy(job))
}

fn new_video(
    job: &Job,
    account: &Account,
    params: Params,
    frames: Frames,
) -> Result<(String, Value), Unfit> {
    let mut settings = Body::default();
    settings.put(
        "resolution",
        params.choice("resolution", &["720p", "1080p", "4k"])?,
    );
    let meant = "a whole number from 3 to 15";
    settings.put("duration", params.whole("duration", &NEW_DURATIONS, meant)?);
    let audio = params.switch(&["audio", "sound"])?;
    settings.put(
        "audio",
        audio.map(|is_on| if is_on { "native" } else { "off" }),
    );
    settings.put("multi_shot", params.switch(&["multi_shot"])?);

    let mut options = Body::default();
    options.put("callback_url", job.callback_url);
    options.put("external_task_id", Some(job.key));
    let watermark = params.switch(&["watermark"])?;
    options.put(
        "watermark_info",
        watermark.map(|is_on| json!({"enabled": is_on})),
    );

    let mut body = Body::default();
    let verb = match frames.first {
        Some(first) => {
            let mut contents = Vec::new();
            if let Some(text) = prompt(job.prompt)? {
                contents.push(json!({"type": "prompt", "text": text}));
            }
            contents.push(json!({"type": "first_frame", "url": first}));
            if let Some(last) = frames.last {
                contents.push(json!({"type": "last_frame", "url": last}));
            }
            body.put("contents", Some(contents));
            "image-to-video"
        }
        None => {
            body.put("prompt", Some(needed_prompt(job.prompt)?));
            settings.put(
                "aspect_ratio",
                params.choice("aspect_ratio", &VIDEO_RATIOS)?,
            );
            "text-to-video"
        }
    };
    body.put("settings", Some(settings.0));
    body.put("options", Some(options.0));
    let path = format!("/{verb}/{}", escaped(account.model));
    Ok((path, Value::Object(body.0)))
}

#[derive(Default)]
struct Body(Map<String, Value>);

impl Body {
    fn put(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    /// What every body of the older API ends with.
    fn legacy(mut self, job: &Job) -> Value {
        self.put("callback_url", job.callback_url);
        self.put("external_task_id", Some(job.key));
        Value::Object(self.0)
    }
}
