//! `POST /api/projects/{id}/versions/{version}/restore`: the document becomes what it was, by
//! ordinary operations of the caller.

use guest::{Answer, Call, access};
use http::StatusCode;
use identity::Action;
use rooms::history;
use serde::Serialize;
use utoipa::ToSchema;

use super::named;
use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{after, encoding, rooms_failed};

#[derive(Serialize, ToSchema)]
struct RestoredVersion {
    /// How many nodes were changed, marked deleted or brought back.
    nodes: usize,
    edges: usize,
    /// The automatic version of right before; null when nothing differed.
    before: Option<String>,
}

/// Restore a version of a project's document
///
/// Nodes and edges become what they were: fields change back, what was not there is marked deleted,
/// what was deleted comes back. Work that was under way then is not taken up again, and tasks stay
/// as they are. Everybody in the room sees it at once, and it merges with what they do meanwhile.
#[utoipa::path(post, path = "/api/projects/{id}/versions/{version}/restore", operation_id = "restoreVersion", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("version" = String, Path, description = "The version's id")),
    responses((status = 200, description = "What was changed; nothing when nothing differed", body = RestoredVersion)))]
pub async fn restore(call: Call) -> Answer {
    let database = Lent::take().await?;
    let version = named(&database, &call, Action::WriteProject).await?;
    let (project, sub) = (call.param("id"), &call.claims()?.sub);
    let to = encoding::stored_frontiers(&version.frontiers)?;
    let (outside, warm) = (Outside::default(), warm());
    let restored = history::restore(&*database, &warm, &outside, project, &to, sub)
        .await
        .map_err(rooms_failed)?
        .ok_or_else(|| access::unknown(format!("project {project}")))?;
    database.give_back();
    if restored.before.is_some() {
        after::changed(project.to_owned(), restored.head_seq);
    }
    let body = RestoredVersion {
        nodes: restored.counts.nodes,
        edges: restored.counts.edges,
        before: restored.before,
    };
    Ok(guest::json(StatusCode::OK, &body))
}
