//! `POST /api/tasks/{id}/cancel`, and `DELETE /api/tasks/{id}` for those above us who speak the
//! uniform interface (TK3, TK4).

use guest::{Request, Response};
use http::StatusCode;
use identity::Action;
use pipeline::Applied;
use problem::{Problem, Slug};

use crate::view::view;
use crate::world::Platform;
use crate::{access, background, pipeline_failed};

pub async fn post(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    let platform = Platform::open().await?;
    let row = access::task(&platform.database, &claims, Action::WriteProject, id).await?;
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
            Ok(guest::json(StatusCode::OK, &view(&row, &platform.world)))
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

pub async fn delete(request: Request, id: &str) -> Result<Response, Problem> {
    post(request, id)
        .await
        .map(|_| guest::empty(StatusCode::NO_CONTENT))
}
