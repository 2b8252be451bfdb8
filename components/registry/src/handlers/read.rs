//! `GET /api/servers` and `GET /api/servers/{id}` (RG1).

use guest::{Answer, Call, Db};
use http::StatusCode;
use serde::Serialize;
use store::servers;
use utoipa::ToSchema;

use crate::check::due_at;
use crate::view::{Server, view};
use crate::{access, store_failed};

#[derive(Serialize, ToSchema)]
struct ServerList {
    servers: Vec<Server>,
    /// So many servers of the platform are gone at once that none is removed.
    self_preservation: bool,
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
    let now_ms = guest::now_ms();
    let look = servers::look(&database, due_at(now_ms), fleet::FALL)
        .await
        .map_err(store_failed)?;
    let list = ServerList {
        servers: rows.iter().map(|row| view(row, now_ms)).collect(),
        self_preservation: fleet::removal(look.seen, look.gone) == fleet::Removal::Suspended,
    };
    Ok(guest::json(StatusCode::OK, &list))
}

/// Show a server
#[utoipa::path(get, path = "/api/servers/{id}", operation_id = "getServer", tag = "servers",
    params(("id" = String, Path, description = "The server's id")),
    responses((status = 200, description = "The server", body = Server)))]
pub async fn get(call: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, call.claims()?, call.param("id")).await?;
    Ok(guest::json(StatusCode::OK, &view(&server, guest::now_ms())))
}
