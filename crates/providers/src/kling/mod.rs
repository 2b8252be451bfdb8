//! Kling (Kuaishou): videos from texts and pictures, and pictures. Both of its APIs, the older one
//! (`/v1/videos/text2video`, …) and the newer one (`/text-to-video/{model}`, `/tasks`); the model of
//! the account tells which.
//!
//! An `Err` of a poll, a lookup or a callback is about that answer alone and says nothing about the
//! task. A task that failed is a [`crate::Report::Failed`].
//!
//! Every call is paid for. Each submission therefore carries our own id ([`Job::key`]), under which
//! the task is found again when the answer was lost; see [`may_have_begun`].
//!
//! Knows nothing of slots, retries or time: those are for whoever calls.

mod bodies;
mod codes;
mod endpoint;
mod params;
mod standing;
mod token;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

use crate::report::not_json;
use crate::request::build;
use crate::{Account, Begun, CallFailure, Job, Server, Told, Unfit};

pub use codes::may_have_begun;
pub use endpoint::Endpoint;
use endpoint::{is_id, parse_external_id, unfit};
use standing::{Task, Wording};

/// Asks for what a job wants.
///
/// # Errors
/// Why Kling cannot do it; nothing is to be sent then.
pub fn submit(job: &Job, account: &Account, now_s: i64) -> Result<Request<Vec<u8>>, Unfit> {
    let endpoint = Endpoint::of(job, account)?;
    let _ = checked_key(job.key)?;
    let (path, body) = bodies::submission(endpoint, job, account)?;
    request(Method::POST, &path, account, now_s, body.to_string().into())
}

/// Reads the answer to a submission. The id in it is the one to keep: it says where to ask.
///
/// # Errors
/// What went wrong. Whether the task may have begun all the same is for [`may_have_begun`].
pub fn parse_submit(
    endpoint: Endpoint,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Begun, CallFailure> {
    let data = codes::data(status, headers, body)?;
    let task = Task::of(&data, wording(endpoint))?;
    if task.has_failed() {
        return task.told().map(|told| Begun::Ended(told.report));
    }
    // Whatever else is odd: with its id, paid work is not lost.
    let external_id = endpoint.external_id(task.id()?);
    Ok(Begun::Accepted { external_id })
}

/// Asks how a task stands.
///
/// # Errors
/// An id that [`parse_submit`] never gave.
pub fn poll(external_id: &str, account: &Account, now_s: i64) -> Result<Request<Vec<u8>>, Unfit> {
    let (endpoint, id) = parse_external_id(external_id).ok_or_else(|| {
        let shown = crate::failure::shortened(external_id);
        unfit(format!("{shown:?} is not an id of a task at Kling"))
    })?;
    let path = endpoint.path_of_task(id);
    request(Method::GET, &path, account, now_s, Vec::new())
}

/// Reads the answer to a poll.
///
/// # Errors
/// What was wrong with the answer; the task may be asked for again.
pub fn parse_poll(
    external_id: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Told, CallFailure> {
    let data = codes::data(status, headers, body)?;
    let Some((endpoint, id)) = parse_external_id(external_id) else {
        return Err(CallFailure::nonsense("an answer to a poll of another id"));
    };
    if endpoint.legacy_path().is_some() {
        let task = Task::of(&data, Wording::Legacy)?;
        return match task.id()? == id {
            true => task.told(),
            false => Err(CallFailure::nonsense("another task than was asked for")),
        };
    }
    let tasks = tasks(&data)?;
    match tasks.iter().find(|task| task.id() == Ok(id)) {
        Some(task) => task.told(),
        None => Err(CallFailure::nonsense("the task is not among those told")),
    }
}

/// Asks for a task by our own id, after the answer to its submission was lost.
///
/// # Errors
/// A key that no submission ever carried.
pub fn lookup(
    endpoint: Endpoint,
    key: &str,
    account: &Account,
    now_s: i64,
) -> Result<Request<Vec<u8>>, Unfit> {
    let path = endpoint.path_of_key(checked_key(key)?);
    request(Method::GET, &path, account, now_s, Vec::new())
}

/// Reads the answer to a lookup: the id to keep and how the task stands, or None if Kling never
/// heard of it and it may be submitted again.
///
/// # Errors
/// Any answer that leaves doubt: None costs money.
pub fn parse_lookup(
    endpoint: Endpoint,
    key: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<(String, Told)>, CallFailure> {
    if codes::code(body) == Some(codes::NO_SUCH_THING) {
        return Ok(None);
    }
    let data = codes::data(status, headers, body)?;
    let tasks = match wording(endpoint) {
        Wording::Legacy => vec![Task::of(&data, Wording::Legacy)?],
        Wording::New => tasks(&data)?,
    };
    if tasks.is_empty() {
        return Ok(None);
    }
    let ours = tasks.iter().find(|task| task.key() == Some(key));
    // Only ours was asked for: one that does not say whose it is, is ours.
    let task = ours.or(match tasks.as_slice() {
        [task] if task.key().is_none() => Some(task),
        _ => None,
    });
    match task {
        Some(task) => Ok(Some((endpoint.external_id(task.id()?), task.told()?))),
        None => Err(CallFailure::nonsense("another task than was looked up")),
    }
}

/// What a callback tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Callback {
    /// The provider's own id. A callback does not say where it was asked for; see [`Self::is_of`].
    pub task_id: String,
    /// Our own id ([`Job::key`]), if it is told.
    pub key: Option<String>,
    pub told: Told,
}

impl Callback {
    /// Whether it is about the task that is kept under this id.
    pub fn is_of(&self, external_id: &str) -> bool {
        parse_external_id(external_id).is_some_and(|(_, id)| id == self.task_id)
    }
}

/// Reads the body of a callback, which is the bare task in the words of either API. Who sent it is
/// for [`crate::webhook::verify`].
///
/// # Errors
/// What is wrong with it; the task is polled all the same.
pub fn parse_callback(body: &[u8]) -> Result<Callback, CallFailure> {
    let fields: Value = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let task = Task::of_either(&fields)?;
    Ok(Callback {
        task_id: task.id()?.to_owned(),
        key: task.key().map(str::to_owned),
        told: task.told()?,
    })
}

fn wording(endpoint: Endpoint) -> Wording {
    match endpoint.legacy_path() {
        Some(_) => Wording::Legacy,
        None => Wording::New,
    }
}

fn tasks(data: &Value) -> Result<Vec<Task<'_>>, CallFailure> {
    let Value::Array(items) = data else {
        return Err(CallFailure::nonsense("`data` is not a list"));
    };
    let tasks = items.iter().map(|item| Task::of(item, Wording::New));
    tasks.collect()
}

fn checked_key(key: &str) -> Result<&str, Unfit> {
    match is_id(key) {
        true => Ok(key),
        false => Err(unfit("the task's own id cannot be looked up at Kling")),
    }
}

fn request(
    method: Method,
    path: &str,
    account: &Account,
    now_s: i64,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, Unfit> {
    let token = token::bearer(account.key, now_s)?;
    let server = Server {
        url: account.url,
        token: Some(&token),
    };
    let json = |request: http::request::Builder| request.header(CONTENT_TYPE, "application/json");
    Ok(build(method, server, path, json, body)?)
}
