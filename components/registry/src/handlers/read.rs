//! `GET /api/servers` and `GET /api/servers/{id}` (RG1).

use guest::{Db, Request, Response};
use http::StatusCode;
use problem::Problem;
use serde_json::{Value, json};
use store::servers;

use crate::{access, store_failed, view};

pub async fn list(request: Request) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    access::require_any(&claims)?;
    let (tenant, owner) = access::scope(&claims);
    let database = Db::open().await.map_err(store_failed)?;
    let rows = servers::list(&database, tenant, owner)
        .await
        .map_err(store_failed)?;
    let servers: Vec<Value> = rows.iter().map(view::view).collect();
    Ok(guest::json(StatusCode::OK, &json!({"servers": servers})))
}

pub async fn get(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, &claims, id).await?;
    Ok(guest::json(StatusCode::OK, &view::view(&server)))
}
