//! A task as the API shows it: the state object of the uniform interface, and what else a client
//! wants to know (TK4).

use dispatch::{Failure, StateName};
use pipeline::World;
use providers::Product;
use serde_json::{Value, json};
use store::tasks::TaskRow;

pub fn view(row: &TaskRow, world: &impl World) -> Value {
    let failure: Option<Failure> = row
        .error
        .as_deref()
        .and_then(|error| serde_json::from_str(error).ok());
    json!({
        "task_id": row.id,
        "state": row.state,
        "progress": row.progress,
        "result": result(row, world),
        "error": failure,
        "project": row.project_id,
        "node": row.node_id,
        "kind": row.kind,
        "attempt": row.attempt,
        "created_at_ms": row.created_at_ms,
        "started_at_ms": row.started_at_ms,
        "ended_at_ms": row.ended_at_ms,
    })
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
