//! The film's part of a project's document: writing the plan, asking for media, reading how far it is.

use std::collections::BTreeMap;

use loro::{LoroDoc, LoroMap, LoroResult, LoroValue, ToJson};
use serde_json::Value;

use super::plan::{Edge, FILM, Node, Plan};

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
        matches!(self, Self::Idle | Self::Finished | Self::Failed(_) | Self::Deleted)
    }
}

impl NodeState {
    pub fn stage(&self) -> Stage {
        let why = || self.error.clone().unwrap_or_else(|| "no reason was given".into());
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

/// What the document holds before the film client touches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Empty,
    /// Nodes, but no film.
    Other,
    /// The film of the story with this fingerprint.
    Film { fingerprint: String },
}

pub fn content(doc: &LoroDoc) -> Content {
    let nodes = doc.get_map("nodes");
    match map_at(&nodes, FILM) {
        Some(film) => {
            let params = as_json(film.get("params"));
            let fingerprint = params.get("story").and_then(Value::as_str).unwrap_or_default();
            Content::Film { fingerprint: fingerprint.to_owned() }
        }
        None if nodes.is_empty() => Content::Empty,
        None => Content::Other,
    }
}

/// Writes all nodes and edges, every node that can be made asking for it.
pub fn write_plan(doc: &LoroDoc, plan: &Plan) -> LoroResult<()> {
    let (nodes, edges) = (doc.get_map("nodes"), doc.get_map("edges"));
    for node in &plan.nodes {
        write_node(&nodes.ensure_mergeable_map(&node.id)?, node)?;
    }
    for edge in &plan.edges {
        write_edge(&edges.ensure_mergeable_map(&edge.id)?, edge)?;
    }
    Ok(())
}

fn write_node(map: &LoroMap, node: &Node) -> LoroResult<()> {
    map.insert("type", node.part.node_type())?;
    map.insert("status", if node.part.is_made() { "generating" } else { "idle" })?;
    map.insert("title", node.title.as_str())?;
    for (key, value) in [("x", node.x), ("y", node.y), ("w", node.w), ("h", node.h)] {
        map.insert(key, value)?;
    }
    if let Some(prompt) = &node.prompt {
        map.insert("prompt", prompt.as_str())?;
    }
    if !node.params.is_null() {
        map.insert("params", LoroValue::from(node.params.clone()))?;
    }
    Ok(())
}

fn write_edge(map: &LoroMap, edge: &Edge) -> LoroResult<()> {
    map.insert("source", edge.source.as_str())?;
    map.insert("target", edge.target.as_str())?;
    map.insert("role", edge.role)?;
    map.insert("order", i64::from(edge.order))
}

/// Asks again for what failed or was never asked for. Gives the ids of those nodes.
pub fn ask_again(doc: &LoroDoc, plan: &Plan) -> LoroResult<Vec<String>> {
    let states = read_nodes(doc);
    let nodes = doc.get_map("nodes");
    let mut asked = Vec::new();
    for node in plan.made() {
        let state = states.get(&node.id).cloned().unwrap_or_default();
        if !matches!(state.stage(), Stage::Failed(_) | Stage::Idle) {
            continue;
        }
        let Some(map) = map_at(&nodes, &node.id) else { continue };
        if state.src.is_none() {
            map.insert("status", "generating")?;
        } else {
            // The media are there; without its error the node is described again.
            map.insert("status", "completed")?;
            map.insert("error", LoroValue::Null)?;
        }
        asked.push(node.id.clone());
    }
    Ok(asked)
}

pub fn read_nodes(doc: &LoroDoc) -> BTreeMap<String, NodeState> {
    let tasks = doc.get_map("tasks");
    let nodes = doc.get_map("nodes");
    let mut states = BTreeMap::new();
    for id in nodes.keys() {
        let Some(map) = map_at(&nodes, &id) else { continue };
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
        let Some(map) = map_at(&tasks, &id) else { continue };
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

fn map_at(map: &LoroMap, key: &str) -> Option<LoroMap> {
    map.get(key)?.into_container().ok()?.into_map().ok()
}

/// A field that is not an empty string.
fn string(map: &LoroMap, key: &str) -> Option<String> {
    let value = map.get(key)?.get_deep_value();
    value.into_string().ok().map(|text| text.to_string()).filter(|text| !text.is_empty())
}

/// A field as JSON; `params` may also be JSON inside a string.
fn as_json(value: Option<loro::ValueOrContainer>) -> Value {
    let Some(value) = value else { return Value::Null };
    let json = value.get_deep_value().to_json_value();
    match json.as_str().map(serde_json::from_str) {
        Some(Ok(inner @ Value::Object(_))) => inner,
        _ => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let story = story::read_csv("t.csv", b"description\nA boat\n").expect("a good story");
        Plan::new("T", &story)
    }

    fn set(doc: &LoroDoc, node: &str, fields: &[(&str, &str)]) {
        let map = doc.get_map("nodes").ensure_mergeable_map(node).expect("a node");
        for (key, value) in fields {
            let value = if value.is_empty() { LoroValue::Null } else { LoroValue::from(*value) };
            map.insert(key, value).expect("written");
        }
        doc.commit();
    }

    #[test]
    fn wf1_the_plan_is_written_once_and_known_again() {
        let (doc, plan) = (LoroDoc::new(), plan());
        assert_eq!(content(&doc), Content::Empty);
        write_plan(&doc, &plan).expect("written");
        doc.commit();
        assert_eq!(content(&doc), Content::Film { fingerprint: plan.fingerprint.clone() });
        let states = read_nodes(&doc);
        assert_eq!(states["shot-1-prompt"].stage(), Stage::Idle);
        assert_eq!(states["shot-1-image"].stage(), Stage::Making);
        assert_eq!(states["film"].stage(), Stage::Making);
        assert!(ask_again(&doc, &plan).expect("asked").is_empty());
    }

    #[test]
    fn tk1_stages_by_a_table_of_fields() {
        for (fields, stage) in [
            (vec![("status", "pending")], Stage::Making),
            (vec![("status", "generating"), ("pendingTask", "t_1")], Stage::Making),
            (vec![("status", "completed"), ("src", "/a")], Stage::Describing),
            (vec![("status", "completed"), ("src", "/a"), ("pendingTask", "t_2")], Stage::Describing),
            (vec![("status", "fin"), ("src", "/a")], Stage::Finished),
            (vec![("status", "failed"), ("error", "no")], Stage::Failed("no".into())),
            (vec![("status", "failed")], Stage::Failed("no reason was given".into())),
            (
                vec![("status", "completed"), ("src", "/a"), ("error", "no")],
                Stage::Failed("it could not be described: no".into()),
            ),
            (vec![("status", "idle")], Stage::Idle),
            (vec![], Stage::Idle),
        ] {
            let doc = LoroDoc::new();
            set(&doc, "n", &fields);
            assert_eq!(read_nodes(&doc)["n"].stage(), stage, "{fields:?}");
        }
    }

    #[test]
    fn wf2_only_what_failed_is_asked_for_again() {
        let (doc, plan) = (LoroDoc::new(), plan());
        write_plan(&doc, &plan).expect("written");
        set(&doc, "shot-1-image", &[("status", "fin"), ("src", "/a")]);
        set(&doc, "shot-1-video", &[("status", "failed"), ("error", "out of film")]);
        set(&doc, "film", &[("status", "completed"), ("src", "/f"), ("error", "no words")]);
        assert_eq!(ask_again(&doc, &plan).expect("asked"), ["shot-1-video", "film"]);
        doc.commit();
        let states = read_nodes(&doc);
        assert_eq!(states["shot-1-image"].stage(), Stage::Finished);
        assert_eq!(states["shot-1-video"].stage(), Stage::Making);
        assert_eq!(states["film"].stage(), Stage::Describing);
    }
}
