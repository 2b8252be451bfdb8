//! `PUT /api/task/{id}`: a provider calls back (TK4, TK5).

use bytes::Bytes;
use guest::{Answer, Call, Response};
use http::StatusCode;
use pipeline::Reported;
use problem::{Problem, Slug};
use providers::{ANSWER_BYTES, Wanted, parse_report};
use store::tasks::TaskRow;

use crate::world::Platform;
use crate::{access, background, pipeline_failed, store_failed};

/// Report on a task: its state object, as the uniform interface has it
#[utoipa::path(put, path = "/api/tasks/{id}", operation_id = "reportTask", tag = "providers",
    params(
        ("id" = String, Path, description = "The task's id"),
        ("attempt" = Option<u32>, Query, description = "Which attempt is meant; an earlier one changes nothing")),
    request_body(content = Object, description = "`state`, `progress`, `result`, `error`", content_type = "application/json"),
    responses(
        (status = 204, description = "Taken, or known already"),
        (status = 409, description = "The task is no longer in that attempt's hands"),
        (status = 422, description = "The state object makes no sense")))]
pub async fn report(call: Call) -> Answer {
    let attempt = match call.query("attempt") {
        Some(text) => Some(
            text.parse()
                .map_err(|_| Problem::new(Slug::BadRequest, "attempt: not a number"))?,
        ),
        None => None,
    };
    let claims = call.claims()?.clone();
    let id = call.param("id").to_owned();
    let body = guest::read_body(call.request, ANSWER_BYTES).await?;
    let platform = Platform::open().await?;
    let row = access::own_task(&platform.database, &claims, &id).await?;
    take(&platform, row, attempt, &body).await
}

/// Takes the state object of a task; the answer comes after the commit, the media after the answer.
pub async fn take(
    platform: &Platform,
    row: TaskRow,
    attempt: Option<u32>,
    body: &Bytes,
) -> Result<Response, Problem> {
    let wanted = match pipeline::task_of(&row).map_err(store_failed)?.kind.yields() {
        dispatch::Yield::Image | dispatch::Yield::Video => Wanted::Media,
        dispatch::Yield::Text => Wanted::Text,
    };
    let report = parse_report(body, wanted)
        .map_err(|failure| Problem::new(Slug::Unprocessable, failure.message))?;
    let id = row.id.clone();
    match platform
        .pipeline()
        .take_report(row, attempt, report)
        .await
        .map_err(pipeline_failed)?
    {
        Reported::Settle(row) => background::settle(*row),
        Reported::Done { slot_freed: true } => background::dispatch(),
        Reported::Done { slot_freed: false } | Reported::Repeated => {}
        Reported::Refused(rejection) => {
            return Err(Problem::new(
                Slug::Conflict,
                format!("task {id}: {rejection}"),
            ));
        }
    }
    Ok(guest::empty(StatusCode::NO_CONTENT))
}
