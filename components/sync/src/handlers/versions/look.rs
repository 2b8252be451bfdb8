//! What the document was, and what differs.

use std::collections::BTreeMap;

use guest::{Answer, Call};
use http::StatusCode;
use identity::Action;
use loro::Frontiers;
use problem::Problem;
use rooms::history::{self, Past};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

use super::{find, named};
use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{encoding, rooms_failed};

/// What differs between two points; deleted nodes and edges count as not there.
#[derive(Serialize, ToSchema)]
#[allow(
    dead_code,
    reason = "it describes what rooms::history::Difference writes"
)]
struct Differences {
    added: Vec<Differing>,
    removed: Vec<Differing>,
    changed: Vec<Differing>,
}

/// Either `node` or `edge` says which one it is.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what rooms::history::Item writes")]
struct Differing {
    node: Option<String>,
    edge: Option<String>,
    /// The fields that differ.
    fields: BTreeMap<String, FieldChange>,
}

/// A field at both points; absent where there was none.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what rooms::history::Field writes")]
struct FieldChange {
    #[schema(schema_with = any_value)]
    before: Option<Value>,
    #[schema(schema_with = any_value)]
    after: Option<Value>,
}

/// Whatever JSON has. (The schema that says nothing says the same, but utoipa cannot read it back.)
fn any_value() -> Schema {
    let types = [
        Type::Object,
        Type::Array,
        Type::String,
        Type::Number,
        Type::Boolean,
        Type::Null,
    ];
    let of_any_type = ObjectBuilder::new().schema_type(SchemaType::Array(types.to_vec()));
    Schema::Object(of_any_type.build())
}

/// Show a project's document as it was at a version
#[utoipa::path(get, path = "/api/projects/{id}/versions/{version}/document", operation_id = "getVersionDocument", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("version" = String, Path, description = "The version's id")),
    responses((status = 200, description = "`nodes`, `edges` and `tasks` as they were", body = Object)))]
pub async fn document(call: Call) -> Answer {
    let database = Lent::take().await?;
    let version = named(&database, &call, Action::ReadProject).await?;
    let past = past(&database, &call).await?;
    database.give_back();
    let frontiers = encoding::stored_frontiers(&version.frontiers)?;
    let document = at(&past, &frontiers)?;
    Ok(guest::json(StatusCode::OK, &document))
}

/// Compare a version with another one, or with the present
#[utoipa::path(get, path = "/api/projects/{id}/versions/{version}/diff", operation_id = "diffVersions", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("version" = String, Path, description = "The version's id"),
        ("to" = Option<String>, Query, description = "The id of another version, or `current`, which it is when it is left out")),
    responses((status = 200, description = "What was added, removed and changed from this version to the other", body = Differences)))]
pub async fn diff(call: Call) -> Answer {
    let database = Lent::take().await?;
    let version = named(&database, &call, Action::ReadProject).await?;
    let from = encoding::stored_frontiers(&version.frontiers)?;
    let to = match call.query("to").as_deref() {
        None | Some("current") => None,
        Some(id) => {
            let other = find(&database, call.param("id"), id).await?;
            Some(encoding::stored_frontiers(&other.frontiers)?)
        }
    };
    let past = past(&database, &call).await?;
    database.give_back();
    let before = at(&past, &from)?;
    let after = at(&past, to.as_ref().unwrap_or(past.latest()))?;
    let difference = history::difference(&before, &after);
    Ok(guest::json(StatusCode::OK, &difference))
}

async fn past(database: &Lent, call: &Call) -> Result<Past, Problem> {
    let project = call.param("id");
    history::past(&**database, &warm(), &Outside::default(), project)
        .await
        .map_err(rooms_failed)?
        .ok_or_else(|| guest::access::unknown(format!("project {project}")))
}

fn at(past: &Past, frontiers: &Frontiers) -> Result<Value, Problem> {
    past.json_at(frontiers)
        .map_err(rooms_failed)?
        .ok_or_else(|| encoding::not_in_history("the version"))
}
