//! `POST /api/tokens/revoke`: tokens that are refused although they are signed.

use guest::{Answer, Call, Db, access, store_failed};
use http::StatusCode;
use identity::Action;
use problem::{Problem, Slug};
use serde::Deserialize;
use store::revocations;
use utoipa::ToSchema;

use super::BODY_BYTES;
use super::log_out::end_everything;

/// Tokens tell nobody how long they live: their revocations are kept longer than anybody should
/// sign one for.
const KEPT_S: i64 = 10 * 365 * 24 * 60 * 60;
/// What a token may name itself and its subject.
const NAME_BYTES: usize = 256;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// The id of one token (its claim `jti`).
    jti: Option<String>,
    /// Whose tokens: all that it was given until now, and its sessions.
    sub: Option<String>,
}

/// Revoke a token, or all of a subject
///
/// One of `jti` and `sub`. Within a second the tokens are refused everywhere. Only tokens of the
/// caller's tenant are.
#[utoipa::path(post, path = "/api/tokens/revoke", operation_id = "revokeTokens", tag = "accounts",
    request_body = Revocation,
    responses((status = 204, description = "Revoked")))]
pub async fn revoke(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    access::in_tenant(&claims, Action::ManageTenant)?;
    let body: Revocation = call.json(BODY_BYTES).await?;
    let named = [body.jti.as_deref(), body.sub.as_deref()];
    let is_name = |name: &&str| !name.is_empty() && name.len() <= NAME_BYTES;
    if named.iter().flatten().count() != 1 || !named.iter().flatten().all(is_name) {
        let detail = format!("give one of jti and sub, of 1 to {NAME_BYTES} bytes");
        return Err(Problem::new(Slug::BadRequest, detail));
    }
    let database = Db::open().await.map_err(store_failed)?;
    let now_s = guest::now_s();
    if let Some(jti) = &body.jti {
        revocations::revoke_id(&database, &claims.tenant, jti, now_s, now_s + KEPT_S)
            .await
            .map_err(store_failed)?;
        guest::forget_revocations();
        guest::edge::rights_moved();
    }
    if let Some(sub) = &body.sub {
        let tenant = &claims.tenant;
        revocations::revoke_principal(&database, tenant, sub, now_s + 1, now_s + KEPT_S)
            .await
            .map_err(store_failed)?;
        end_sessions(&database, tenant, sub).await?;
    }
    Ok(guest::empty(StatusCode::NO_CONTENT))
}

/// Sessions of accounts of this tenant; others are none of its admins' business.
async fn end_sessions(database: &Db, tenant: &str, sub: &str) -> Result<(), Problem> {
    guest::forget_revocations();
    guest::edge::rights_moved();
    let account = store::accounts::find(database, sub)
        .await
        .map_err(store_failed)?;
    match account.filter(|account| account.tenant == tenant) {
        Some(account) => end_everything(database, tenant, &account.id).await,
        None => Ok(()),
    }
}
