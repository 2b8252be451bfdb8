//! Links that log somebody in once: the page `/enter/{code}` with one button, and what the button
//! does. The page alone uses nothing up, for programs that look at links before people do.

use guest::{Answer, Call, Db, Response, store_failed};
use http::{HeaderValue, StatusCode, header};
use problem::{Problem, Slug};
use serde::Deserialize;
use store::{accounts, entry_links};
use utoipa::ToSchema;

use super::presented::Presented;
use super::session::{self, LoggedIn};
use super::{BODY_BYTES, hash, unauthorized};

const PAGE: &str = include_str!("enter.html");

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The last part of the link.
    code: String,
}

/// Enter by a link
///
/// A link works once, for 30 minutes.
#[utoipa::path(post, path = "/api/auth/enter", operation_id = "enter", tag = "accounts",
    request_body = Entry,
    responses(
        (status = 200, description = "Logged in", body = LoggedIn),
        (status = 401, description = "The link was used, or is too old"),
        (status = 403, description = "The request comes from a page of another host")))]
pub async fn enter(call: Call) -> Answer {
    let presented = Presented::of(&call.request).await?;
    let body: Entry = call.json(BODY_BYTES).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let used = entry_links::use_up(&database, &hash(&body.code), guest::now_ms())
        .await
        .map_err(store_failed)?;
    let refused = || unauthorized("the link was used already, or is too old");
    let (account, tenant) = used.ok_or_else(refused)?;
    let account = accounts::find(&database, &account)
        .await
        .map_err(store_failed)?
        .ok_or_else(refused)?;
    session::begin(&database, &account, &tenant, &presented).await
}

/// Show the page of an entry link
#[utoipa::path(get, path = "/enter/{code}", operation_id = "getEntryPage", tag = "accounts",
    params(("code" = String, Path, description = "What the link ends with")),
    responses((status = 200, description = "A page with one button", content_type = "text/html")))]
pub async fn page(_: Call) -> Answer {
    page_with(&hex::encode(guest::random::<16>()))
        .ok_or_else(|| Problem::new(Slug::Internal, "the page could not be made"))
}

/// The page, in which nothing runs but its own script, and which tells no other site of its address.
fn page_with(nonce: &str) -> Option<Response> {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = http::Response::new(guest::full(PAGE.replace("{nonce}", nonce)));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
    ] {
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
    Some(response)
}
