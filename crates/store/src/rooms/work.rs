//! The tasks that the node processor inserts and cancels, in the transaction of its edits.

use serde::Serialize;

use super::{json, list};
use crate::{Database, Rows, StoreError, Transaction, sql};

/// A task of the node processor; all fields end up as they are in columns of `tasks`.
#[derive(Clone, Debug, Serialize)]
pub struct NewTask {
    pub id: String,
    pub node: String,
    pub kind: String,
    pub prompt: String,
    /// JSON text.
    pub params: String,
    /// JSON text.
    pub inputs: String,
}

/// A task that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTask {
    pub id: String,
    pub node: String,
    pub kind: String,
}

/// Inserts tasks and returns the ids of those that were inserted; the others have a live task of
/// the same node and kind.
pub async fn insert_tasks<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    tenant: &str,
    tasks: &[NewTask],
    created_by: &str,
    now_ms: i64,
) -> Result<Vec<String>, StoreError> {
    let parameters = [
        json(&tasks)?,
        room.into(),
        tenant.into(),
        now_ms.into(),
        created_by.into(),
    ];
    ids(transaction
        .query(sql!("rooms/insert_tasks"), &parameters)
        .await?)
}

/// The live tasks of some nodes.
pub async fn live_tasks(
    database: &impl Database,
    room: &str,
    nodes: &[&str],
) -> Result<Vec<LiveTask>, StoreError> {
    let rows = database
        .query(sql!("rooms/live_tasks"), &[room.into(), list(nodes)])
        .await?;
    rows.into_rows()
        .map(|row| {
            Ok(LiveTask {
                id: row.text("id")?.to_owned(),
                node: row.text("node_id")?.to_owned(),
                kind: row.text("kind")?.to_owned(),
            })
        })
        .collect()
}

/// Cancels live tasks of a room, gives their slots back, and returns the ids of those that were
/// still live.
pub async fn cancel_tasks<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    tasks: &[&str],
    now_ms: i64,
) -> Result<Vec<String>, StoreError> {
    // Only the tasks of this room: a client may name any id in `pendingTask`.
    let own = transaction
        .query(sql!("rooms/own_tasks"), &[list(tasks), room.into()])
        .await?;
    let own = ids(own)?;
    if own.is_empty() {
        return Ok(own);
    }
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    transaction
        .query(sql!("rooms/release_slots"), &[list(&own)])
        .await?;
    let parameters = [list(&own), room.into(), now_ms.into()];
    ids(transaction
        .query(sql!("rooms/cancel_tasks"), &parameters)
        .await?)
}

fn ids(rows: Rows) -> Result<Vec<String>, StoreError> {
    rows.into_rows()
        .map(|row| row.text("id").map(str::to_owned))
        .collect()
}
