//! What differs between a document at two points.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Nodes and edges that differ. What is deleted counts as not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub added: Vec<Item>,
    pub removed: Vec<Item>,
    pub changed: Vec<Item>,
}

/// A node or an edge, and its fields that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    #[serde(flatten)]
    pub thing: Thing,
    pub fields: BTreeMap<String, Field>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Thing {
    Node(String),
    Edge(String),
}

/// A field at both points; absent where it was not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Compares two documents as JSON.
pub fn difference(before: &Value, after: &Value) -> Difference {
    let mut difference = Difference::default();
    for (root, thing) in [
        ("nodes", Thing::Node as fn(String) -> Thing),
        ("edges", Thing::Edge),
    ] {
        let (before, after) = (things(before, root), things(after, root));
        for (id, was) in &before {
            let item = |fields| Item {
                thing: thing((*id).clone()),
                fields,
            };
            match after.get(id) {
                None => difference.removed.push(item(fields(Some(*was), None))),
                Some(is) => {
                    let fields = fields(Some(*was), Some(*is));
                    if !fields.is_empty() {
                        difference.changed.push(item(fields));
                    }
                }
            }
        }
        for (id, is) in &after {
            if !before.contains_key(id) {
                difference.added.push(Item {
                    thing: thing((*id).clone()),
                    fields: fields(None, Some(*is)),
                });
            }
        }
    }
    difference
}

/// What is there of a root map.
fn things<'a>(document: &'a Value, root: &str) -> BTreeMap<&'a String, &'a Value> {
    let all = document[root].as_object().into_iter().flatten();
    all.filter(|(_, thing)| thing.is_object() && thing["deleted"] != Value::Bool(true))
        .collect()
}

fn fields(before: Option<&Value>, after: Option<&Value>) -> BTreeMap<String, Field> {
    let empty = Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&empty);
    let after = after.and_then(Value::as_object).unwrap_or(&empty);
    // A field that is null is as good as absent.
    let value = |map: &Map<String, Value>, key: &str| {
        map.get(key).filter(|value| !value.is_null()).cloned()
    };
    let keys = before.keys().chain(after.keys());
    keys.filter(|key| *key != "deleted")
        .filter_map(|key| {
            let field = Field {
                before: value(before, key),
                after: value(after, key),
            };
            (field.before != field.after).then(|| (key.clone(), field))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rm9_differences_name_fields_before_and_after() {
        let before = json!({
            "nodes": {"same": {"x": 1}, "moved": {"x": 1, "y": 1, "error": null},
                "gone": {"x": 1}, "hidden": {"x": 1}, "dead": {"deleted": true}, "odd": 7},
            "edges": {"e": {"source": "a"}}, "tasks": {"t": {"state": "WAITING"}},
        });
        let after = json!({
            "nodes": {"same": {"x": 1, "error": null}, "moved": {"x": 2, "y": 1, "title": "t"},
                "hidden": {"x": 1, "deleted": true}, "dead": {"deleted": true, "x": 1},
                "new": {"x": 1, "deleted": false}},
            "edges": {"e": {"source": "b"}}, "tasks": {},
        });
        assert_eq!(
            json!(difference(&before, &after)),
            json!({
                "added": [{"node": "new", "fields": {"x": {"after": 1}}}],
                "removed": [
                    {"node": "gone", "fields": {"x": {"before": 1}}},
                    {"node": "hidden", "fields": {"x": {"before": 1}}},
                ],
                "changed": [
                    {"node": "moved",
                        "fields": {"x": {"before": 1, "after": 2}, "title": {"after": "t"}}},
                    {"edge": "e", "fields": {"source": {"before": "a", "after": "b"}}},
                ],
            })
        );
        assert_eq!(difference(&after, &after), Difference::default());
    }
}
