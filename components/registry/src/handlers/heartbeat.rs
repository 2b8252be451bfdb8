//! `POST /api/servers/{id}/heartbeat`: a server says itself that it is well (RG1).

use fleet::{ServerState, heartbeat};
use guest::{Db, Request, Response};
use http::StatusCode;
use problem::Problem;
use store::servers;

use crate::check::{Found, health_of, jitter, with_health};
use crate::{access, dispatch_soon, store_failed};

pub async fn post(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, &claims, id).await?;
    let now_ms = guest::now_ms();
    let before = health_of(&server);
    let health = heartbeat(before, now_ms, jitter());
    let row = with_health(&server, health, &Found::Well, now_ms);
    // Lost to a check or registration at the same moment: that one counts.
    servers::record_check(&database, &row, server.changed_at_ms)
        .await
        .map_err(store_failed)?;
    if before.state != ServerState::Online && health.state == ServerState::Online {
        dispatch_soon();
    }
    Ok(guest::empty(StatusCode::NO_CONTENT))
}
