//! What assets a project has (AS2): list, look at one, take one away.

use guest::{Answer, Call, Db, Page};
use http::StatusCode;
use identity::Action;
use problem::{Problem, Slug};
use serde::Serialize;
use store::assets;
use utoipa::ToSchema;

use crate::view::Asset;
use crate::{no_asset, store_failed};

#[derive(Serialize, ToSchema)]
struct AssetList {
    assets: Vec<Asset>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// The query parameter that says in which project an asset is meant.
pub fn project_of(call: &Call) -> Result<String, Problem> {
    let project = call.query("project").filter(|project| !project.is_empty());
    project
        .map(|project| project.into_owned())
        .ok_or_else(|| Problem::new(Slug::BadRequest, "the query parameter project is missing"))
}

/// List a project's assets, the newest first
#[utoipa::path(get, path = "/api/assets", operation_id = "listAssets", tag = "assets",
    params(
        ("project" = String, Query, description = "The project"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page of assets", body = AssetList)))]
pub async fn list(call: Call) -> Answer {
    let project = project_of(&call)?;
    let page = Page::of(&call)?;
    let database = Db::open().await.map_err(store_failed)?;
    guest::access::project(&database, call.claims()?, Action::ReadProject, &project).await?;
    let rows = assets::list(&database, &project, page.cursor.as_ref(), page.limit + 1)
        .await
        .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.id.clone()));
    let assets = rows.into_iter().map(Asset::from).collect();
    Ok(guest::json(
        StatusCode::OK,
        &AssetList {
            assets,
            next_cursor,
        },
    ))
}

/// Show what is known of an asset
#[utoipa::path(get, path = "/api/assets/{id}", operation_id = "describeAsset", tag = "assets",
    params(
        ("id" = String, Path, description = "The asset's id"),
        ("project" = String, Query, description = "The project that it belongs to")),
    responses((status = 200, description = "The asset", body = Asset)))]
pub async fn get(call: Call) -> Answer {
    let (project, id) = (project_of(&call)?, call.param("id"));
    let database = Db::open().await.map_err(store_failed)?;
    guest::access::project(&database, call.claims()?, Action::ReadProject, &project).await?;
    let asset = assets::find(&database, &project, id)
        .await
        .map_err(store_failed)?
        .ok_or_else(|| no_asset(id))?;
    Ok(guest::json(StatusCode::OK, &Asset::from(asset)))
}

/// Take an asset away from a project
#[utoipa::path(delete, path = "/api/assets/{id}", operation_id = "deleteAsset", tag = "assets",
    params(
        ("id" = String, Path, description = "The asset's id"),
        ("project" = String, Query, description = "The project that it belongs to")),
    responses((status = 204, description = "The project has it no more")))]
pub async fn remove(call: Call) -> Answer {
    let (project, id) = (project_of(&call)?, call.param("id"));
    let database = Db::open().await.map_err(store_failed)?;
    guest::access::project(&database, call.claims()?, Action::WriteProject, &project).await?;
    match assets::delete(&database, &project, id)
        .await
        .map_err(store_failed)?
    {
        true => Ok(guest::empty(StatusCode::NO_CONTENT)),
        false => Err(no_asset(id)),
    }
}
