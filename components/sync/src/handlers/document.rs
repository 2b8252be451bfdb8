//! `GET /api/projects/{id}/document`: the document as JSON, for everyone who may read the project.

use guest::{Answer, Call, access};
use http::StatusCode;
use identity::Action;

use crate::outside::Outside;
use crate::rooms_failed;
use crate::state::{Lent, warm};

/// Show a project's document
///
/// The canvas as JSON: `nodes`, `edges`, `tasks`. It is edited through its room.
#[utoipa::path(get, path = "/api/projects/{id}/document", operation_id = "getDocument", tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The document as it is now", body = Object)))]
pub async fn document(call: Call) -> Answer {
    let id = call.param("id");
    let missing = || access::unknown(format!("project {id}"));
    let outside = Outside::default();
    let database = Lent::take().await?;
    let head = store::rooms::head(&*database, id)
        .await
        .map_err(|error| rooms_failed(error.into()))?
        .ok_or_else(missing)?;
    let (claims, action) = (call.claims()?, Action::ReadProject);
    let what = || format!("project {id}");
    access::in_project(&*database, claims, action, id, &head.tenant, what).await?;
    let document = rooms::document_json(&*database, &warm(), &outside, &head.room)
        .await
        .map_err(rooms_failed)?
        .ok_or_else(missing)?;
    database.give_back();
    Ok(guest::json(StatusCode::OK, &document))
}
