//! `POST /internal/v1/tick`: checks the servers whose time has come (RG2, RG3).

use fleet::{Check, Removal, ServerState, Verdict, judge, removal};
use futures::stream::{FuturesUnordered, StreamExt};
use guest::{Answer, Call, Db};
use http::StatusCode;
use problem::Problem;
use serde_json::json;
use store::servers::{self, ServerRow};

use crate::check::{Found, ask, due_at, health_of, jitter, with_health};
use crate::{dispatch_soon, store_failed};

/// Servers that one tick asks at the same time. When half of them have answered, more are claimed,
/// so that those who let us wait hold up nobody else.
const AT_ONCE: usize = 64;

/// After this time a tick claims no more: with the longest check it ends well before its caller
/// gives up, and the next one goes on.
const CLAIM_MS: i64 = 8_000;

/// A claimed check that nobody finished is due again after this time.
const HOLD_MS: i64 = 15_000;

#[derive(Default)]
struct Done {
    checked: usize,
    removed: usize,
    risen: bool,
}

#[utoipa::path(post, path = "/internal/v1/tick", responses((status = 200)))]
pub async fn tick(_: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let look = servers::look(&database, due_at(guest::now_ms()), fleet::FALL)
        .await
        .map_err(store_failed)?;
    let removal = removal(look.seen, look.gone);
    let done = match look.due {
        true => check_due(&database, removal).await?,
        false => Done::default(),
    };
    if done.risen {
        dispatch_soon();
    }
    Ok(guest::json(
        StatusCode::OK,
        &json!({
            "checked": done.checked,
            "removed": done.removed,
            "self_preservation": removal == Removal::Suspended,
        }),
    ))
}

async fn check_due(database: &Db, removal: Removal) -> Result<Done, Problem> {
    let mut done = Done::default();
    let mut asked = FuturesUnordered::new();
    let end_ms = guest::now_ms() + CLAIM_MS;
    let mut more = true;
    loop {
        let now_ms = guest::now_ms();
        more &= now_ms < end_ms;
        if more && asked.len() <= AT_ONCE / 2 {
            let free = AT_ONCE - asked.len();
            let until_ms = now_ms + HOLD_MS;
            let due = servers::claim_due(database, due_at(now_ms), until_ms, free as i64)
                .await
                .map_err(store_failed)?;
            more = due.len() == free;
            asked.extend(due.into_iter().map(|server| async {
                let found = ask(&server.url, server.token.as_deref()).await;
                (server, found)
            }));
        }
        let Some((server, found)) = asked.next().await else {
            return Ok(done);
        };
        done.checked += 1;
        settle(database, &server, &found, removal, &mut done).await?;
    }
}

/// Writes what one check found.
async fn settle(
    database: &Db,
    server: &ServerRow,
    found: &Found,
    removal: Removal,
    done: &mut Done,
) -> Result<(), Problem> {
    let now_ms = guest::now_ms();
    let before = health_of(server);
    let outcome = found.outcome();
    match judge(before, Check::Routine, outcome, removal, now_ms, jitter()) {
        Verdict::Keep(health) => {
            let row = with_health(server, health, found, now_ms);
            let written = servers::record_check(database, &row, server.changed_at_ms)
                .await
                .map_err(store_failed)?;
            done.risen |= written
                && before.state != ServerState::Online
                && health.state == ServerState::Online;
        }
        Verdict::Remove => {
            let gone = servers::delete_gone(database, &server.id, server.changed_at_ms).await;
            done.removed += usize::from(gone.map_err(store_failed)?);
        }
    }
    Ok(())
}
