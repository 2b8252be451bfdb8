//! Reading a project's document: where each node is on its way, and the tasks of the room.

use std::collections::BTreeMap;

use loro::{LoroDoc, LoroMap, ToJson};
use serde_json::Value;

/// What a client sees of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeState {
    pub status: String,
    pub src: Option<String>,
    pub description: Option<String>,
    pub pending_task: Option<String>,
    pub error: Option<String>,
    pub deleted: bool,
    /// Of the pending task, 0 to 1.
    pub progress: Option<f64>,
}

/// Where a node is on its way.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Nothing is asked of it: it was cancelled on the canvas, or is not there.
    Idle,
    /// Its media are on the way.
    Making,
    /// It has media and is being described.
    Describing,
    Finished,
    /// Says why. With media when only the description failed.
    Failed(String),
    /// Somebody took it off the canvas.
    Deleted,
}

impl Stage {
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Idle | Self::Finished | Self::Failed(_) | Self::Deleted
        )
    }
}

impl NodeState {
    pub fn stage(&self) -> Stage {
        let why = || {
            self.error
                .clone()
                .unwrap_or_else(|| "no reason was given".into())
        };
        match self.status.as_str() {
            _ if self.deleted => Stage::Deleted,
            "fin" => Stage::Finished,
            "failed" => Stage::Failed(why()),
            "completed" if self.error.is_some() && self.pending_task.is_none() => {
                Stage::Failed(format!("it could not be described: {}", why()))
            }
            "completed" => Stage::Describing,
            "pending" | "generating" => Stage::Making,
            _ => Stage::Idle,
        }
    }
}

/// One task as the server writes it into the document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskState {
    pub node: String,
    pub kind: String,
    pub state: String,
    pub provider: Option<String>,
    pub started_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
}

pub fn read_nodes(doc: &LoroDoc) -> BTreeMap<String, NodeState> {
    let tasks = doc.get_map("tasks");
    let nodes = doc.get_map("nodes");
    let mut states = BTreeMap::new();
    for id in nodes.keys() {
        let Some(map) = map_at(&nodes, &id) else {
            continue;
        };
        let pending_task = string(&map, "pendingTask");
        let task = pending_task.as_ref().and_then(|task| map_at(&tasks, task));
        let state = NodeState {
            status: string(&map, "status").unwrap_or_default(),
            src: string(&map, "src"),
            description: string(&map, "description"),
            error: string(&map, "error"),
            deleted: as_json(map.get("deleted")).as_bool().unwrap_or(false),
            progress: task.and_then(|task| as_json(task.get("progress")).as_f64()),
            pending_task,
        };
        states.insert(id.to_string(), state);
    }
    states
}

/// The tasks of the room, those that began first at the front.
pub fn read_tasks(doc: &LoroDoc) -> Vec<TaskState> {
    let tasks = doc.get_map("tasks");
    let mut states = Vec::new();
    for id in tasks.keys() {
        let Some(map) = map_at(&tasks, &id) else {
            continue;
        };
        let time = |key| as_json(map.get(key)).as_f64().map(|ms| ms as i64);
        states.push(TaskState {
            node: string(&map, "node").unwrap_or_default(),
            kind: string(&map, "kind").unwrap_or_default(),
            state: string(&map, "state").unwrap_or_default(),
            provider: string(&map, "provider"),
            started_at_ms: time("startedAt"),
            ended_at_ms: time("endedAt"),
        });
    }
    states.sort_by_key(|task| task.started_at_ms);
    states
}

pub fn map_at(map: &LoroMap, key: &str) -> Option<LoroMap> {
    map.get(key)?.into_container().ok()?.into_map().ok()
}

/// A field that is not an empty string.
fn string(map: &LoroMap, key: &str) -> Option<String> {
    let value = map.get(key)?.get_deep_value();
    value
        .into_string()
        .ok()
        .map(|text| text.to_string())
        .filter(|text| !text.is_empty())
}

/// A field as JSON; `params` may also be JSON inside a string.
pub fn as_json(value: Option<loro::ValueOrContainer>) -> Value {
    let Some(value) = value else {
        return Value::Null;
    };
    let json = value.get_deep_value().to_json_value();
    match json.as_str().map(serde_json::from_str) {
        Some(Ok(inner @ Value::Object(_))) => inner,
        _ => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loro::LoroValue;

    #[test]
    fn tk1_stages_by_a_table_of_fields() {
        for (fields, stage) in [
            (vec![("status", "pending")], Stage::Making),
            (
                vec![("status", "generating"), ("pendingTask", "t_1")],
                Stage::Making,
            ),
            (
                vec![("status", "completed"), ("src", "/a")],
                Stage::Describing,
            ),
            (
                vec![
                    ("status", "completed"),
                    ("src", "/a"),
                    ("pendingTask", "t_2"),
                ],
                Stage::Describing,
            ),
            (vec![("status", "fin"), ("src", "/a")], Stage::Finished),
            (
                vec![("status", "failed"), ("error", "no")],
                Stage::Failed("no".into()),
            ),
            (
                vec![("status", "failed")],
                Stage::Failed("no reason was given".into()),
            ),
            (
                vec![("status", "completed"), ("src", "/a"), ("error", "no")],
                Stage::Failed("it could not be described: no".into()),
            ),
            (vec![("status", "idle")], Stage::Idle),
            (vec![], Stage::Idle),
        ] {
            let doc = LoroDoc::new();
            let node = doc
                .get_map("nodes")
                .ensure_mergeable_map("n")
                .expect("a node");
            for (key, value) in &fields {
                node.insert(key, LoroValue::from(*value)).expect("written");
            }
            assert_eq!(read_nodes(&doc)["n"].stage(), stage, "{fields:?}");
        }
    }
}
