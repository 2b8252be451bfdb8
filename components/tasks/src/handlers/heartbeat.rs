//! `POST /api/tasks/{id}/heartbeat`: whoever works on a task is alive (TK6).

use dispatch::Command;
use guest::{Request, Response};
use http::StatusCode;
use pipeline::Applied;
use problem::{Problem, Slug};
use serde::Deserialize;

use crate::world::Platform;
use crate::{access, background, pipeline_failed, store_failed};

const BODY_BYTES: usize = 4 * 1024;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heartbeat {
    progress: Option<f64>,
}

pub async fn post(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    let body = guest::read_body(request, BODY_BYTES).await?;
    let heartbeat: Heartbeat = match body.is_empty() {
        true => Heartbeat::default(),
        false => serde_json::from_slice(&body)
            .map_err(|error| Problem::new(Slug::BadRequest, format!("the body: {error}")))?,
    };
    let platform = Platform::open().await?;
    let row = access::own_task(&platform.database, &claims, id).await?;
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
        Applied::Gone => Err(Problem::new(
            Slug::NotFound,
            format!("there is no task {id}"),
        )),
    }
}
