//! `POST /api/servers/{id}/heartbeat`: a server says itself that it is well (RG1).

use fleet::ServerState;
use guest::{Answer, Call, Db};
use http::StatusCode;
use problem::{Problem, Slug};
use store::servers;

use crate::check::{Found, health_of, jitter, with_health};
use crate::{access, dispatch_soon, store_failed};

/// Say that a server is well
///
/// One that drains stays so.
#[utoipa::path(post, path = "/api/servers/{id}/heartbeat", operation_id = "heartbeatServer", tag = "servers",
    params(("id" = String, Path, description = "The server's id")),
    responses(
        (status = 204, description = "It counts as a check that went well"),
        (status = 409, description = "It is an account at a provider")))]
pub async fn heartbeat(call: Call) -> Answer {
    let claims = call.claims()?;
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, claims, call.param("id")).await?;
    if crate::is_account(&server) {
        return Err(Problem::new(
            Slug::Conflict,
            format!(
                "server {} is an account at a provider, which sends no heartbeats",
                server.id
            ),
        ));
    }
    let now_ms = guest::now_ms();
    let before = health_of(&server);
    let health = fleet::heartbeat(before, now_ms, jitter());
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
