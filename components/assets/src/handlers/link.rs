//! `POST /api/assets/{id}/link`: a link that opens one asset without a token, for a while (AS2).

use guest::{Answer, Call, Db};
use http::StatusCode;
use identity::{Action, asset_link};
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use store::assets;
use utoipa::ToSchema;

use super::catalogue::project_of;
use crate::{no_asset, store_failed};

const BODY_BYTES: usize = 1024;
/// A link cannot be called back, so a week is the most.
const TTL_S: std::ops::RangeInclusive<i64> = 1..=7 * 24 * 3600;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkRequest {
    /// Seconds until it expires: 1 to 604,800.
    ttl_s: i64,
}

#[derive(Serialize, ToSchema)]
struct Link {
    url: String,
    expires_at_ms: i64,
}

/// Make a link that opens an asset without a token
#[utoipa::path(post, path = "/api/assets/{id}/link", operation_id = "linkAsset", tag = "assets",
    params(
        ("id" = String, Path, description = "The asset's id"),
        ("project" = String, Query, description = "The project that it belongs to")),
    request_body = LinkRequest,
    responses((status = 200, description = "The link", body = Link)))]
pub async fn link(call: Call) -> Answer {
    let project = project_of(&call)?;
    let (claims, id) = (call.claims()?.clone(), call.param("id").to_owned());
    let request: LinkRequest = call.json(BODY_BYTES).await?;
    if !TTL_S.contains(&request.ttl_s) {
        let detail = format!("ttl_s: {} to {}", TTL_S.start(), TTL_S.end());
        return Err(Problem::new(Slug::BadRequest, detail));
    }
    let database = Db::open().await.map_err(store_failed)?;
    guest::access::project(&database, &claims, Action::ReadProject, &project).await?;
    assets::find(&database, &project, &id)
        .await
        .map_err(store_failed)?
        .ok_or_else(|| no_asset(&id))?;
    let expires_at_s = guest::now_s() + request.ttl_s;
    let query = asset_link::query(&guest::secret().await?, &project, &id, expires_at_s);
    let link = Link {
        url: format!("/assets/{id}?{query}"),
        expires_at_ms: expires_at_s * 1000,
    };
    Ok(guest::json(StatusCode::OK, &link))
}
