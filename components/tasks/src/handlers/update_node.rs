//! `POST /update-node`: the callback of providers that know only nodes (TK5).

use guest::{Answer, Call};
use problem::{Problem, Slug};
use providers::ANSWER_BYTES;
use serde::Deserialize;

use super::result::take;
use crate::access;
use crate::world::Platform;

/// The state object is read from the same body.
#[derive(Deserialize)]
struct Address {
    project: String,
    node: String,
    task_id: String,
}

/// Report on a task by its node
#[utoipa::path(post, path = "/update-node", operation_id = "updateNode", tag = "providers",
    request_body(content = Object, description = "`project`, `node`, `task_id`, and the state object's fields", content_type = "application/json"),
    responses(
        (status = 204, description = "Taken, or known already"),
        (status = 409, description = "The task is not of this node, or no longer in these hands"),
        (status = 422, description = "The state object makes no sense")))]
pub async fn update_node(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    let body = guest::read_body(call.request, ANSWER_BYTES).await?;
    let address: Address = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Slug::BadRequest, format!("the body: {error}")))?;
    let platform = Platform::open().await?;
    let row = access::own_task(&platform.database, &claims, &address.task_id).await?;
    if row.project_id != address.project || row.node_id.as_deref() != Some(address.node.as_str()) {
        let detail = format!("task {} is not of this node", address.task_id);
        return Err(Problem::new(Slug::Conflict, detail));
    }
    take(&platform, row, None, &body).await
}
