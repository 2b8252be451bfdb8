//! `DELETE /api/servers/{id}`: its tasks find out at their next poll and go elsewhere (RG4).

use guest::{Answer, Call, Db};
use http::StatusCode;
use store::{servers, tasks};

use crate::{access, dispatch_soon, store_failed};

/// Remove a server
#[utoipa::path(delete, path = "/api/servers/{id}", operation_id = "deleteServer", tag = "servers",
    params(("id" = String, Path, description = "The server's id")),
    responses((status = 204, description = "It gets no more work; what it had goes elsewhere")))]
pub async fn delete(call: Call) -> Answer {
    let claims = call.claims()?;
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, claims, call.param("id")).await?;
    servers::delete(&database, &server.id)
        .await
        .map_err(store_failed)?;
    tasks::hurry_of_server(&database, &server.id, guest::now_ms())
        .await
        .map_err(store_failed)?;
    dispatch_soon();
    Ok(guest::empty(StatusCode::NO_CONTENT))
}
