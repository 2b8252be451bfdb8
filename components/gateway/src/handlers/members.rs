//! Members of projects and of the tenant (GW9).

use guest::{Answer, Call, Db, Page, access};
use http::StatusCode;
use identity::{Action, Role};
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use store::members::{self, Circle};
use utoipa::ToSchema;

use super::accounts::log_out::TOKENS_END_S;
use crate::store_failed;

const BODY_BYTES: usize = 4 * 1024;
/// As long as a subject of a token may be.
const SUB_BYTES: usize = 256;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Membership {
    /// admin, editor, viewer or agent; in a tenant also server.
    role: String,
}

#[derive(Serialize, ToSchema)]
struct Member {
    /// An account's id, or the subject of an identity provider's token.
    sub: String,
    role: String,
    created_at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct MemberList {
    members: Vec<Member>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// List the members of a project
#[utoipa::path(get, path = "/api/projects/{id}/members", operation_id = "listProjectMembers", tag = "members",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "Those who came first first", body = MemberList)))]
pub async fn list_of_project(call: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let (claims, id) = (call.claims()?, call.param("id"));
    access::project(&database, claims, Action::ManageMembers, id).await?;
    list(&database, &call, Circle::Project(id)).await
}

/// Add a member to a project, or change the role
#[utoipa::path(put, path = "/api/projects/{id}/members/{sub}", operation_id = "putProjectMember", tag = "members",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("sub" = String, Path, description = "The member")),
    request_body = Membership,
    responses(
        (status = 200, description = "The member", body = Member),
        (status = 422, description = "There is no such role")))]
pub async fn put_in_project(call: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let (claims, id) = (call.claims()?, call.param("id").to_owned());
    access::project(&database, claims, Action::ManageMembers, &id).await?;
    put(&database, call, Circle::Project(&id)).await
}

/// Remove a member from a project
#[utoipa::path(delete, path = "/api/projects/{id}/members/{sub}", operation_id = "deleteProjectMember", tag = "members",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("sub" = String, Path, description = "The member")),
    responses((status = 204, description = "No member any more")))]
pub async fn remove_from_project(call: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let (claims, id) = (call.claims()?, call.param("id"));
    access::project(&database, claims, Action::ManageMembers, id).await?;
    remove(&database, &call, Circle::Project(id)).await
}

/// List the members of the tenant
#[utoipa::path(get, path = "/api/members", operation_id = "listMembers", tag = "members",
    params(
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "Those who came first first", body = MemberList)))]
pub async fn list_of_tenant(call: Call) -> Answer {
    access::in_tenant(call.claims()?, Action::ManageTenant)?;
    let database = Db::open().await.map_err(store_failed)?;
    list(&database, &call, Circle::Tenant(&call.claims()?.tenant)).await
}

/// Add a member to the tenant, or change the role
#[utoipa::path(put, path = "/api/members/{sub}", operation_id = "putMember", tag = "members",
    params(("sub" = String, Path, description = "The member")),
    request_body = Membership,
    responses(
        (status = 200, description = "The member", body = Member),
        (status = 422, description = "There is no such role")))]
pub async fn put_in_tenant(call: Call) -> Answer {
    let claims = call.claims()?;
    access::in_tenant(claims, Action::ManageTenant)?;
    let tenant = claims.tenant.clone();
    let database = Db::open().await.map_err(store_failed)?;
    put(&database, call, Circle::Tenant(&tenant)).await
}

/// Remove a member from the tenant and from all its projects
#[utoipa::path(delete, path = "/api/members/{sub}", operation_id = "deleteMember", tag = "members",
    params(("sub" = String, Path, description = "The member")),
    responses((status = 204, description = "No member any more")))]
pub async fn remove_from_tenant(call: Call) -> Answer {
    let claims = call.claims()?;
    access::in_tenant(claims, Action::ManageTenant)?;
    let database = Db::open().await.map_err(store_failed)?;
    remove(&database, &call, Circle::Tenant(&claims.tenant)).await
}

async fn list(database: &Db, call: &Call, circle: Circle<'_>) -> Answer {
    let page = Page::of(call)?;
    let rows = members::list(database, circle, page.cursor.as_ref(), page.limit + 1)
        .await
        .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.sub.clone()));
    let members = rows.into_iter().map(Member::from).collect();
    let list = MemberList {
        members,
        next_cursor,
    };
    Ok(guest::json(StatusCode::OK, &list))
}

async fn put(database: &Db, call: Call, circle: Circle<'_>) -> Answer {
    let sub = call.param("sub").to_owned();
    let wrong = |what: String| Problem::new(Slug::Unprocessable, what);
    if sub.is_empty() || sub.len() > SUB_BYTES || sub.chars().any(char::is_control) {
        return Err(wrong(format!(
            "sub: 1 to {SUB_BYTES} bytes, no control character"
        )));
    }
    let body: Membership = call.json(BODY_BYTES).await?;
    let is_tenant = matches!(circle, Circle::Tenant(_));
    match body.role.parse() {
        Ok(Role::Admin | Role::Editor | Role::Viewer | Role::Agent) => {}
        Ok(Role::Server) if is_tenant => {}
        _ => {
            return Err(wrong(format!(
                "role: {:?} is no role of members",
                body.role
            )));
        }
    }
    let mut member = members::Member {
        sub,
        role: body.role,
        created_at_ms: guest::now_ms(),
    };
    member.created_at_ms = members::set(database, circle, &member, tokens_end())
        .await
        .map_err(store_failed)?;
    moved(circle);
    Ok(guest::json(StatusCode::OK, &Member::from(member)))
}

async fn remove(database: &Db, call: &Call, circle: Circle<'_>) -> Answer {
    let sub = call.param("sub");
    let removed = members::remove(database, circle, sub, tokens_end())
        .await
        .map_err(store_failed)?;
    moved(circle);
    match removed {
        true => Ok(guest::empty(StatusCode::NO_CONTENT)),
        false => Err(access::unknown(format!("member {sub}"))),
    }
}

/// What was given to whoever loses or changes a role in a tenant is refused: it names the role.
fn tokens_end() -> members::TokensEnd {
    let now_s = guest::now_s();
    members::TokensEnd {
        not_before_s: now_s + 1,
        expires_at_s: now_s + TOKENS_END_S,
    }
}

/// Rooms look at their members, and this instance at the revocations.
fn moved(circle: Circle<'_>) {
    if matches!(circle, Circle::Tenant(_)) {
        guest::forget_revocations();
    }
    guest::edge::rights_moved();
}

impl From<members::Member> for Member {
    fn from(row: members::Member) -> Self {
        Self {
            sub: row.sub,
            role: row.role,
            created_at_ms: row.created_at_ms,
        }
    }
}
