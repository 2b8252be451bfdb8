//! Backends of the registry that speak `predict`: one route, which ten lines of Python can serve.
//! They answer with the result at once, or take the task and report by the callback.

use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

use crate::account::Begun;
use crate::address::{BadAddress, result_url};
use crate::answer::accepted_id;
use crate::failure::CallFailure;
use crate::inline::data_url;
use crate::report::{Product, Report, Wanted, failure, product, state_report};
use crate::request::{Server, Submission, build, submit_to};

/// `POST {base}/predict` with the body and the headers of a uniform submission.
///
/// # Errors
/// The server's address is none.
pub fn submit(submission: &Submission, server: Server) -> Result<Request<Vec<u8>>, BadAddress> {
    submit_to("/predict", submission, server)
}

/// `POST {base}/predict` with several at once: `{"tasks":[…]}`, each with the `idempotency_key` that
/// a single one has in its header.
///
/// # Errors
/// The server's address is none.
pub fn submit_batch(
    submissions: &[Submission],
    server: Server,
) -> Result<Request<Vec<u8>>, BadAddress> {
    let unreadable = |error: serde_json::Error| BadAddress::Syntax(error.to_string());
    let tasks = submissions
        .iter()
        .map(|submission| {
            let mut task = serde_json::to_value(submission)?;
            task["idempotency_key"] = submission.key().into();
            Ok(task)
        })
        .collect::<Result<Vec<Value>, _>>()
        .map_err(unreadable)?;
    let body = serde_json::to_vec(&serde_json::json!({"tasks": tasks})).map_err(unreadable)?;
    let json = |request: http::request::Builder| {
        request.header(http::header::CONTENT_TYPE, "application/json")
    };
    build(Method::POST, server, "/predict", json, body)
}

/// The answers to [`submit_batch`], in its order: `{"tasks":[…]}` with what each alone would be
/// answered. What is refused as a whole is refused to each; with 202 there may be nothing at all.
pub fn parse_batch(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    tasks: &[(&str, Wanted)],
    server: Server,
) -> Vec<Result<Begun, CallFailure>> {
    let one = |task_id: &str, wanted: Wanted, status: StatusCode, body: &[u8]| {
        parse_submit(status, headers, body, wanted, task_id, server)
    };
    let document: Option<Value> = serde_json::from_slice(body).ok();
    let answers = document
        .as_ref()
        .and_then(|document| document["tasks"].as_array());
    let each = tasks.iter().enumerate();
    each.map(|(at, (task_id, wanted))| match (answers, status) {
        (_, status) if !status.is_success() => one(task_id, *wanted, status, body),
        (Some(answers), _) => match answers.get(at) {
            Some(answer) => one(task_id, *wanted, status, answer.to_string().as_bytes()),
            None => Err(CallFailure::nonsense("fewer answers than tasks")),
        },
        (None, StatusCode::ACCEPTED) => one(task_id, *wanted, status, b""),
        (None, _) => Err(CallFailure::nonsense("no `tasks` in the answer to several")),
    })
    .collect()
}

/// The answer to [`submit`]: `{"result":{…}}`, `{"error":{…}}`, the state object of the uniform
/// interface, or a `task_id`. With 202 there may be nothing at all: then the task goes by the
/// platform's own id, `task_id`, and its callback is the only word of it.
///
/// # Errors
/// A refusal, or what cannot be understood.
pub fn parse_submit(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    wanted: Wanted,
    task_id: &str,
    server: Server,
) -> Result<Begun, CallFailure> {
    if status.is_client_error() || status.is_server_error() {
        return Err(CallFailure::refused(status, headers, body));
    }
    if !matches!(status.as_u16(), 200..=202) {
        return Err(CallFailure::nonsense(format!(
            "status {status} to a submission"
        )));
    }
    let is_taken = status == StatusCode::ACCEPTED;
    if is_taken && body.trim_ascii().is_empty() {
        return Ok(taken(None, task_id));
    }
    let document: Value = crate::call::read(body)?;
    if !document.is_object() {
        return Err(CallFailure::nonsense("JSON that is not an object"));
    }
    let has = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    let report = if has("state") {
        state_report(&document, wanted)?
    } else if has("error") {
        Report::Failed(failure(document.get("error")))
    } else if has("result") {
        Report::Finished(product(document.get("result"), wanted)?)
    } else {
        Report::Working { progress: None }
    };
    match report {
        Report::Working { .. } => match accepted_id(&document) {
            Ok(id) => Ok(taken(Some(id), task_id)),
            Err(_) if is_taken && !has("task_id") => Ok(taken(None, task_id)),
            Err(nonsense) => Err(nonsense),
        },
        Report::Finished(product) => {
            located(product, wanted, server).map(|product| Begun::Ended(Report::Finished(product)))
        }
        Report::Failed(_) | Report::Cancelled => Ok(Begun::Ended(report)),
    }
}

/// A server that repeats the platform's id has none of its own. To poll it for that would end in
/// 404, which means a lost task, and the work would be done twice.
fn taken(id: Option<String>, task_id: &str) -> Begun {
    match id {
        Some(external_id) if external_id != task_id => Begun::Accepted { external_id },
        Some(_) | None => Begun::Unnamed {
            external_id: task_id.to_owned(),
        },
    }
}

/// Where the result is: inside of the answer, or on the server itself (RG5).
fn located(mut product: Product, wanted: Wanted, server: Server) -> Result<Product, CallFailure> {
    let url = match wanted {
        // What was not asked for is left behind, however large it is.
        Wanted::Text => {
            return Ok(Product {
                text: product.text,
                ..Product::default()
            });
        }
        Wanted::Media => product.url.as_deref().unwrap_or_default(),
    };
    product.text = None;
    if url.starts_with("data:") {
        let (url, media_type) = data_url(url)?;
        product.url = Some(url);
        product.media_type = Some(media_type);
    } else {
        let url = result_url(server.url, url)
            .map_err(|error| CallFailure::nonsense(format!("`result.url`: {error}")))?;
        product.url = Some(url);
    }
    Ok(product)
}
