//! `POST /api/tasks/{id}/heartbeat`: whoever works on a task is alive (TK6).

use dispatch::Command;
use guest::{Answer, Call};
use http::StatusCode;
use pipeline::Applied;
use problem::{Problem, Slug};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::world::Platform;
use crate::{access, background, pipeline_failed, store_failed};

const BODY_BYTES: usize = 4 * 1024;

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Heartbeat {
    /// From 0 to 1.
    progress: Option<f64>,
}

/// Say that a task is being worked on
#[utoipa::path(post, path = "/api/tasks/{id}/heartbeat", operation_id = "heartbeatTask", tag = "providers",
    params(("id" = String, Path, description = "The task's id")),
    request_body(content = Option<Heartbeat>, description = "May be left out"),
    responses(
        (status = 204, description = "Its lease is longer now"),
        (status = 409, description = "The task is in nobody's hands")))]
pub async fn heartbeat(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    let id = call.param("id").to_owned();
    let body = guest::read_body(call.request, BODY_BYTES).await?;
    let heartbeat: Heartbeat = match body.is_empty() {
        true => Heartbeat::default(),
        false => serde_json::from_slice(&body)
            .map_err(|error| Problem::new(Slug::BadRequest, format!("the body: {error}")))?,
    };
    let platform = Platform::open().await?;
    let row = access::own_task(&platform.database, &claims, &id).await?;
    let attempt = pipeline::task_of(&row).map_err(store_failed)?.attempt;
    let command = Command::Progress {
        attempt,
        progress: heartbeat.progress,
    };
    match platform
        .pipeline()
        .apply(row, command)
        .await
        .map_err(pipeline_failed)?
    {
        Applied::Done { slot_freed, .. } => {
            if slot_freed {
                background::dispatch();
            }
            Ok(guest::empty(StatusCode::NO_CONTENT))
        }
        Applied::Rejected { rejection, .. } => Err(Problem::new(
            Slug::Conflict,
            format!("task {id}: {rejection}"),
        )),
        Applied::Gone => Err(guest::access::unknown(format!("task {id}"))),
    }
}
