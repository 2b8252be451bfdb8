//! `POST /api/auth/password`: a new password for the caller's own account.

use guest::{Answer, Call, Db, store_failed};
use http::StatusCode;
use identity::password::{self, BadPassword};
use problem::{Problem, Slug};
use serde::Deserialize;
use store::{accounts, sessions};
use utoipa::ToSchema;

use super::presented::Presented;
use super::throttle::Try;
use super::{BODY_BYTES, session, unauthorized};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// Left out by an account that has none yet.
    old: Option<String>,
    /// At least 10 characters, at most 1 KiB.
    new: String,
}

/// The hash of a new password.
pub fn hashed(new: &str) -> Result<String, Problem> {
    password::hash(new, &guest::random()).map_err(|error| match error {
        BadPassword::Short | BadPassword::Long => {
            Problem::new(Slug::Unprocessable, error.to_string())
        }
        BadPassword::Failed => Problem::new(Slug::Internal, error.to_string()),
    })
}

/// Change the own password
///
/// Ends all other sessions of the account.
#[utoipa::path(post, path = "/api/auth/password", operation_id = "changePassword", tag = "accounts",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "Changed"),
        (status = 404, description = "The caller has no account here"),
        (status = 422, description = "The new password is too short or too long")))]
pub async fn password(call: Call) -> Answer {
    let presented = Presented::of(&call.request).await?;
    let claims = call.claims()?.clone();
    let body: PasswordChange = call.json(BODY_BYTES).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let account = accounts::find(&database, &claims.sub)
        .await
        .map_err(store_failed)?
        .filter(|account| !account.is_disabled)
        .ok_or_else(|| guest::access::unknown("account of the caller"))?;
    let checked = account.password_hash.as_deref();
    let attempt = Try::take(&database, &presented.client, &account.login).await?;
    let is_right = match checked {
        None => body.old.is_none(),
        Some(_) => password::verify(body.old.as_deref().unwrap_or_default(), checked),
    };
    if !is_right {
        return Err(unauthorized("the old password is wrong"));
    }
    attempt.succeeded(&database).await?;
    let hash = hashed(&body.new)?;
    let is_set = accounts::set_password(&database, &account.id, checked, &hash)
        .await
        .map_err(store_failed)?;
    if !is_set {
        let detail = "the password was changed by somebody else at this moment";
        return Err(Problem::new(Slug::Conflict, detail));
    }
    sessions::end_all(
        &database,
        &account.id,
        claims.sid.as_deref(),
        session::end(),
    )
    .await
    .map_err(store_failed)?;
    guest::forget_revocations();
    guest::edge::rights_moved();
    Ok(guest::empty(StatusCode::NO_CONTENT))
}
