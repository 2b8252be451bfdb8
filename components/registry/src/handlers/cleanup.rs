//! `POST /api/servers/cleanup`: removes every server of the tenant that is OFFLINE now (RG1).

use guest::{Db, Request, Response};
use http::StatusCode;
use problem::Problem;
use serde_json::json;
use store::servers;

use crate::{access, store_failed};

pub async fn post(request: Request) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    access::require_manager(&claims)?;
    let (tenant, owner) = access::scope(&claims);
    let database = Db::open().await.map_err(store_failed)?;
    let mut removed = Vec::new();
    for server in servers::list(&database, tenant, owner)
        .await
        .map_err(store_failed)?
    {
        if servers::delete_gone(&database, &server.id, server.changed_at_ms)
            .await
            .map_err(store_failed)?
        {
            removed.push(server.id);
        }
    }
    Ok(guest::json(StatusCode::OK, &json!({"removed": removed})))
}
