//! `POST /api/projects/{id}/versions`: names the present, or a point of the past.

use guest::{Answer, Call, access};
use http::{StatusCode, header};
use identity::Action;
use problem::{Problem, Slug};
use rooms::history::{self, Named};
use serde::Deserialize;
use store::versions::{Kind, Version};
use utoipa::ToSchema;

use super::{BODY_BYTES, VersionView, checked_name};
use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{encoding, rooms_failed};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewVersion {
    /// 1 to 200 characters.
    name: String,
    /// A point of the document's history: Loro frontiers in base64, such as `at` of a version or of
    /// an entry of the history. The present when it is left out.
    at: Option<String>,
}

/// Name a version of a project's document
#[utoipa::path(post, path = "/api/projects/{id}/versions", operation_id = "createVersion", tag = "history",
    params(("id" = String, Path, description = "The project's id")),
    request_body = NewVersion,
    responses(
        (status = 201, description = "Named", body = VersionView),
        (status = 409, description = "There are as many named versions as there may be"),
        (status = 422, description = "`at` is no point of this document's history")))]
pub async fn create(call: Call) -> Answer {
    let project = call.param("id").to_owned();
    let claims = call.claims()?.clone();
    let database = Lent::take().await?;
    access::project(&*database, &claims, Action::WriteProject, &project).await?;
    let id = call.new_id("v");
    let body: NewVersion = call.json(BODY_BYTES).await?;
    let at = body.at.as_deref().map(encoding::frontiers).transpose()?;
    let version = Version {
        id,
        kind: Kind::Named,
        name: Some(checked_name(&body.name)?),
        frontiers: Vec::new(),
        seq: 0,
        created_by: claims.sub,
        created_at_ms: guest::now_ms(),
    };
    let (outside, warm) = (Outside::default(), warm());
    let named = history::name(&*database, &warm, &outside, &project, version, at.as_ref())
        .await
        .map_err(rooms_failed)?;
    database.give_back();
    let version = match named {
        Named::Made(version) => version,
        Named::NoProject => return Err(access::unknown(format!("project {project}"))),
        Named::Unknown => return Err(encoding::not_in_history("at")),
        Named::TooMany(most) => {
            let detail = format!("the project has {most} named versions; delete one first");
            return Err(Problem::new(Slug::Conflict, detail));
        }
    };
    let location = format!("/api/projects/{project}/versions/{}", version.id);
    let mut response = guest::json(StatusCode::CREATED, &VersionView::from(version));
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
