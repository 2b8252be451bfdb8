//! `POST /api/servers`: a server registers, or replaces its registration (RG1, RG5).

use fleet::{Check, Removal, Verdict, judge, registered};
use guest::{Answer, Call, Db};
use http::StatusCode;
use identity::Action;
use providers::Allowed;
use store::servers::{self, NewServer, ServerRow};

use crate::check::{Found, ask, health_of, jitter, with_health};
use crate::registration::{Registrant, Registration, wrong};
use crate::{access, dispatch_soon, store_failed, view};

const BODY_BYTES: usize = 64 * 1024;

/// Register a server or an account at a provider, or replace its registration
///
/// An account (`kling`, `gemini`, `openai`) is registered by admins alone; it is ONLINE at once and
/// not checked.
#[utoipa::path(post, path = "/api/servers", operation_id = "registerServer", tag = "servers",
    request_body = Registration,
    responses(
        (status = 201, description = "Registered", body = view::Server),
        (status = 200, description = "The registration of this address and account was replaced", body = view::Server),
        (status = 403, description = "An account, and the caller is no admin"),
        (status = 422, description = "A field makes no sense, or the address is not allowed")))]
pub async fn register(call: Call) -> Answer {
    let claims = call.claims()?;
    access::require_any(claims)?;
    let (claims, id) = (claims.clone(), call.new_id("s"));
    let registration: Registration = call.json(BODY_BYTES).await?;
    let is_account = registration.interface.is_account();
    if is_account {
        guest::access::in_tenant(&claims, Action::ManageServers)?;
    }
    let allowed = Allowed::parse(&guest::variable("allowed_server_hosts").await?);
    let url = registration.check(&allowed)?;

    // Asked before anything is written: an address that the deployment forbids is refused.
    let found = match is_account {
        true => None,
        false => Some(ask(&url, registration.token.as_deref()).await),
    };
    if let Some(Found::Forbidden(sentence)) = &found {
        return Err(wrong(format!("url: {sentence}")));
    }

    let now_ms = guest::now_ms();
    let by = Registrant {
        id,
        tenant: claims.tenant,
        owner: claims.sub,
    };
    let new = registration.into_new(by, url, now_ms);
    let database = Db::open().await.map_err(store_failed)?;
    let row = save(&database, &new, found).await?;
    // It may have forgotten what it was given before.
    store::tasks::hurry_of_server(&database, &row.id, now_ms)
        .await
        .map_err(store_failed)?;
    dispatch_soon();
    let status = if row.id == new.id {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(guest::json(status, &view::view(&row, now_ms)))
}

/// The row after its registration and its first check.
async fn save(
    database: &Db,
    new: &NewServer,
    found: Option<Found>,
) -> Result<ServerRow, problem::Problem> {
    let row = servers::upsert(database, new).await.map_err(store_failed)?;
    let Some(found) = found else { return Ok(row) };
    let health = registered(health_of(&row).state, new.now_ms);
    let verdict = judge(
        health,
        Check::Registration,
        found.outcome(),
        Removal::Suspended,
        new.now_ms,
        jitter(),
    );
    let row = match verdict {
        Verdict::Keep(health) => with_health(&row, health, &found, new.now_ms),
        Verdict::Remove => row,
    };
    servers::record_check(database, &row, new.now_ms)
        .await
        .map_err(store_failed)?;
    Ok(row)
}
