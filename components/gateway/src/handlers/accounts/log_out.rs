//! `POST /api/auth/logout` and `POST /api/auth/logout-everywhere`: sessions end, and with them the
//! access tokens that were made for them.

use guest::{Answer, Call, Db, store_failed};
use store::{revocations, sessions};

use super::hash;
use super::presented::Presented;
use super::session;

/// As long as tokens of `clash token` may live, and a little longer.
pub const TOKENS_END_S: i64 = 400 * 24 * 60 * 60;

/// Log out
///
/// Ends the session of the cookie, or that of the access token. There may be none.
#[utoipa::path(post, path = "/api/auth/logout", operation_id = "logOut", tag = "accounts",
    responses(
        (status = 204, description = "The session is over"),
        (status = 403, description = "The request comes from a page of another host")))]
pub async fn logout(call: Call) -> Answer {
    let presented = Presented::of(&call.request).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let mut ending = Vec::new();
    if let Some(token) = &presented.refresh_token {
        let session = sessions::find_by_token(&database, &hash(token))
            .await
            .map_err(store_failed)?;
        ending.extend(session.map(|session| session.id));
    }
    // Who logs out with a token that is not good (any more) has nothing to end by it.
    if let Ok(claims) = guest::authenticate(call.request.headers()).await {
        ending.extend(claims.sid);
    }
    for session in ending {
        sessions::end(&database, &session, session::end())
            .await
            .map_err(store_failed)?;
    }
    guest::forget_revocations();
    guest::edge::rights_moved();
    session::gone(&presented)
}

/// Log out everywhere
///
/// Ends all sessions of the caller, and every token that it was given until now.
#[utoipa::path(post, path = "/api/auth/logout-everywhere", operation_id = "logOutEverywhere",
    tag = "accounts",
    responses((status = 204, description = "All sessions are over")))]
pub async fn logout_everywhere(call: Call) -> Answer {
    let presented = Presented::of(&call.request).await?;
    let claims = call.claims()?;
    let database = Db::open().await.map_err(store_failed)?;
    end_everything(&database, &claims.tenant, &claims.sub).await?;
    session::gone(&presented)
}

/// Ends the sessions of an account (if it is one) and what its subject was given so far.
pub async fn end_everything(
    database: &Db,
    tenant: &str,
    sub: &str,
) -> Result<(), problem::Problem> {
    // First what was signed, then what could get more of it.
    let now_s = guest::now_s();
    revocations::revoke_principal(database, tenant, sub, now_s + 1, now_s + TOKENS_END_S)
        .await
        .map_err(store_failed)?;
    sessions::end_all(database, sub, None, session::end())
        .await
        .map_err(store_failed)?;
    guest::forget_revocations();
    guest::edge::rights_moved();
    Ok(())
}
