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

/// Tasks of one statement are one value, which some databases bound at a megabyte; canvas bounds
/// each of them far below the rest.
const LIST_BYTES: usize = 256 * 1024;

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
    let mut inserted = Vec::new();
    let tasks: Vec<String> = tasks.iter().map(json).collect::<Result<_, _>>()?;
    for batch in batches(&tasks) {
        let parameters = [
            batch.into(),
            room.into(),
            tenant.into(),
            now_ms.into(),
            created_by.into(),
        ];
        let rows = transaction.query(sql!("rooms/insert_tasks"), &parameters);
        inserted.extend(ids(rows.await?)?);
    }
    Ok(inserted)
}

/// JSON lists of at most [`LIST_BYTES`], or of one item.
fn batches(items: &[String]) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for item in items {
        match lists.last_mut() {
            Some(list) if list.len() + item.len() < LIST_BYTES => {
                list.push(',');
                list.push_str(item);
            }
            _ => lists.push(format!("[{item}")),
        }
    }
    for list in &mut lists {
        list.push(']');
    }
    lists
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

/// Cancels live tasks of a room, and returns the ids of those that were still live.
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
