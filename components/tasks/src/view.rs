//! A task as the API shows it: the state object of the uniform interface, and what else a client
//! wants to know (TK4).

use dispatch::{Failure, StateName};
use pipeline::World;
use providers::Product;
use serde::Serialize;
use store::tasks::TaskRow;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Task {
    task_id: String,
    /// WAITING, PROCESSING, FINISHED, FAILED or CANCELLED.
    state: String,
    /// From 0 to 1.
    progress: f64,
    /// Of a finished task; `url` is a link to the stored media, good for a while.
    result: Option<Product>,
    /// Of a failed task.
    error: Option<Failure>,
    project: String,
    node: Option<String>,
    kind: String,
    attempt: i64,
    /// What the provider says that it took: `costs`, each of them money or units of a package in
    /// millionths (`micros`), and `tokens`.
    #[schema(value_type = Option<Object>)]
    usage: Option<serde_json::Value>,
    priority: i64,
    created_at_ms: i64,
    started_at_ms: Option<i64>,
    ended_at_ms: Option<i64>,
}

pub fn view(row: &TaskRow, world: &impl World) -> Task {
    let error = row.error.as_deref();
    Task {
        task_id: row.id.clone(),
        state: row.state.clone(),
        progress: row.progress,
        result: result(row, world),
        error: error.and_then(|error| serde_json::from_str(error).ok()),
        project: row.project_id.clone(),
        node: row.node_id.clone(),
        kind: row.kind.clone(),
        attempt: row.attempt,
        usage: row
            .usage
            .as_deref()
            .and_then(|usage| serde_json::from_str(usage).ok()),
        priority: row.priority,
        created_at_ms: row.created_at_ms,
        started_at_ms: row.started_at_ms,
        ended_at_ms: row.ended_at_ms,
    }
}

/// The provider's result with the platform's own link to the stored media.
fn result(row: &TaskRow, world: &impl World) -> Option<Product> {
    if StateName::parse(&row.state) != Some(StateName::Finished) {
        return None;
    }
    let stored: Product = serde_json::from_str(row.result.as_deref()?).ok()?;
    let url = row
        .asset_id
        .as_ref()
        .map(|asset| world.asset_link(&row.project_id, asset));
    Some(Product { url, ..stored })
}
