//! `POST /api/servers/cleanup`: removes every server of the tenant that is OFFLINE now (RG1).

use guest::{Answer, Call, Db};
use http::StatusCode;
use serde::Serialize;
use store::servers;
use utoipa::ToSchema;

use crate::{access, store_failed};

const OFFLINE: &str = fleet::ServerState::Offline.as_str();

#[derive(Serialize, ToSchema)]
struct CleanedUp {
    removed: Vec<String>,
}

/// Remove every server that is OFFLINE now
#[utoipa::path(post, path = "/api/servers/cleanup", operation_id = "cleanUpServers", tag = "servers",
    responses((status = 200, description = "The ids of those that were removed", body = CleanedUp)))]
pub async fn cleanup(call: Call) -> Answer {
    let claims = call.claims()?;
    guest::access::in_tenant(claims, identity::Action::ManageServers)?;
    let (tenant, owner) = access::scope(claims);
    let database = Db::open().await.map_err(store_failed)?;
    let mut removed = Vec::new();
    for server in servers::list(&database, tenant, owner)
        .await
        .map_err(store_failed)?
    {
        if server.state == OFFLINE
            && servers::delete_gone(&database, &server.id, server.changed_at_ms)
                .await
                .map_err(store_failed)?
        {
            removed.push(server.id);
        }
    }
    Ok(guest::json(StatusCode::OK, &CleanedUp { removed }))
}
