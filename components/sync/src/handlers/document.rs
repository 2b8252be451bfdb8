//! `GET /api/projects/{id}/document`: the document as JSON, for everyone who may read the project.

use guest::{Request, Response};
use http::StatusCode;
use identity::{Action, may};
use problem::{Problem, Slug};

use crate::outside::Outside;
use crate::rooms_failed;
use crate::state::{Lent, warm};

pub async fn get(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    if !may(&claims, Action::ReadProject) {
        return Err(Problem::new(
            Slug::Forbidden,
            "this role does not read projects",
        ));
    }
    let missing = || Problem::new(Slug::NotFound, format!("there is no project {id}"));
    let outside = Outside::default();
    let database = Lent::take().await?;
    let head = store::rooms::head(&*database, id)
        .await
        .map_err(|error| rooms_failed(error.into()))?
        .filter(|head| claims.may_see(id, &head.tenant))
        .ok_or_else(missing)?;
    let document = rooms::document_json(&*database, &warm(), &outside, &head.room)
        .await
        .map_err(rooms_failed)?
        .ok_or_else(missing)?;
    database.give_back();
    Ok(guest::json(StatusCode::OK, &document))
}
