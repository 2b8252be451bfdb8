//! `POST /api/tasks/{id}/cancel`, and `DELETE /api/tasks/{id}` for those above us who speak the
//! uniform interface (TK3, TK4).

use guest::{Answer, Call};
use http::StatusCode;
use identity::Action;
use pipeline::Applied;
use problem::{Problem, Slug};
use store::tasks::TaskRow;

use crate::view::{Task, view};
use crate::world::Platform;
use crate::{access, background, pipeline_failed};

/// Cancel a task
#[utoipa::path(post, path = "/api/tasks/{id}/cancel", operation_id = "cancelTask", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses(
        (status = 200, description = "The task, now CANCELLED", body = Task),
        (status = 409, description = "It has ended already")))]
pub async fn cancel(call: Call) -> Answer {
    let platform = Platform::open().await?;
    let row = cancelled(&platform, &call).await?;
    Ok(guest::json(StatusCode::OK, &view(&row, &platform.world)))
}

/// Cancel a task, in the words of the uniform interface
#[utoipa::path(delete, path = "/api/tasks/{id}", operation_id = "deleteTask", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses(
        (status = 204, description = "It is CANCELLED now"),
        (status = 409, description = "It has ended already")))]
pub async fn withdraw(call: Call) -> Answer {
    let platform = Platform::open().await?;
    cancelled(&platform, &call).await?;
    Ok(guest::empty(StatusCode::NO_CONTENT))
}

async fn cancelled(platform: &Platform, call: &Call) -> Result<TaskRow, Problem> {
    let (claims, id) = (call.claims()?, call.param("id"));
    let row = access::task(&platform.database, claims, Action::WriteProject, id).await?;
    match platform
        .pipeline()
        .cancel(row)
        .await
        .map_err(pipeline_failed)?
    {
        Applied::Done { row, slot_freed } => {
            if slot_freed {
                background::dispatch();
            }
            Ok(row)
        }
        Applied::Rejected { rejection, .. } => Err(Problem::new(
            Slug::Conflict,
            format!("task {id}: {rejection}"),
        )),
        Applied::Gone => Err(guest::access::unknown(format!("task {id}"))),
    }
}
