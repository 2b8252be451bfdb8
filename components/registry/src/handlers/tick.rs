//! `POST /internal/v1/tick`: checks the servers whose time has come (RG2, RG3).

use fleet::{Check, Removal, ServerState, Verdict, judge};
use futures::future::join_all;
use guest::{Answer, Call, Db};
use http::StatusCode;
use serde_json::json;
use store::{DueAt, servers};

use crate::check::{ask, health_of, jitter, with_health};
use crate::{dispatch_soon, store_failed};

/// Servers that one tick checks; all are asked at the same time.
const BATCH: i64 = 64;

/// A claimed check that nobody finished is due again after this time.
const HOLD_MS: i64 = 15_000;

#[utoipa::path(post, path = "/internal/v1/tick", responses((status = 200)))]
pub async fn tick(_: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let now_ms = guest::now_ms();
    let at = DueAt::new(now_ms, fleet::CHECK_LONGEST_MS);
    if !servers::has_due(&database, at)
        .await
        .map_err(store_failed)?
    {
        return Ok(guest::json(
            StatusCode::OK,
            &json!({"checked": 0, "removed": 0}),
        ));
    }
    let due = servers::claim_due(&database, at, now_ms + HOLD_MS, BATCH)
        .await
        .map_err(store_failed)?;
    let found = join_all(
        due.iter()
            .map(|server| ask(&server.url, server.token.as_deref())),
    )
    .await;
    let now_ms = guest::now_ms();
    let (mut removed, mut risen) = (0, false);
    for (server, found) in due.iter().zip(&found) {
        let before = health_of(server);
        match judge(
            before,
            Check::Routine,
            found.outcome(),
            Removal::Allowed,
            now_ms,
            jitter(),
        ) {
            Verdict::Keep(health) => {
                let row = with_health(server, health, found, now_ms);
                let written = servers::record_check(&database, &row, server.changed_at_ms)
                    .await
                    .map_err(store_failed)?;
                risen |= written
                    && before.state != ServerState::Online
                    && health.state == ServerState::Online;
            }
            Verdict::Remove => {
                let gone = servers::delete_gone(&database, &server.id, server.changed_at_ms).await;
                removed += usize::from(gone.map_err(store_failed)?);
            }
        }
    }
    if risen {
        dispatch_soon();
    }
    Ok(guest::json(
        StatusCode::OK,
        &json!({"checked": due.len(), "removed": removed}),
    ))
}
