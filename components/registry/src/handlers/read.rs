//! `GET /api/servers` and `GET /api/servers/{id}` (RG1).

use guest::{Answer, Call, Db};
use http::StatusCode;
use serde::Serialize;
use store::servers;
use utoipa::ToSchema;

use crate::view::{Server, view};
use crate::{access, store_failed};

#[derive(Serialize, ToSchema)]
struct ServerList {
    servers: Vec<Server>,
}

/// List servers
///
/// Admins see those of their tenant, servers their own.
#[utoipa::path(get, path = "/api/servers", operation_id = "listServers", tag = "servers",
    responses((status = 200, description = "The servers", body = ServerList)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    access::require_any(claims)?;
    let (tenant, owner) = access::scope(claims);
    let database = Db::open().await.map_err(store_failed)?;
    let rows = servers::list(&database, tenant, owner)
        .await
        .map_err(store_failed)?;
    let servers = rows.iter().map(view).collect();
    Ok(guest::json(StatusCode::OK, &ServerList { servers }))
}

/// Show a server
#[utoipa::path(get, path = "/api/servers/{id}", operation_id = "getServer", tag = "servers",
    params(("id" = String, Path, description = "The server's id")),
    responses((status = 200, description = "The server", body = Server)))]
pub async fn get(call: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, call.claims()?, call.param("id")).await?;
    Ok(guest::json(StatusCode::OK, &view(&server)))
}
