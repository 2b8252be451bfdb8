//! `POST /api/servers`: a server registers, or replaces its registration (RG1, RG5).

use dispatch::Kind;
use fleet::{Check, Removal, Verdict, judge, registered};
use guest::{Answer, Call, Db};
use http::StatusCode;
use problem::{Problem, Slug};
use providers::Allowed;
use serde::Deserialize;
use store::servers::{self, NewServer};
use utoipa::ToSchema;

use crate::check::{Found, ask, health_of, jitter, with_health};
use crate::{access, dispatch_soon, store_failed, view};

const BODY_BYTES: usize = 64 * 1024;
const NAME_BYTES: usize = 100;
const TOKEN_BYTES: usize = 8 * 1024;
/// As the table's own check.
const SLOTS: std::ops::RangeInclusive<i64> = 1..=1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    name: String,
    /// Where it speaks the uniform provider interface.
    url: String,
    kinds: Vec<String>,
    /// Tasks that it takes at once, 1 to 1024.
    #[serde(default = "default_slots")]
    slots: i64,
    /// What the platform presents to it; never shown again.
    token: Option<String>,
}

fn default_slots() -> i64 {
    4
}

/// Register a server, or replace its registration
#[utoipa::path(post, path = "/api/servers", operation_id = "registerServer", tag = "servers",
    request_body = Registration,
    responses(
        (status = 201, description = "Registered", body = view::Server),
        (status = 200, description = "The registration of this address was replaced", body = view::Server),
        (status = 422, description = "A field makes no sense, or the address is not allowed")))]
pub async fn register(call: Call) -> Answer {
    let claims = call.claims()?;
    access::require_any(claims)?;
    let (claims, id) = (claims.clone(), call.new_id("s"));
    let registration: Registration = call.json(BODY_BYTES).await?;
    let allowed = Allowed::parse(&guest::variable("allowed_server_hosts").await?);
    let url = check(&registration, &allowed)?;

    // Asked before anything is written: an address that the deployment forbids is refused.
    let found = ask(&url, registration.token.as_deref()).await;
    if let Found::Forbidden(sentence) = &found {
        return Err(Problem::new(
            Slug::Unprocessable,
            format!("url: {sentence}"),
        ));
    }

    let now_ms = guest::now_ms();
    let new = NewServer {
        id,
        tenant: claims.tenant,
        owner: claims.sub,
        name: registration.name,
        url,
        kinds: registration.kinds,
        token: registration.token,
        slots: registration.slots,
        now_ms,
        ..NewServer::default()
    };
    let database = Db::open().await.map_err(store_failed)?;
    let row = servers::upsert(&database, &new)
        .await
        .map_err(store_failed)?;
    let health = registered(health_of(&row).state, now_ms);
    let verdict = judge(
        health,
        Check::Registration,
        found.outcome(),
        Removal::Suspended,
        now_ms,
        jitter(),
    );
    let row = match verdict {
        Verdict::Keep(health) => with_health(&row, health, &found, now_ms),
        Verdict::Remove => row,
    };
    servers::record_check(&database, &row, now_ms)
        .await
        .map_err(store_failed)?;
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
    Ok(guest::json(status, &view::view(&row)))
}

/// The canonical url of a registration that makes sense.
fn check(registration: &Registration, allowed: &Allowed) -> Result<String, Problem> {
    let wrong = |what: String| Err(Problem::new(Slug::Unprocessable, what));
    if registration.name.trim().is_empty() || registration.name.len() > NAME_BYTES {
        return wrong(format!("name: 1 to {NAME_BYTES} bytes"));
    }
    if registration.kinds.is_empty() {
        return wrong("kinds: at least one".to_owned());
    }
    if let Some(unknown) = registration
        .kinds
        .iter()
        .find(|kind| Kind::parse(kind).is_none())
    {
        let known = Kind::ALL.map(Kind::as_str).join(", ");
        return wrong(format!("kinds: {unknown:?} is unknown; known are {known}"));
    }
    if !SLOTS.contains(&registration.slots) {
        return wrong(format!("slots: {} to {}", SLOTS.start(), SLOTS.end()));
    }
    let is_sendable = |token: &str| {
        token.len() <= TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if registration
        .token
        .as_deref()
        .is_some_and(|token| token.is_empty() || !is_sendable(token))
    {
        return wrong("token: visible ASCII characters only".to_owned());
    }
    providers::server_url(&registration.url, allowed)
        .map_err(|error| Problem::new(Slug::Unprocessable, format!("url: {error}")))
}
