//! `PATCH /api/servers/{id}`: drain a server, use it again, or change how much it gets (RG2, TK10).

use fleet::{Word, told};
use guest::{Answer, Call, Db};
use http::StatusCode;
use problem::{Problem, Slug};
use serde::Deserialize;
use store::servers::{self, Change};
use utoipa::ToSchema;

use crate::check::health_of;
use crate::registration::{RATES, SLOTS, TIERS, within, wrong};
use crate::view::{Server, view};
use crate::{access, dispatch_soon, store_failed};

const BODY_BYTES: usize = 4 * 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ServerChange {
    state: Option<Wanted>,
    /// 1 to 1024. Fewer than are in use: it gets nothing until enough of them are free.
    slots: Option<i64>,
    /// 0 to 9.
    tier: Option<i64>,
    /// 1 to 100000.
    rate_per_min: Option<i64>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Wanted {
    /// It gets work again.
    Online,
    /// It finishes what it has and gets nothing new, until it is ONLINE by the same way.
    Draining,
}

impl Wanted {
    fn word(self) -> Word {
        match self {
            Self::Online => Word::Use,
            Self::Draining => Word::Drain,
        }
    }
}

/// Change a server: drain it, use it again, or change its slots, tier or rate
///
/// What is absent stays. A registration that replaces this one brings its own slots, tier and rate,
/// and leaves a server that drains as it is.
#[utoipa::path(patch, path = "/api/servers/{id}", operation_id = "changeServer", tag = "servers",
    params(("id" = String, Path, description = "The server's id")),
    request_body = ServerChange,
    responses(
        (status = 200, description = "The server as it is now", body = Server),
        (status = 409, description = "It is OFFLINE: an answer or a heartbeat brings it ONLINE, nobody's word"),
        (status = 422, description = "A number is out of its bounds")))]
pub async fn change(call: Call) -> Answer {
    let (claims, id) = (call.claims()?.clone(), call.param("id").to_owned());
    let database = Db::open().await.map_err(store_failed)?;
    let server = access::load(&database, &claims, &id).await?;
    let body: ServerChange = call.json(BODY_BYTES).await?;
    for (name, value, bounds) in [
        ("slots", body.slots, &SLOTS),
        ("tier", body.tier, &TIERS),
        ("rate_per_min", body.rate_per_min, &RATES),
    ] {
        within(name, value, bounds).map_err(wrong)?;
    }
    let state = match body.state {
        Some(wanted) => Some(told(health_of(&server), wanted.word()).ok_or_else(|| {
            conflict(format!(
                "server {id} is OFFLINE; it is ONLINE again when it answers its checks or sends heartbeats"
            ))
        })?),
        None => None,
    };
    let now_ms = guest::now_ms();
    let change = Change {
        state: state.map(|state| (server.state.as_str(), state.as_str())),
        slots: body.slots,
        tier: body.tier,
        rate_per_min: body.rate_per_min,
        now_ms,
    };
    let row = servers::change(&database, &id, &change)
        .await
        .map_err(store_failed)?
        .ok_or_else(|| conflict(format!("server {id} is no longer {}", server.state)))?;
    dispatch_soon();
    Ok(guest::json(StatusCode::OK, &view(&row, now_ms)))
}

fn conflict(what: String) -> Problem {
    Problem::new(Slug::Conflict, what)
}
