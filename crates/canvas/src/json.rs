//! The document as JSON, for `GET /api/projects/{id}/document`.

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
