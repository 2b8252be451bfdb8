//! Operations on documents, and what is refused.

use loro::{LoroDoc, LoroText, LoroValue};
use serde_json::{Value, json};

use super::*;
use crate::json::to_json;
use crate::value::value_to_json;

fn operation(json: Value) -> Operation {
    let id = json["id"].as_str().unwrap_or_default().to_owned();
    let fields = || json["fields"].as_object().cloned().unwrap_or_default();
    match json["op"].as_str().unwrap() {
        "put_node" => Operation::PutNode {
            id,
            fields: fields(),
        },
        "patch_node" => Operation::PatchNode {
            id,
            fields: fields(),
        },
        "delete_node" => Operation::DeleteNode { id },
        "put_edge" => Operation::PutEdge {
            id,
            fields: fields(),
        },
        _ => Operation::DeleteEdge { id },
    }
}

fn put(id: &str, fields: Value) -> Value {
    json!({"op": "put_node", "id": id, "fields": fields})
}

fn patch(id: &str, fields: Value) -> Value {
    json!({"op": "patch_node", "id": id, "fields": fields})
}

fn edge(id: &str, fields: Value) -> Value {
    json!({"op": "put_edge", "id": id, "fields": fields})
}

fn remove(op: &str, id: &str) -> Value {
    json!({"op": op, "id": id})
}

/// Checks, and writes when that is allowed.
fn run(document: &LoroDoc, operations: Vec<Value>) -> Result<(), (usize, String)> {
    let operations: Vec<_> = operations.into_iter().map(operation).collect();
    check(document, &operations).map_err(|refused| (refused.at, refused.why.to_string()))?;
    write(document, &operations).unwrap();
    document.commit();
    Ok(())
}

#[test]
fn rm8_put_replaces_patch_merges_and_delete_marks() {
    let document = LoroDoc::new();
    let shown = || to_json(&document)["nodes"]["n"].clone();
    let first = json!({"type": "image", "x": 1, "title": "one", "prompt": "p",
        "params": {"width": 64, "style": {"ink": true, "wash": true}}});
    run(&document, vec![put("n", first.clone())]).unwrap();
    assert_eq!(shown(), first);
    // Written by the server meanwhile.
    let fields: [(&str, LoroValue); 2] =
        [("src", "/assets/a".into()), ("status", "completed".into())];
    crate::write::set_node(&document, "n", &fields).unwrap();

    let params = json!({"style": {"wash": null, "line": 2}, "height": 32});
    let change = json!({"title": null, "x": 2.5, "params": params});
    run(&document, vec![patch("n", change)]).unwrap();
    assert_eq!(
        shown(),
        json!({"type": "image", "x": 2.5, "prompt": "p", "src": "/assets/a", "status": "completed",
            "params": {"width": 64, "height": 32, "style": {"ink": true, "line": 2}}})
    );
    run(&document, vec![remove("delete_node", "n")]).unwrap();
    assert_eq!(shown()["deleted"], true);
    run(
        &document,
        vec![put("n", json!({"type": "video", "params": {"s": 1}}))],
    )
    .unwrap();
    assert_eq!(
        shown(),
        json!({"type": "video", "params": {"s": 1}, "src": "/assets/a", "status": "completed",
            "deleted": false})
    );
    run(
        &document,
        vec![
            remove("delete_node", "n"),
            patch("n", json!({"deleted": false})),
        ],
    )
    .unwrap();
    assert_eq!(shown()["deleted"], false);
}

#[test]
fn rm8_the_same_again_is_no_change() {
    let document = LoroDoc::new();
    let all = || {
        vec![
            put(
                "a",
                json!({"type": "note", "text": "t", "x": 5, "params": {"k": [1, 2.5]}}),
            ),
            put("b", json!({"type": "note"})),
            edge("e", json!({"source": "a", "target": "b", "order": 1})),
            patch("a", json!({"y": 7, "title": null})),
        ]
    };
    run(&document, all()).unwrap();
    // It is whole now, so that the second `put` takes `y` out and the patch brings it back.
    let version = document.oplog_vv();
    run(
        &document,
        vec![patch(
            "a",
            json!({"x": 5, "y": 7.0, "text": "t", "params": {"k": [1, 2.5]}}),
        )],
    )
    .unwrap();
    run(
        &document,
        vec![edge(
            "e",
            json!({"source": "a", "target": "b", "order": 1.0}),
        )],
    )
    .unwrap();
    assert_eq!(document.oplog_vv(), version);
}

#[test]
fn rm8_values_stay_what_their_clients_made_of_them() {
    let document = LoroDoc::new();
    let nodes = document.get_map("nodes");
    let whole: LoroValue = serde_json::from_value(
        json!({"type": "note", "title": "t", "params": {"a": 1, "b": {"c": 2}}}),
    )
    .unwrap();
    nodes.insert("plain", whole).unwrap();
    let text = nodes.ensure_mergeable_map("text").unwrap();
    text.insert("type", "script").unwrap();
    text.insert("params", r#"{"a":1}"#).unwrap();
    let content = text.insert_container("text", LoroText::new()).unwrap();
    content.insert(0, "the sea at dawn").unwrap();
    nodes.insert("junk", 5).unwrap();
    document.commit();
    // Somebody else edits the same text at the same time.
    let other = document.fork();
    let theirs = other.get_map("nodes").get("text").unwrap();
    let theirs = theirs.into_container().unwrap().into_map().unwrap();
    let theirs = theirs.get("text").unwrap().into_container().unwrap();
    theirs.into_text().unwrap().insert(15, ", slowly").unwrap();
    other.commit();

    run(
        &document,
        vec![
            patch(
                "plain",
                json!({"title": null, "params": {"b": {"c": null, "d": 3}}}),
            ),
            patch(
                "text",
                json!({"text": "the wide sea at dawn", "params": {"b": 2}}),
            ),
            put("junk", json!({"type": "note"})),
        ],
    )
    .unwrap();
    let updates = other.export(loro::ExportMode::all_updates()).unwrap();
    document.import(&updates).unwrap();
    assert_eq!(
        to_json(&document)["nodes"],
        json!({
            "plain": {"type": "note", "params": {"a": 1, "b": {"d": 3}}},
            "text": {"type": "script", "text": "the wide sea at dawn, slowly",
                "params": r#"{"a":1,"b":2}"#},
            "junk": {"type": "note"},
        })
    );
    let whole = nodes.get("plain").unwrap().into_value().unwrap();
    assert_eq!(value_to_json(&whole, 8)["type"], "note", "still one value");
}

#[test]
fn rm8_operations_are_checked_as_those_before_them_leave_the_document() {
    let document = LoroDoc::new();
    let note = json!({"type": "note"});
    let join = json!({"source": "a", "target": "b"});
    let both = vec![put("a", note.clone()), put("b", note.clone())];
    let table = [
        (vec![edge("e", join.clone())], "source: there is no node a"),
        (
            vec![put("a", note.clone()), edge("e", join.clone())],
            "target: there is no node b",
        ),
        (
            [
                both.clone(),
                vec![remove("delete_node", "b"), edge("e", join.clone())],
            ]
            .concat(),
            "target: there is no node b",
        ),
        (
            [both.clone(), vec![remove("delete_edge", "e")]].concat(),
            "there is no edge e",
        ),
        (vec![remove("delete_node", "a")], "there is no node a"),
        (vec![patch("a", json!({"x": 1}))], "there is no node a"),
        (
            vec![patch("a", json!({"deleted": false}))],
            "there is no node a",
        ),
        (
            [
                both.clone(),
                vec![
                    put("a", json!({"type": "note", "deleted": true})),
                    patch("a", json!({"x": 1})),
                ],
            ]
            .concat(),
            "there is no node a",
        ),
    ];
    for (operations, expected) in table {
        let last = operations.len() - 1;
        assert_eq!(run(&document, operations), Err((last, expected.to_owned())));
        assert!(
            document.oplog_vv().is_empty(),
            "nothing of it is written: {expected}"
        );
    }
    run(&document, [both, vec![edge("e", join)]].concat()).unwrap();
    assert_eq!(
        to_json(&document)["edges"],
        json!({"e": {"source": "a", "target": "b"}})
    );
}

#[test]
fn rm8_fields_are_checked_by_name_and_value() {
    let document = LoroDoc::new();
    let ends = [
        put("a", json!({"type": "note"})),
        put("b", json!({"type": "note"})),
    ];
    run(&document, ends.to_vec()).unwrap();
    let deep = (0..17).fold(json!(1), |inner, _| json!({ "k": inner }));
    let long = |bytes| "x".repeat(bytes);
    let node = |fields: Value| patch("a", fields);
    let table = [
        (put("c", json!({"title": "t"})), "type: a node needs one"),
        (node(json!({"type": null})), "type: a node keeps one"),
        (
            node(json!({"type": "film"})),
            "type: one of prompt, script,",
        ),
        (
            node(json!({"status": "done"})),
            "status: one of idle, pending,",
        ),
        (
            node(json!({"src": "/x"})),
            "src: the server alone writes it",
        ),
        (
            node(json!({"pendingTask": null})),
            "pendingTask: the server alone writes it",
        ),
        (
            node(json!({"colour": "red"})),
            "colour: unknown; known are type,",
        ),
        (node(json!({"x": "1"})), "x: a number"),
        (node(json!({"title": 1})), "title: a string"),
        (
            node(json!({"title": long(1025)})),
            "title: longer than 1024 bytes",
        ),
        (
            node(json!({"prompt": long(65_537)})),
            "prompt: longer than 65536 bytes",
        ),
        (node(json!({"params": "{}"})), "params: an object"),
        (
            node(json!({"params": deep})),
            "params: nested deeper than 16",
        ),
        (
            node(json!({"params": {"k": long(65_536)}})),
            "params: longer than 65536 bytes",
        ),
        (node(json!({"deleted": "yes"})), "deleted: true or false"),
        (put("", json!({"type": "note"})), "id: 1 to 128 bytes"),
        (put("a\nb", json!({"type": "note"})), "id: 1 to 128 bytes"),
        (
            put(&long(129), json!({"type": "note"})),
            "id: 1 to 128 bytes",
        ),
        (
            edge("e", json!({"source": "a"})),
            "target: an edge needs one",
        ),
        (
            edge("e", json!({"source": "a", "target": "a"})),
            "target: the node that",
        ),
        (
            edge("e", json!({"source": "a", "target": "b", "order": "1"})),
            "order: a number",
        ),
        (
            edge("e", json!({"source": "a", "target": "b", "colour": 1})),
            "colour: unknown",
        ),
    ];
    let version = document.oplog_vv();
    for (operation, expected) in table {
        let (_, why) = run(&document, vec![operation]).unwrap_err();
        assert!(why.starts_with(expected), "{why}");
    }
    assert_eq!(document.oplog_vv(), version);
}
