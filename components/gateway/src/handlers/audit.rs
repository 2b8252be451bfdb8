//! The audit log, for admins (GW11).

use guest::{Answer, Call, Db, Page, access};
use http::StatusCode;
use identity::Action;
use problem::{Problem, Slug};
use serde::Serialize;
use store::audit;
use utoipa::ToSchema;

use crate::store_failed;

#[derive(Serialize, ToSchema)]
struct AuditEntry {
    seq: i64,
    sub: String,
    role: String,
    /// The request's method.
    action: String,
    /// The request's path, or where what it created is.
    object: String,
    project: Option<String>,
    status: i64,
    request_id: Option<String>,
    at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct AuditList {
    entries: Vec<AuditEntry>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// List what was changed, and what was refused, in the tenant, the newest first
#[utoipa::path(get, path = "/api/audit", operation_id = "listAudit", tag = "tenants",
    params(
        ("sub" = Option<String>, Query, description = "Only what this principal did"),
        ("project" = Option<String>, Query, description = "Only what was done in this project"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "The entries", body = AuditList)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    access::in_tenant(claims, Action::ReadAudit)?;
    let page = Page::of(&call)?;
    let before = match &page.cursor {
        Some((_, seq)) => Some(
            seq.parse()
                .map_err(|_| Problem::new(Slug::BadRequest, "cursor: not one of ours"))?,
        ),
        None => None,
    };
    let (sub, project) = (call.query("sub"), call.query("project"));
    let only = audit::Only {
        tenant: &claims.tenant,
        before_seq: before,
        sub: sub.as_deref(),
        project: project.as_deref(),
    };
    let database = Db::open().await.map_err(store_failed)?;
    let rows = audit::list(&database, only, page.limit + 1)
        .await
        .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.at_ms, row.seq.to_string()));
    let entries = rows.into_iter().map(|row| AuditEntry {
        seq: row.seq,
        sub: row.sub,
        role: row.role,
        action: row.action,
        object: row.object,
        project: row.project_id,
        status: row.status,
        request_id: row.request_id,
        at_ms: row.at_ms,
    });
    let list = AuditList {
        entries: entries.collect(),
        next_cursor,
    };
    Ok(guest::json(StatusCode::OK, &list))
}
