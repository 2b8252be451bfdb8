//! The document as JSON, for those who read it over HTTP.

use loro::{Container, LoroDoc, ValueOrContainer};
use serde_json::{Value, json};

use crate::value::{self, DEPTH};

/// `{"nodes":{…},"edges":{…},"tasks":{…}}` of a document at the version to be shown.
pub fn to_json(document: &LoroDoc) -> Value {
    let root = |name: &str| {
        let map = ValueOrContainer::Container(Container::Map(document.get_map(name)));
        value::to_json(&map, DEPTH)
    };
    json!({ "nodes": root("nodes"), "edges": root("edges"), "tasks": root("tasks") })
}

/// One node as it is in there; `None` when there is nothing of this id, or something that is no
/// node.
pub fn node(document: &LoroDoc, id: &str) -> Option<Value> {
    let node = value::to_json(&document.get_map("nodes").get(id)?, DEPTH - 1);
    node.is_object().then_some(node)
}
