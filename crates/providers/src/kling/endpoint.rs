//! Where a task is asked for, and how the id that is kept of it says so.

use crate::answer::EXTERNAL_ID_BYTES;
use crate::request::escaped;
use crate::{Account, CallFailure, InputLink, Job, Key, Unfit};

/// What a task is polled by. The older API has a place for each kind of work; the newer one has one
/// for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/videos/text2video`
    TextToVideo,
    /// `/v1/videos/image2video`
    ImageToVideo,
    /// `/v1/images/generations`
    Images,
    /// `/text-to-video/{model}`, `/image-to-video/{model}`, and `/tasks`
    Tasks,
}

const ENDPOINTS: [Endpoint; 4] = [
    Endpoint::TextToVideo,
    Endpoint::ImageToVideo,
    Endpoint::Images,
    Endpoint::Tasks,
];

impl Endpoint {
    /// Where this job goes with this account's model. The same for every repetition of an attempt,
    /// so that a lost submission is looked up where it was made.
    ///
    /// # Errors
    /// Why Kling cannot do it.
    pub fn of(job: &Job, account: &Account) -> Result<Self, Unfit> {
        let is_new = is_of_new_api(account.model)?;
        let has_frames = Frames::of(job.inputs)?.first.is_some();
        match (job.kind, is_new) {
            ("video_gen", true) => match account.key {
                Key::Plain(_) => Ok(Self::Tasks),
                Key::Pair { .. } => Err(unfit(format!(
                    "the model {} needs an API key; an access key with its secret key opens the \
                     older models alone",
                    account.model
                ))),
            },
            ("video_gen", false) if has_frames => Ok(Self::ImageToVideo),
            ("video_gen", false) => Ok(Self::TextToVideo),
            ("image_gen", false) => Ok(Self::Images),
            ("image_gen", true) => Err(unfit(format!(
                "the model {} makes videos; pictures are made by models such as kling-v2-1",
                account.model
            ))),
            (kind, _) => Err(unfit(format!(
                "Kling makes videos (video_gen) and pictures (image_gen), not {kind}"
            ))),
        }
    }

    /// What stands before the provider's id in the id that is kept.
    fn name(self) -> &'static str {
        match self {
            Self::TextToVideo => "text2video",
            Self::ImageToVideo => "image2video",
            Self::Images => "images",
            Self::Tasks => "tasks",
        }
    }

    /// Where a task with the provider's own id stands.
    pub(super) fn path_of_task(self, id: &str) -> String {
        match self.legacy_path() {
            Some(path) => format!("{path}/{}", escaped(id)),
            None => format!("/tasks?task_ids={}", escaped(id)),
        }
    }

    /// Where a task with our own id stands. The older API takes either id in the same place.
    pub(super) fn path_of_key(self, key: &str) -> String {
        match self.legacy_path() {
            Some(path) => format!("{path}/{}", escaped(key)),
            None => format!("/tasks?external_task_ids={}", escaped(key)),
        }
    }

    pub(super) fn legacy_path(self) -> Option<&'static str> {
        match self {
            Self::TextToVideo => Some("/v1/videos/text2video"),
            Self::ImageToVideo => Some("/v1/videos/image2video"),
            Self::Images => Some("/v1/images/generations"),
            Self::Tasks => None,
        }
    }

    /// The id that the platform keeps: `text2video:<the provider's>`.
    pub(super) fn external_id(self, id: &str) -> String {
        format!("{}:{id}", self.name())
    }
}

/// Takes apart what [`Endpoint::external_id`] made.
pub(super) fn parse_external_id(external_id: &str) -> Option<(Endpoint, &str)> {
    let (name, id) = external_id.split_once(':')?;
    let endpoint = ENDPOINTS.into_iter().find(|it| it.name() == name)?;
    is_id(id).then_some((endpoint, id))
}

/// Whether a text may be an id of a task, theirs or ours. Several ids are separated by commas, and
/// an empty one would name the list of all tasks.
pub(super) fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    id.len() <= EXTERNAL_ID_BYTES
        && id.bytes().all(is_plain)
        && id.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// An id that the provider told.
pub(super) fn checked_id<'a>(name: &str, id: &'a str) -> Result<&'a str, CallFailure> {
    match is_id(id) {
        true => Ok(id),
        false => Err(CallFailure::nonsense(format!(
            "`{name}` is not an id: {:?}",
            crate::failure::shortened(id)
        ))),
    }
}

/// Models of the newer API are named by their version (`kling-3.0`), those of the older one by a
/// `v` before it (`kling-v2-6`).
fn is_of_new_api(model: &str) -> Result<bool, Unfit> {
    if !is_id(model) {
        return Err(unfit(format!(
            "{:?} is not the name of a model",
            crate::failure::shortened(model)
        )));
    }
    let version = model.strip_prefix("kling-").unwrap_or_default();
    Ok(version.starts_with(|char: char| char.is_ascii_digit()))
}

/// The pictures that a video begins and ends with, as Kling takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frames<'a> {
    pub first: Option<&'a str>,
    pub last: Option<&'a str>,
}

impl<'a> Frames<'a> {
    pub fn of(inputs: &'a [InputLink]) -> Result<Self, Unfit> {
        let find = |roles: &[&str]| {
            let input = inputs
                .iter()
                .find(|input| roles.contains(&input.role.as_str()));
            input.map(|input| without_data_prefix(&input.url))
        };
        let first = find(&["image", "first_frame"]);
        let last = find(&["image_tail", "last_frame"]);
        match (first, last) {
            (None, Some(_)) => Err(unfit("a last frame needs a first one: an input `image`")),
            _ => Ok(Self { first, last }),
        }
    }
}

/// Kling takes base64 only without the `data:…;base64,` before it.
fn without_data_prefix(url: &str) -> &str {
    match url.strip_prefix("data:").and_then(|it| it.split_once(',')) {
        Some((_, base64)) => base64,
        None => url,
    }
}

pub(super) fn unfit(sentence: impl Into<String>) -> Unfit {
    Unfit::Job(sentence.into())
}
