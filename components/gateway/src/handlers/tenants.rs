//! Tenants, which the operator's admins make (GW9).

use guest::{Answer, Call, Db, Page, access};
use http::StatusCode;
use identity::{Action, Object};
use problem::{Problem, Slug};
use protocol::ProjectId;
use serde::{Deserialize, Serialize};
use store::tenants;
use utoipa::ToSchema;

use super::projects::checked_name;
use crate::store_failed;

const BODY_BYTES: usize = 4 * 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    /// As a project's id: 1 to 128 of a-z, 0-9, `-` and `_`.
    #[schema(value_type = String)]
    id: ProjectId,
    /// 1 to 200 characters.
    name: String,
}

#[derive(Serialize, ToSchema)]
struct Tenant {
    id: String,
    name: String,
    created_at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct TenantList {
    tenants: Vec<Tenant>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Create a tenant
#[utoipa::path(post, path = "/api/tenants", operation_id = "createTenant", tag = "tenants",
    request_body = NewTenant,
    responses(
        (status = 201, description = "Created", body = Tenant),
        (status = 409, description = "The id is taken")))]
pub async fn create(call: Call) -> Answer {
    let claims = call.claims()?;
    access::allow(claims, Action::ManageTenants, Object::Deployment, || {
        "deployment".into()
    })?;
    let body: NewTenant = call.json(BODY_BYTES).await?;
    let tenant = tenants::Tenant {
        id: body.id.as_str().to_owned(),
        name: checked_name(body.name)?,
        created_at_ms: guest::now_ms(),
    };
    let database = Db::open().await.map_err(store_failed)?;
    match tenants::insert(&database, &tenant)
        .await
        .map_err(store_failed)?
    {
        true => Ok(guest::json(StatusCode::CREATED, &Tenant::from(tenant))),
        false => Err(Problem::new(
            Slug::Conflict,
            format!("the tenant id {} is taken", tenant.id),
        )),
    }
}

/// List tenants, the oldest first
#[utoipa::path(get, path = "/api/tenants", operation_id = "listTenants", tag = "tenants",
    params(
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "The tenants", body = TenantList)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    access::allow(claims, Action::ManageTenants, Object::Deployment, || {
        "deployment".into()
    })?;
    let page = Page::of(&call)?;
    let database = Db::open().await.map_err(store_failed)?;
    let rows = tenants::list(&database, page.cursor.as_ref(), page.limit + 1)
        .await
        .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.id.clone()));
    let list = TenantList {
        tenants: rows.into_iter().map(Tenant::from).collect(),
        next_cursor,
    };
    Ok(guest::json(StatusCode::OK, &list))
}

impl From<tenants::Tenant> for Tenant {
    fn from(row: tenants::Tenant) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at_ms: row.created_at_ms,
        }
    }
}
