//! `POST /api/auth/refresh`: the next access token of a session, for its cookie.

use guest::{Answer, Call, Db, store_failed};
use identity::browser;
use problem::Problem;
use store::{accounts, sessions};

use super::presented::Presented;
use super::session::{self, LoggedIn, SESSION_S};
use super::{Secret, hash, unauthorized};

/// Go on with a session
///
/// Takes the cookie that logging in has set, and replaces it. A cookie that comes back after it was
/// replaced ends the session, for somebody has a copy of it; only within 10 s it is taken for an
/// answer that was lost.
#[utoipa::path(post, path = "/api/auth/refresh", operation_id = "refreshSession", tag = "accounts",
    responses(
        (status = 200, description = "The session goes on", body = LoggedIn),
        (status = 401, description = "There is no session (any more): log in"),
        (status = 403, description = "The request comes from a page of another host")))]
pub async fn refresh(call: Call) -> Answer {
    let presented = Presented::of(&call.request).await?;
    let token = presented
        .refresh_token
        .as_deref()
        .ok_or_else(|| unauthorized("there is no session: log in"))?;
    let over = || over(&presented);
    let (next, end) = (Secret::new(), session::end());
    let database = Db::open().await.map_err(store_failed)?;
    let until_ms = end.now_ms + SESSION_S * 1000;
    let refreshed = sessions::refresh(&database, &hash(token), &next.hash, until_ms, end)
        .await
        .map_err(store_failed)?;
    // What has ended just now must be refused by this instance at once.
    guest::forget_revocations();
    let session = refreshed.ok_or_else(over)?;
    let account = accounts::find(&database, &session.account_id)
        .await
        .map_err(store_failed)?
        .ok_or_else(over)?;
    let Ok(role) = session::role(&database, &account, &session.tenant).await else {
        sessions::end(&database, &session.id, end)
            .await
            .map_err(store_failed)?;
        return Err(over());
    };
    let (tenant, id) = (&session.tenant, &session.id);
    session::answer(&database, &account, role, tenant, id, &next, &presented).await
}

fn over(presented: &Presented) -> Problem {
    unauthorized("the session is over: log in")
        .with_header("set-cookie", browser::clear_cookie(presented.is_https))
}
