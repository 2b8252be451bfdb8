//! Changes of accounts by an admin: name, role, disabling, deleting, and links to enter by.

use guest::{Answer, Call, Db, store_failed};
use http::{HeaderValue, StatusCode, header};
use identity::Claims;
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use store::accounts::{self, Change};
use store::entry_links::{self, NewLink};
use utoipa::ToSchema;

use super::log_out::end_everything;
use super::presented::Presented;
use super::users::{TenantRole, User, checked, managed};
use super::{BODY_BYTES, Secret};

/// How long a link to enter by waits for its use.
const LINK_S: i64 = 30 * 60;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    name: Option<String>,
    role: Option<TenantRole>,
    /// A disabled account logs in no more, and its sessions end.
    is_disabled: Option<bool>,
}

#[derive(Serialize, ToSchema)]
struct EntryLink {
    /// Give it to nobody but the account's owner.
    url: String,
    /// The same without the host.
    path: String,
    expires_at_ms: i64,
}

/// Change an account: its name, its role, whether it may be used
///
/// With `If-Match`, only the version that the caller knows is changed. Nobody disables the own
/// account, or takes the own role away.
#[utoipa::path(patch, path = "/api/users/{id}", operation_id = "changeUser", tag = "accounts",
    params(("id" = String, Path, description = "The account's id")),
    request_body = UserChange,
    responses(
        (status = 200, description = "The account as it is now", body = User),
        (status = 409, description = "It is the caller's own"),
        (status = 412, description = "It is no longer the version of If-Match")))]
pub async fn change(call: Call) -> Answer {
    let (claims, id) = (call.claims()?.clone(), call.param("id").to_owned());
    let database = Db::open().await.map_err(store_failed)?;
    let before = managed(&database, &claims, &id).await?;
    let (role_before, was_disabled) = (before.role.clone(), before.is_disabled);
    guest::require_match(&call, &User::from(before))?;
    let body: UserChange = call.json(BODY_BYTES).await?;
    let name = body
        .name
        .as_deref()
        .map(|name| checked(name, "name", |_| false));
    let name = name.transpose()?;
    let change = Change {
        name: name.as_deref(),
        is_disabled: body.is_disabled,
        role: body.role.map(TenantRole::name),
    };
    let is_new_role = change
        .role
        .is_some_and(|role| role_before.as_deref() != Some(role));
    let is_disabled_now = change.is_disabled.is_some_and(|is| is && !was_disabled);
    if is_new_role || is_disabled_now {
        not_oneself(&claims, &id)?;
    }
    let now_ms = guest::now_ms();
    if !accounts::change(&database, &claims.tenant, &id, change, now_ms)
        .await
        .map_err(store_failed)?
    {
        return Err(guest::access::unknown(format!("user {id}")));
    }
    // Tokens that say otherwise are good no more.
    if is_new_role || is_disabled_now {
        end_everything(&database, &claims.tenant, &id).await?;
    }
    let user = managed(&database, &claims, &id).await?;
    Ok(guest::json(StatusCode::OK, &User::from(user)))
}

/// Delete an account
///
/// What it made stays. Its sessions end, and its memberships.
#[utoipa::path(delete, path = "/api/users/{id}", operation_id = "deleteUser", tag = "accounts",
    params(("id" = String, Path, description = "The account's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "It is the caller's own")))]
pub async fn delete(call: Call) -> Answer {
    let (claims, id) = (call.claims()?, call.param("id"));
    let database = Db::open().await.map_err(store_failed)?;
    managed(&database, claims, id).await?;
    not_oneself(claims, id)?;
    end_everything(&database, &claims.tenant, id).await?;
    if !accounts::delete(&database, &claims.tenant, id)
        .await
        .map_err(store_failed)?
    {
        return Err(guest::access::unknown(format!("user {id}")));
    }
    guest::edge::rights_moved();
    Ok(guest::empty(StatusCode::NO_CONTENT))
}

/// Make a link that lets the account's owner in once
///
/// It works for 30 minutes. Whoever has it is let in.
#[utoipa::path(post, path = "/api/users/{id}/entry-link", operation_id = "createEntryLink",
    tag = "accounts",
    params(("id" = String, Path, description = "The account's id")),
    responses(
        (status = 201, description = "The link", body = EntryLink),
        (status = 409, description = "The account is disabled")))]
pub async fn entry_link(call: Call) -> Answer {
    let presented = Presented::of(&call.request).await?;
    let (claims, id) = (call.claims()?, call.param("id"));
    let database = Db::open().await.map_err(store_failed)?;
    let account = managed(&database, claims, id).await?;
    if account.is_disabled {
        let detail = format!("user {id} is disabled");
        return Err(Problem::new(Slug::Conflict, detail));
    }
    let (code, now_ms) = (Secret::new(), guest::now_ms());
    let link = NewLink {
        secret_hash: &code.hash,
        account_id: &account.id,
        tenant: &account.tenant,
        created_at_ms: now_ms,
        expires_at_ms: now_ms + LINK_S * 1000,
    };
    entry_links::insert(&database, &link)
        .await
        .map_err(store_failed)?;
    let path = format!("/enter/{}", code.text);
    let made = EntryLink {
        url: presented.url(&path),
        path,
        expires_at_ms: link.expires_at_ms,
    };
    let mut response = guest::json(StatusCode::CREATED, &made);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}

/// So that a tenant is not left without anybody by a slip.
fn not_oneself(claims: &Claims, id: &str) -> Result<(), Problem> {
    match claims.sub == id {
        true => Err(Problem::new(
            Slug::Conflict,
            "this is your own account: ask another admin",
        )),
        false => Ok(()),
    }
}
