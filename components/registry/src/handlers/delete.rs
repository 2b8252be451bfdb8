//! `DELETE /api/servers/{id}`: its tasks find out at their next poll and go elsewhere (RG4).

use guest::{Db, Request, Response};
use http::StatusCode;
use problem::Problem;
use store::{servers, tasks};

use crate::{access, dispatch_soon, store_failed};

pub async fn delete(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, &claims, id).await?;
    servers::delete(&database, &server.id)
        .await
        .map_err(store_failed)?;
    tasks::hurry_of_server(&database, &server.id, guest::now_ms())
        .await
        .map_err(store_failed)?;
    dispatch_soon();
    Ok(guest::empty(StatusCode::NO_CONTENT))
}
