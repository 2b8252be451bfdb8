//! What changed in a document since a version, as JSON: for those who follow a room without holding
//! its document.

use std::collections::{BTreeSet, HashSet};

use loro::{ContainerID, IdSpan, Index, JsonMapOp, JsonOpContent, LoroDoc, VersionVector};
use serde_json::{Map, Value};

use crate::value::{DEPTH, to_json};

/// Entries of one answer. Whoever missed more reads the document.
const ENTRIES: usize = 1_024;

/// Operations that are looked at: far more than a person makes between two looks, few enough to
/// be read within milliseconds. More are the upload of a document.
const OPERATIONS: i64 = 64 * 1024;

const ROOTS: [&str; 3] = ["nodes", "edges", "tasks"];

/// The changed entries of the root maps as they are now, by id; null for one that is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub nodes: Map<String, Value>,
    pub edges: Map<String, Value>,
    pub tasks: Map<String, Value>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.edges.is_empty() && self.tasks.is_empty()
    }
}

/// What changed in a document, which is at its latest version, since it was at `version`. `None`
/// when that is too much to be told.
pub fn since(document: &LoroDoc, version: &VersionVector) -> Option<Changes> {
    let touched = touched_since(document, version, OPERATIONS)?;
    (touched.entries.len() <= ENTRIES).then(|| touched.read(document))
}

/// The nodes that changed since the document was at `version`, by id. `None` when more than `most`
/// operations would have to be looked at.
pub fn nodes_since(
    document: &LoroDoc,
    version: &VersionVector,
    most: usize,
) -> Option<BTreeSet<String>> {
    let most = i64::try_from(most).unwrap_or(OPERATIONS).min(OPERATIONS);
    let touched = touched_since(document, version, most)?.entries;
    let nodes = touched
        .into_iter()
        .filter(|(root, _)| ROOTS[*root] == "nodes");
    Some(nodes.map(|(_, id)| id).collect())
}

fn touched_since(document: &LoroDoc, version: &VersionVector, most: i64) -> Option<Touched> {
    let now = document.oplog_vv();
    let spans: Vec<IdSpan> = now
        .iter()
        .filter_map(|(peer, end)| {
            let start = version.get(peer).copied().unwrap_or(0);
            (start < *end).then(|| IdSpan::new(*peer, start, *end))
        })
        .collect();
    let operations: i64 = spans
        .iter()
        .map(|span| i64::from(span.counter.end) - i64::from(span.counter.start))
        .sum();
    if operations > most {
        return None;
    }
    let mut touched = Touched::default();
    for span in spans {
        for change in document.export_json_in_id_span(span) {
            for operation in change.ops {
                touched.see(document, &operation.container, &operation.content);
            }
        }
    }
    Some(touched)
}

/// Entries by the place of their root map in [`ROOTS`], and by id.
#[derive(Default)]
struct Touched {
    entries: BTreeSet<(usize, String)>,
    /// Containers whose entry is known already.
    seen: HashSet<ContainerID>,
}

impl Touched {
    fn see(&mut self, document: &LoroDoc, container: &ContainerID, content: &JsonOpContent) {
        if let Some(root) = root_of(container) {
            if let JsonOpContent::Map(JsonMapOp::Insert { key, .. } | JsonMapOp::Delete { key }) =
                content
            {
                self.entries.insert((root, key.clone()));
            }
            return;
        }
        if !self.seen.insert(container.clone()) {
            return;
        }
        // What cannot be reached any more was taken out by an operation on what held it.
        let Some(path) = document.get_path_to_container(container) else {
            return;
        };
        let mut path = path.iter();
        let root = path.next().and_then(|(_, name)| match name {
            Index::Key(name) => ROOTS.iter().position(|root| *root == name.as_str()),
            Index::Seq(_) | Index::Node(_) => None,
        });
        if let (Some(root), Some((_, Index::Key(id)))) = (root, path.next()) {
            self.entries.insert((root, id.to_string()));
        }
    }

    fn read(self, document: &LoroDoc) -> Changes {
        let mut changes = Changes::default();
        for (root, id) in self.entries {
            let entry = document.get_map(ROOTS[root]).get(&id);
            let json = entry.map_or(Value::Null, |entry| to_json(&entry, DEPTH));
            match root {
                0 => changes.nodes.insert(id, json),
                1 => changes.edges.insert(id, json),
                _ => changes.tasks.insert(id, json),
            };
        }
        changes
    }
}

fn root_of(container: &ContainerID) -> Option<usize> {
    match container {
        ContainerID::Root { name, .. } => ROOTS.iter().position(|root| *root == name.as_str()),
        ContainerID::Normal { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use loro::{LoroMap, LoroText};
    use serde_json::json;

    #[test]
    fn rm8_changes_name_the_entries_however_deep_the_change_lies() {
        let document = LoroDoc::new();
        let node = |id: &str| -> LoroMap {
            let nodes = document.get_map("nodes");
            nodes.ensure_mergeable_map(id).unwrap()
        };
        node("a").insert("type", "note").unwrap();
        node("b").insert("type", "image").unwrap();
        node("untouched").insert("type", "note").unwrap();
        let plain = document.get_map("nodes");
        plain.insert("gone", 1).unwrap();
        let edges = document.get_map("edges");
        let edge = edges.insert_container("e", LoroMap::new()).unwrap();
        edge.insert("source", "a").unwrap();
        document.commit();
        let before = document.oplog_vv();
        assert_eq!(since(&document, &before), Some(Changes::default()));

        let text = node("a").insert_container("text", LoroText::new()).unwrap();
        text.insert(0, "deep").unwrap();
        let params = node("b").ensure_mergeable_map("params").unwrap();
        let inner = params.ensure_mergeable_map("inner").unwrap();
        inner.insert("k", 5).unwrap();
        plain.delete("gone").unwrap();
        edge.insert("target", "b").unwrap();
        let tasks = document.get_map("tasks");
        tasks.ensure_mergeable_map("t").unwrap();
        document.get_text("elsewhere").insert(0, "x").unwrap();
        document.commit();
        let changes = since(&document, &before).unwrap();
        let nodes = nodes_since(&document, &before, 100).unwrap();
        assert!(nodes.iter().eq(["a", "b", "gone"]));
        assert_eq!(nodes_since(&document, &before, 3), None);
        let whole = json::to_json(&document);
        assert_eq!(
            Value::Object(changes.nodes),
            json!({"a": whole["nodes"]["a"], "b": whole["nodes"]["b"], "gone": null})
        );
        assert_eq!(whole["nodes"]["a"]["text"], "deep");
        assert_eq!(whole["nodes"]["b"]["params"]["inner"]["k"], 5);
        assert_eq!(
            Value::Object(changes.edges),
            json!({"e": {"source": "a", "target": "b"}})
        );
        assert_eq!(Value::Object(changes.tasks), json!({"t": {}}));
    }

    #[test]
    fn rm8_too_many_changes_are_not_told_one_by_one() {
        let document = LoroDoc::new();
        let nodes = document.get_map("nodes");
        for at in 0..=ENTRIES {
            nodes.insert(&at.to_string(), 1).unwrap();
        }
        document.commit();
        assert_eq!(since(&document, &VersionVector::default()), None);
        let text = document.get_text("t");
        let before = document.oplog_vv();
        text.insert(0, &"x".repeat(OPERATIONS as usize + 1))
            .unwrap();
        document.commit();
        assert_eq!(since(&document, &before), None);
    }
}
