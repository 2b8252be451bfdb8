//! Which versions there are: list, show, rename, delete.

use guest::{Answer, Call, Page, access};
use http::StatusCode;
use identity::Action;
use serde::{Deserialize, Serialize};
use store::versions;
use utoipa::ToSchema;

use super::{BODY_BYTES, VersionView, checked_name, named, no_version};
use crate::state::Lent;

#[derive(Serialize, ToSchema)]
struct VersionList {
    versions: Vec<VersionView>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VersionChange {
    /// 1 to 200 characters.
    name: String,
}

/// List the versions of a project's document, the newest first
///
/// Automatic ones are made every ten minutes while the document is edited, and before a version is
/// restored. Those of the last hour stay, of the last day one for each hour, then one for each day.
#[utoipa::path(get, path = "/api/projects/{id}/versions", operation_id = "listVersions", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page of versions", body = VersionList)))]
pub async fn list(call: Call) -> Answer {
    let (id, page) = (call.param("id"), Page::of(&call)?);
    let database = Lent::take().await?;
    access::project(&*database, call.claims()?, Action::ReadProject, id).await?;
    let rows = versions::list(&*database, id, page.cursor.as_ref(), page.limit + 1)
        .await
        .map_err(guest::store_failed)?;
    database.give_back();
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.id.clone()));
    let list = VersionList {
        versions: rows.into_iter().map(VersionView::from).collect(),
        next_cursor,
    };
    Ok(guest::json(StatusCode::OK, &list))
}

/// Show a version
#[utoipa::path(get, path = "/api/projects/{id}/versions/{version}", operation_id = "getVersion", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("version" = String, Path, description = "The version's id")),
    responses((status = 200, description = "The version", body = VersionView)))]
pub async fn get(call: Call) -> Answer {
    let database = Lent::take().await?;
    let version = named(&database, &call, Action::ReadProject).await?;
    database.give_back();
    Ok(guest::json(StatusCode::OK, &VersionView::from(version)))
}

/// Name a version
///
/// An automatic version that gets a name stays until it is deleted.
#[utoipa::path(patch, path = "/api/projects/{id}/versions/{version}", operation_id = "renameVersion", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("version" = String, Path, description = "The version's id")),
    request_body = VersionChange,
    responses((status = 200, description = "The version as it is now", body = VersionView)))]
pub async fn rename(call: Call) -> Answer {
    let database = Lent::take().await?;
    let mut version = named(&database, &call, Action::WriteProject).await?;
    let project = call.param("id").to_owned();
    let change: VersionChange = call.json(BODY_BYTES).await?;
    let name = checked_name(&change.name)?;
    if !versions::rename(&*database, &project, &version.id, &name)
        .await
        .map_err(guest::store_failed)?
    {
        return Err(no_version(&version.id));
    }
    database.give_back();
    (version.kind, version.name) = (versions::Kind::Named, Some(name));
    Ok(guest::json(StatusCode::OK, &VersionView::from(version)))
}

/// Delete a version
///
/// The document and its history stay as they are.
#[utoipa::path(delete, path = "/api/projects/{id}/versions/{version}", operation_id = "deleteVersion", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("version" = String, Path, description = "The version's id")),
    responses((status = 204, description = "It is gone")))]
pub async fn delete(call: Call) -> Answer {
    let database = Lent::take().await?;
    let version = named(&database, &call, Action::WriteProject).await?;
    if !versions::delete(&*database, call.param("id"), &version.id)
        .await
        .map_err(guest::store_failed)?
    {
        return Err(no_version(&version.id));
    }
    database.give_back();
    Ok(guest::empty(StatusCode::NO_CONTENT))
}
