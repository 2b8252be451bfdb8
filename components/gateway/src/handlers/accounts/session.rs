//! What logging in gives: an access token for a quarter of an hour, and a cookie that gets the next.

use guest::{Answer, Db, Response, store_failed};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use identity::{Claims, LEEWAY_S, Role, browser};
use problem::{Problem, Slug};
use serde::Serialize;
use store::accounts::AccountRow;
use store::members::{self, Circle};
use store::revocations;
use store::sessions::{self, End, NewSession};
use utoipa::ToSchema;

use super::presented::Presented;
use super::{Secret, unauthorized};

/// How long an access token lives: what was revoked by no other means ends after that.
pub const ACCESS_S: i64 = 15 * 60;
/// How long a session lives that is not used.
pub const SESSION_S: i64 = 30 * 24 * 60 * 60;

#[derive(Serialize, ToSchema)]
pub struct LoggedIn {
    /// For `Authorization: Bearer …`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends; `POST /api/auth/refresh` gives the next one.
    expires_in: i64,
    user: LoggedInUser,
}

#[derive(Serialize, ToSchema)]
struct LoggedInUser {
    id: String,
    login: String,
    name: String,
    role: String,
    tenant: String,
}

/// When what this moment ends is forgotten: access tokens live no longer.
pub fn end() -> End {
    let now_ms = guest::now_ms();
    End {
        now_ms,
        tokens_end_at_s: now_ms / 1000 + ACCESS_S + 2 * LEEWAY_S,
    }
}

/// Begins a session of an account that has shown who it is.
pub async fn begin(
    database: &Db,
    account: &AccountRow,
    tenant: &str,
    presented: &Presented,
) -> Answer {
    let role = role(database, account, tenant).await?;
    let (id, token, now_ms) = (guest::new_id("ses"), Secret::new(), guest::now_ms());
    let session = NewSession {
        id: &id,
        account_id: &account.id,
        tenant,
        token_hash: &token.hash,
        now_ms,
        expires_at_ms: now_ms + SESSION_S * 1000,
    };
    sessions::begin_session(database, &session)
        .await
        .map_err(store_failed)?;
    answer(database, account, role, tenant, &id, &token, presented).await
}

/// The account's role in a tenant; whoever is no member (any more) is not let in.
pub async fn role(database: &Db, account: &AccountRow, tenant: &str) -> Result<Role, Problem> {
    let role = members::role(database, Circle::Tenant(tenant), &account.id)
        .await
        .map_err(store_failed)?;
    role.and_then(|role| role.parse().ok())
        .filter(|_| !account.is_disabled)
        .ok_or_else(|| unauthorized("this account is not in use"))
}

/// The answer with both tokens.
pub async fn answer(
    database: &Db,
    account: &AccountRow,
    role: Role,
    tenant: &str,
    session: &str,
    refresh: &Secret,
    presented: &Presented,
) -> Answer {
    let revoked_before_s = revocations::not_before_s(database, tenant, &account.id)
        .await
        .map_err(store_failed)?;
    // A moment after everything was revoked, a new token must not look like an old one.
    let now_s = guest::now_s();
    let iat_s = revoked_before_s
        .filter(|first_s| *first_s <= now_s + 1)
        .map_or(now_s, |first_s| first_s.max(now_s));
    let claims = Claims {
        tenant: tenant.to_owned(),
        member: true,
        jti: Some(guest::new_id("jti")),
        sid: Some(session.to_owned()),
        ..Claims::access(&account.id, role, iat_s, ACCESS_S)
    };
    let access_token = guest::keys().await?.sign(&claims).map_err(|error| {
        guest::log_error("access token", &error);
        Problem::new(Slug::Internal, "no access token could be made")
    })?;
    let logged_in = LoggedIn {
        access_token,
        token_type: "Bearer",
        expires_in: ACCESS_S,
        user: LoggedInUser {
            id: account.id.clone(),
            login: account.login.clone(),
            name: account.name.clone(),
            role: role.name().to_owned(),
            tenant: tenant.to_owned(),
        },
    };
    let mut response = guest::json(StatusCode::OK, &logged_in);
    let is_https = presented.is_https;
    let refresh = browser::set_cookie(&refresh.text, is_https, SESSION_S);
    with_cookie(response.headers_mut(), &refresh)?;
    let access = browser::set_access_cookie(&logged_in.access_token, is_https, ACCESS_S);
    with_cookie(response.headers_mut(), &access)?;
    Ok(response)
}

/// Nothing between keeps an answer that has to do with a cookie.
fn with_cookie(headers: &mut HeaderMap, cookie: &str) -> Result<(), Problem> {
    let mut value = HeaderValue::from_str(cookie)
        .map_err(|_| Problem::new(Slug::Internal, "no cookie could be made"))?;
    value.set_sensitive(true);
    headers.append(header::SET_COOKIE, value);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(())
}

/// 204, and the cookie is gone.
pub fn gone(presented: &Presented) -> Result<Response, Problem> {
    let mut response = guest::empty(StatusCode::NO_CONTENT);
    for cookie in [
        browser::clear_cookie(presented.is_https),
        browser::clear_access_cookie(presented.is_https),
    ] {
        with_cookie(response.headers_mut(), &cookie)?;
    }
    Ok(response)
}
