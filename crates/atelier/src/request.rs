//! What a submit asks for, checked whole before it is taken: a bad request fails at once, with a
//! reason, instead of later in a worker.

use crate::media::camera::CameraMove;
use crate::params;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

/// Prompts longer than this are refused; Kling's limit is 2,500 characters, scripts are longer.
const MAX_PROMPT_BYTES: usize = 64 * 1024;
/// Clips of one film.
const MAX_INPUTS: usize = 256;
const MAX_ID_BYTES: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    ImageGen,
    VideoGen,
    ImageDesc,
    VideoDesc,
    TextGen,
    Assemble,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::ImageGen,
        Self::VideoGen,
        Self::ImageDesc,
        Self::VideoDesc,
        Self::TextGen,
        Self::Assemble,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ImageGen => "image_gen",
            Self::VideoGen => "video_gen",
            Self::ImageDesc => "image_desc",
            Self::VideoDesc => "video_desc",
            Self::TextGen => "text_gen",
            Self::Assemble => "assemble",
        }
    }
}

/// The body of `POST /api/tasks/submit` as it arrives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    pub task_id: String,
    kind: String,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    inputs: Option<Vec<SubmitInput>>,
    #[serde(default)]
    callback_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmitInput {
    #[serde(default)]
    role: Option<String>,
    url: String,
    #[serde(default)]
    media_type: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Input {
    pub role: String,
    pub url: Url,
    pub media_type: String,
}

impl Input {
    fn is(&self, role: &str) -> bool {
        self.role == role || self.media_type.starts_with(role)
    }
}

/// A request that can be worked on.
#[derive(Clone, Debug)]
pub struct Request {
    pub task_id: String,
    pub kind: Kind,
    pub prompt: String,
    pub params: Map<String, Value>,
    pub seed: u64,
    pub callback: Option<Url>,
    /// Only those that the kind uses, in their order.
    pub inputs: Vec<Input>,
    pub seconds: f32,
    pub camera: CameraMove,
}

impl Submit {
    /// The reason, when the request cannot be worked on.
    pub fn check(self) -> Result<Request, String> {
        if self.task_id.is_empty() || self.task_id.len() > MAX_ID_BYTES {
            return Err(format!("task_id must have 1 to {MAX_ID_BYTES} bytes"));
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        let kind = kind.ok_or_else(|| {
            format!(
                "kind {:?} is not served here",
                self.kind.chars().take(40).collect::<String>()
            )
        })?;
        let prompt = self.prompt.unwrap_or_default();
        if prompt.len() > MAX_PROMPT_BYTES {
            return Err(format!(
                "the prompt is longer than {MAX_PROMPT_BYTES} bytes"
            ));
        }
        let params = params::object(self.params)?;
        let given = self.inputs.unwrap_or_default();
        if given.len() > MAX_INPUTS {
            return Err(format!("more than {MAX_INPUTS} inputs"));
        }
        let given = given
            .into_iter()
            .enumerate()
            .map(|(index, input)| checked(index, input))
            .collect::<Result<Vec<_>, _>>()?;
        let inputs = chosen(kind, given)?;
        if prompt.trim().is_empty() && matches!(kind, Kind::ImageGen | Kind::TextGen) {
            return Err(format!("{} needs a prompt", kind.name()));
        }
        if prompt.trim().is_empty() && kind == Kind::VideoGen && inputs.is_empty() {
            return Err("video_gen needs an image or a prompt".to_owned());
        }
        let callback = self
            .callback_url
            .filter(|url| !url.is_empty())
            .map(|url| web_address("callback_url", &url))
            .transpose()?;
        let seconds = if kind == Kind::VideoGen {
            params::seconds(&params)?
        } else {
            params::DEFAULT_SECONDS
        };
        let camera = if kind == Kind::VideoGen {
            params::camera(&params)?
        } else {
            CameraMove::Static
        };
        let seed = params::seed(&params, &prompt)?;
        Ok(Request {
            task_id: self.task_id,
            kind,
            prompt,
            params,
            seed,
            callback,
            inputs,
            seconds,
            camera,
        })
    }
}

fn checked(index: usize, input: SubmitInput) -> Result<Input, String> {
    let url = web_address(&format!("inputs[{index}].url"), &input.url)?;
    Ok(Input {
        role: input.role.unwrap_or_default(),
        url,
        media_type: input.media_type.unwrap_or_default(),
    })
}

fn web_address(name: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{name}: {error}"))?;
    // The embedded provider talks to its platform, usually on the same machine, and brings no TLS.
    if url.scheme() != "http" || url.host().is_none() {
        return Err(format!("{name} must be an http address"));
    }
    Ok(url)
}

fn chosen(kind: Kind, given: Vec<Input>) -> Result<Vec<Input>, String> {
    match kind {
        Kind::ImageGen | Kind::TextGen => Ok(Vec::new()),
        Kind::VideoGen => Ok(given
            .into_iter()
            .find(|input| input.is("image"))
            .into_iter()
            .collect()),
        Kind::ImageDesc | Kind::VideoDesc => {
            let wanted = if kind == Kind::ImageDesc {
                "image"
            } else {
                "video"
            };
            let at = given.iter().position(|input| input.is(wanted)).unwrap_or(0);
            given
                .into_iter()
                .nth(at)
                .map(|input| vec![input])
                .ok_or_else(|| format!("{} needs an input", kind.name()))
        }
        Kind::Assemble => {
            let clips: Vec<Input> = given
                .into_iter()
                .filter(|input| !input.media_type.starts_with("image") && input.role != "image")
                .collect();
            if clips.is_empty() {
                Err("assemble needs at least one clip".to_owned())
            } else {
                Ok(clips)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(body: Value) -> Result<Request, String> {
        serde_json::from_value::<Submit>(body)
            .map_err(|e| e.to_string())?
            .check()
    }

    #[test]
    fn tk3_bad_requests_are_refused_with_a_reason() {
        let image =
            json!({"role": "image", "url": "http://127.0.0.1:1/a.png", "media_type": "image/png"});
        let cases = [
            (
                json!({"task_id": "t", "kind": "smell_gen", "prompt": "x"}),
                "not served",
            ),
            (
                json!({"task_id": "t", "kind": "image_gen"}),
                "needs a prompt",
            ),
            (
                json!({"task_id": "t", "kind": "image_gen", "prompt": "  "}),
                "needs a prompt",
            ),
            (
                json!({"task_id": "", "kind": "image_gen", "prompt": "x"}),
                "task_id",
            ),
            (
                json!({"task_id": "t", "kind": "image_gen", "prompt": "x", "colour": 1}),
                "unknown field",
            ),
            (
                json!({"task_id": "t", "kind": "video_gen"}),
                "image or a prompt",
            ),
            (
                json!({"task_id": "t", "kind": "video_gen", "inputs": [image], "params": {"duration_s": 0}}),
                "duration_s",
            ),
            (
                json!({"task_id": "t", "kind": "video_gen", "inputs": [image], "params": {"duration_s": 1e300}}),
                "duration_s",
            ),
            (
                json!({"task_id": "t", "kind": "video_gen", "inputs": [image], "params": {"duration_s": "NaN"}}),
                "duration_s",
            ),
            (
                json!({"task_id": "t", "kind": "video_gen", "inputs": [image], "params": []}),
                "params",
            ),
            (
                json!({"task_id": "t", "kind": "image_desc"}),
                "needs an input",
            ),
            (
                json!({"task_id": "t", "kind": "assemble", "inputs": [image]}),
                "at least one clip",
            ),
            (
                json!({"task_id": "t", "kind": "image_desc", "inputs": [{"role": "image", "url": "file:///etc/passwd"}]}),
                "http",
            ),
            (
                json!({"task_id": "t", "kind": "text_gen", "prompt": "x", "callback_url": "gopher://x/"}),
                "callback_url",
            ),
        ];
        for (body, reason) in cases {
            let error = check(body.clone()).expect_err(&body.to_string());
            assert!(error.contains(reason), "{body}: {error}");
        }
    }

    #[test]
    fn tk3_parameters_may_be_text_as_nodes_carry_them() {
        let request = check(
            json!({"task_id": "t", "kind": "video_gen", "prompt": "sea", "params": "{\"duration_s\":\"6\",\"camera_move\":\"Slow pan left\"}"}),
        );
        let request = request.expect("accepted");
        assert_eq!(
            (request.seconds, request.camera),
            (6.0, CameraMove::PanLeft)
        );
    }
}
