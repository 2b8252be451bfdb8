//! `GET /api/auth/me`: who the caller is.

use guest::{Answer, Call, Db, store_failed};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::accounts;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Me {
    sub: String,
    role: String,
    tenant: String,
    /// The projects that the token opens; null for those of the tenant, or those of which the
    /// caller is a member.
    projects: Option<Vec<String>>,
    /// Whether memberships say what the token opens.
    member: bool,
    /// When the token ends, in seconds since 1970.
    expires_at_s: i64,
    /// Null for callers that have no account here.
    account: Option<Account>,
}

#[derive(Serialize, ToSchema)]
struct Account {
    login: String,
    name: String,
    has_password: bool,
}

/// Say who I am
#[utoipa::path(get, path = "/api/auth/me", operation_id = "getMe", tag = "accounts",
    responses((status = 200, description = "The caller", body = Me)))]
pub async fn me(call: Call) -> Answer {
    let claims = call.claims()?;
    let database = Db::open().await.map_err(store_failed)?;
    let account = accounts::find(&database, &claims.sub)
        .await
        .map_err(store_failed)?;
    let me = Me {
        sub: claims.sub.clone(),
        role: claims.role.name().to_owned(),
        tenant: claims.tenant.clone(),
        projects: claims.projects.clone(),
        member: claims.member,
        expires_at_s: claims.exp,
        account: account.map(|account| Account {
            login: account.login,
            name: account.name,
            has_password: account.password_hash.is_some(),
        }),
    };
    let mut response = guest::json(StatusCode::OK, &me);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}
