//! `POST /api/auth/login`: who knows the password gets a session.

use guest::{Answer, Call, Db, store_failed};
use serde::Deserialize;
use store::accounts;
use utoipa::ToSchema;

use super::presented::Presented;
use super::session::{self, LoggedIn};
use super::throttle::Try;
use super::{BODY_BYTES, unauthorized};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    /// In upper or lower case.
    login: String,
    password: String,
    /// One of the tenants of which the account is a member, instead of its own.
    tenant: Option<String>,
}

/// Log in
///
/// Gives an access token, and a cookie with which `POST /api/auth/refresh` gives the next one.
/// After 5 wrong passwords for a login, or 20 of a client, within 15 minutes nobody is heard.
#[utoipa::path(post, path = "/api/auth/login", operation_id = "logIn", tag = "accounts",
    request_body = LogIn,
    responses(
        (status = 200, description = "Logged in", body = LoggedIn),
        (status = 401, description = "The login or the password is wrong"),
        (status = 403, description = "The request comes from a page of another host")))]
pub async fn login(call: Call) -> Answer {
    let presented = Presented::of(&call.request).await?;
    let body: LogIn = call.json(BODY_BYTES).await?;
    let login = body.login.trim();
    let database = Db::open().await.map_err(store_failed)?;
    let attempt = Try::take(&database, &presented.client, login).await?;
    let found = accounts::find_by_login(&database, login)
        .await
        .map_err(store_failed)?;
    let account = found.filter(|account| !account.is_disabled);
    let hash = account
        .as_ref()
        .and_then(|one| one.password_hash.as_deref());
    // Takes as long for a login that nobody has.
    let is_right = identity::password::verify(&body.password, hash);
    let account = account
        .filter(|_| is_right)
        .ok_or_else(|| unauthorized("the login or the password is wrong"))?;
    attempt.succeeded(&database).await?;
    let tenant = body.tenant.as_deref().unwrap_or(&account.tenant);
    session::begin(&database, &account, tenant, &presented).await
}
