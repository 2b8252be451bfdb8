//! Reading nodes and edges. Each is a Loro map, or a plain map value from a client that wrote one.

use std::collections::{BTreeSet, HashMap};

use loro::{Container, LoroDoc, LoroMap, LoroMapValue, LoroValue, ValueOrContainer};
use serde_json::{Map, Value};

use crate::kinds::{NodeType, Status};
use crate::value::{self, DEPTH};

/// The two root maps that people write.
pub struct Canvas {
    nodes: LoroMap,
    edges: LoroMap,
}

/// What the server reads of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    pub id: String,
    pub node_type: NodeType,
    pub status: Status,
    pub prompt: Option<String>,
    pub text: Option<String>,
    /// An object; empty when absent or of another shape.
    pub params: Map<String, Value>,
    pub src: Option<String>,
    pub description: Option<String>,
    pub pending_task: Option<String>,
    pub error: Option<String>,
    pub deleted: bool,
}

/// An edge that is not deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeView {
    pub id: String,
    pub source: String,
    pub target: String,
    pub order: f64,
}

/// An entry of `nodes` or `edges`, whichever way it was written.
pub(crate) enum Entry {
    Map(LoroMap),
    Value(LoroMapValue),
}

impl Entry {
    pub(crate) fn of(value: ValueOrContainer) -> Option<Self> {
        match value {
            ValueOrContainer::Container(Container::Map(map)) => Some(Self::Map(map)),
            ValueOrContainer::Value(LoroValue::Map(map)) => Some(Self::Value(map)),
            ValueOrContainer::Container(_) | ValueOrContainer::Value(_) => None,
        }
    }
    pub(crate) fn get(&self, key: &str) -> Option<ValueOrContainer> {
        match self {
            Self::Map(map) => map.get(key),
            Self::Value(map) => map.get(key).cloned().map(ValueOrContainer::Value),
        }
    }
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        match self {
            Self::Map(map) => map.keys().map(|key| key.to_string()).collect(),
            Self::Value(map) => map.keys().cloned().collect(),
        }
    }
    /// A string that says something: absent, null, empty and other types are `None`.
    pub(crate) fn string(&self, key: &str) -> Option<String> {
        let text = match self.get(key)? {
            ValueOrContainer::Value(LoroValue::String(text)) => text.to_string(),
            ValueOrContainer::Container(Container::Text(text)) => text.to_string(),
            ValueOrContainer::Value(_) | ValueOrContainer::Container(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }
    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(
            self.get(key),
            Some(ValueOrContainer::Value(LoroValue::Bool(true)))
        )
    }
    fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            ValueOrContainer::Value(LoroValue::Double(value)) if value.is_finite() => Some(value),
            ValueOrContainer::Value(LoroValue::I64(value)) => Some(value as f64),
            ValueOrContainer::Value(_) | ValueOrContainer::Container(_) => None,
        }
    }
    pub(crate) fn status(&self) -> Status {
        self.string("status")
            .and_then(|word| Status::parse(&word))
            .unwrap_or(Status::Idle)
    }
    /// `params` as an object, also when it was stored as JSON text.
    fn params(&self) -> Map<String, Value> {
        let json = match self.get("params") {
            Some(found) => value::to_json(&found, DEPTH),
            None => return Map::new(),
        };
        match json {
            Value::Object(map) => map,
            Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Map::new(),
        }
    }
    fn node(&self, id: &str) -> Option<NodeView> {
        Some(NodeView {
            id: id.to_owned(),
            node_type: NodeType::parse(&self.string("type")?)?,
            status: self.status(),
            prompt: self.string("prompt"),
            text: self.string("text"),
            params: self.params(),
            src: self.string("src"),
            description: self.string("description"),
            pending_task: self.string("pendingTask"),
            error: self.string("error"),
            deleted: self.flag("deleted"),
        })
    }
    fn edge(&self, id: &str) -> Option<EdgeView> {
        if self.flag("deleted") {
            return None;
        }
        Some(EdgeView {
            id: id.to_owned(),
            source: self.string("source")?,
            target: self.string("target")?,
            order: self.number("order").unwrap_or(0.0),
        })
    }
    /// Cheap test before a node is read whole: could there be something to do?
    fn may_need_work(&self) -> bool {
        match self.status() {
            Status::Pending | Status::Generating | Status::Completed => true,
            Status::Idle | Status::Fin | Status::Failed => self.string("pendingTask").is_some(),
        }
    }
}

impl Canvas {
    /// The document must be at the version that is to be read: a detached document shows the
    /// version of its last checkout.
    pub fn of(document: &LoroDoc) -> Self {
        Self {
            nodes: document.get_map("nodes"),
            edges: document.get_map("edges"),
        }
    }
    pub fn node(&self, id: &str) -> Option<NodeView> {
        Entry::of(self.nodes.get(id)?)?.node(id)
    }
    /// Nodes whose status or pending task says that the processor may have to act, in id order.
    pub fn nodes_to_look_at(&self) -> Vec<NodeView> {
        let mut found = Vec::new();
        self.nodes.for_each(|id, value| {
            if let Some(entry) = Entry::of(value)
                && entry.may_need_work()
                && let Some(node) = entry.node(id)
            {
                found.push(node);
            }
        });
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }
    /// The same among these.
    pub fn nodes_to_look_at_among(&self, ids: &BTreeSet<String>) -> Vec<NodeView> {
        let look = |id: &String| {
            let entry = Entry::of(self.nodes.get(id)?)?;
            entry.may_need_work().then(|| entry.node(id)).flatten()
        };
        ids.iter().filter_map(look).collect()
    }
    /// Edges by their target, each list in the order of the inputs: `order`, then id.
    pub fn incoming(&self) -> HashMap<String, Vec<EdgeView>> {
        let mut incoming: HashMap<String, Vec<EdgeView>> = HashMap::new();
        self.edges.for_each(|id, value| {
            if let Some(edge) = Entry::of(value).and_then(|entry| entry.edge(id)) {
                incoming.entry(edge.target.clone()).or_default().push(edge);
            }
        });
        for edges in incoming.values_mut() {
            edges.sort_by(|a, b| a.order.total_cmp(&b.order).then_with(|| a.id.cmp(&b.id)));
        }
        incoming
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(write: impl FnOnce(&LoroMap, &LoroMap)) -> LoroDoc {
        let document = LoroDoc::new();
        write(&document.get_map("nodes"), &document.get_map("edges"));
        document.commit();
        document
    }

    #[test]
    fn tk1_hostile_shapes_read_as_absent() {
        let document = document(|nodes, edges| {
            nodes.insert("number", 5).unwrap();
            nodes.insert("null", LoroValue::Null).unwrap();
            nodes.insert("list", vec![LoroValue::from(1)]).unwrap();
            nodes
                .insert_container("text", loro::LoroText::new())
                .unwrap();
            nodes
                .insert_container("movable", loro::LoroMovableList::new())
                .unwrap();
            let untyped = nodes.ensure_mergeable_map("untyped").unwrap();
            untyped.insert("status", "pending").unwrap();
            let odd = nodes.ensure_mergeable_map("odd").unwrap();
            odd.insert("type", "image").unwrap();
            odd.insert("status", 3).unwrap();
            odd.insert("prompt", LoroValue::Null).unwrap();
            odd.insert("params", "not json").unwrap();
            odd.insert("deleted", "yes").unwrap();
            odd.insert_container("src", loro::LoroList::new()).unwrap();
            edges.insert("number", 5).unwrap();
            let half = edges.ensure_mergeable_map("half").unwrap();
            half.insert("source", "a").unwrap();
        });
        let canvas = Canvas::of(&document);
        for id in [
            "number", "null", "list", "text", "movable", "untyped", "missing",
        ] {
            assert_eq!(canvas.node(id), None, "{id}");
        }
        let odd = canvas.node("odd").unwrap();
        assert_eq!(
            (odd.status, odd.prompt, odd.src),
            (Status::Idle, None, None)
        );
        assert!(odd.params.is_empty() && !odd.deleted);
        assert!(canvas.nodes_to_look_at().is_empty());
        assert!(canvas.incoming().is_empty());
    }

    #[test]
    fn tk1_nodes_as_maps_as_values_and_with_params_of_both_kinds() {
        let document = document(|nodes, _| {
            let map = nodes.ensure_mergeable_map("map").unwrap();
            map.insert("type", "image").unwrap();
            map.insert("status", "pending").unwrap();
            let params = map.ensure_mergeable_map("params").unwrap();
            params.insert("width", 1280.0).unwrap();
            let value: LoroValue = serde_json::from_value(json!({
                "type": "video", "status": "completed", "src": "/x", "params": "{\"width\":1280}",
            }))
            .unwrap();
            nodes.insert("value", value).unwrap();
        });
        let found = Canvas::of(&document).nodes_to_look_at();
        assert_eq!(
            found
                .iter()
                .map(|node| node.id.as_str())
                .collect::<Vec<_>>(),
            ["map", "value"]
        );
        for node in &found {
            assert_eq!(node.params["width"], json!(1280), "{}", node.id);
        }
    }

    #[test]
    fn tk1_incoming_edges_come_in_order() {
        let document = document(|_, edges| {
            for (id, order, deleted) in [
                ("d", Some(2.0), false),
                ("c", None, false),
                ("b", Some(-1.0), false),
                ("a", Some(2.0), false),
                ("x", Some(0.0), true),
            ] {
                let edge = edges.ensure_mergeable_map(id).unwrap();
                edge.insert("source", "s").unwrap();
                edge.insert("target", "t").unwrap();
                if let Some(order) = order {
                    edge.insert("order", order).unwrap();
                }
                edge.insert("deleted", deleted).unwrap();
            }
        });
        let incoming = Canvas::of(&document).incoming();
        let order: Vec<&str> = incoming["t"].iter().map(|edge| edge.id.as_str()).collect();
        assert_eq!(order, ["b", "c", "a", "d"]);
    }
}
