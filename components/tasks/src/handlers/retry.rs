//! `POST /api/tasks/{id}/retry`: what has failed, or was cancelled, begins again (TK4).

use guest::{Answer, Call};
use http::StatusCode;
use identity::Action;
use store::tasks;

use crate::view::{Task, view};
use crate::world::Platform;
use crate::{access, again, background, store_failed};

/// Let a task begin again
///
/// It keeps its id, its attempts go on counting, and its node waits for it again.
#[utoipa::path(post, path = "/api/tasks/{id}/retry", operation_id = "retryTask", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses(
        (status = 200, description = "The task, now WAITING", body = Task),
        (status = 409, description = "It has not failed, or its node does not want it any more")))]
pub async fn retry(call: Call) -> Answer {
    let platform = Platform::open().await?;
    let (claims, id) = (call.claims()?, call.param("id"));
    let row = access::task(&platform.database, claims, Action::WriteProject, id).await?;
    let retried = again::retry(&platform, &[row]).await?;
    if let Some(problem) = retried
        .first()
        .and_then(|retried| again::problem(id, retried))
    {
        return Err(problem);
    }
    background::dispatch();
    let row = tasks::find(&platform.database, id).await;
    let row = row.map_err(store_failed)?;
    let row = row.ok_or_else(|| guest::access::unknown(format!("task {id}")))?;
    Ok(guest::json(StatusCode::OK, &view(&row, &platform.world)))
}
