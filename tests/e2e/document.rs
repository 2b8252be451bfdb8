//! The document over HTTP: read in three forms, changed by fields, operations and updates, beside
//! members who hold it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clash_tests::member::{node_map, put};
use clash_tests::{Api, Member, Reply, Stack, eventually};
use loro::{ExportMode, LoroDoc, ToJson, VersionVector};
use reqwest::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

fn document(reply: &Reply) -> LoroDoc {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/octet-stream");
    let document = LoroDoc::new();
    document.import(&reply.body).expect("a Loro document");
    document
}

/// The nodes alone: a snapshot also names maps that are empty.
fn nodes_of(document: &LoroDoc) -> Value {
    document.get_deep_value().to_json_value()["nodes"].clone()
}

fn version(text: &str) -> VersionVector {
    let bytes = STANDARD.decode(text).expect("base64");
    VersionVector::decode(&bytes).expect("a version vector")
}

/// Sends bytes as they are.
async fn send(api: &Api, path: &str, bytes: Vec<u8>) -> Reply {
    let request = api.request(Method::POST, path);
    let request = request.header("content-type", "application/octet-stream");
    api.send(request.body(bytes)).await
}

async fn with(api: &Api, method: Method, path: &str, header: (&str, &str), body: Value) -> Reply {
    let request = api.request(method, path).header(header.0, header.1);
    api.send(request.json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_a_document_is_read_as_json_as_snapshot_and_by_version() {
    let stack = Stack::shared().await;
    let project = stack.project("rm8-read").await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let vera = stack.api("vera", "viewer");
    let path = format!("/api/projects/{project}/document");
    let empty = vera.get(&path).await;
    assert_eq!(empty.json(), json!({"nodes": {}, "edges": {}, "tasks": {}}));

    alice
        .set_node("n", json!({"type": "note", "text": "first"}))
        .await;
    let first = vera.get(&path).await;
    assert_eq!(first.json()["nodes"], alice.document()["nodes"]);
    assert_eq!(version(first.header("loro-version")), alice.doc.oplog_vv());
    let etag = first.header("etag").to_owned();
    assert_ne!(etag, empty.header("etag"));
    let behind = document(&vera.get(&format!("{path}?format=snapshot")).await);
    assert_eq!(nodes_of(&behind), alice.document()["nodes"]);

    alice.set_node("n", json!({"text": "second"})).await;
    let again = vera
        .request(Method::GET, &path)
        .header("if-none-match", &etag);
    assert_eq!(vera.send(again).await.status, 200);
    let second = vera.get(&path).await;
    let etag = second.header("etag").to_owned();
    let again = vera
        .request(Method::GET, &path)
        .header("if-none-match", &etag);
    let again = vera.send(again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let other = format!("{path}?format=snapshot");
    let other = vera
        .request(Method::GET, &other)
        .header("if-none-match", &etag);
    assert_eq!(vera.send(other).await.status, 200, "another form of it");

    // Only what is missing, in either alphabet.
    let from = behind.oplog_vv().encode();
    for from in [STANDARD.encode(&from), URL_SAFE_NO_PAD.encode(&from)] {
        let updates = vera
            .get(&format!("{path}?format=updates&from={from}"))
            .await;
        let behind = behind.fork();
        behind.import(&updates.body).expect("an update");
        assert_eq!(nodes_of(&behind), alice.document()["nodes"]);
    }
    let all = document(&vera.get(&format!("{path}?format=updates")).await);
    assert_eq!(nodes_of(&all), alice.document()["nodes"]);
    for query in [
        "format=xml",
        "format=updates&from=!",
        "format=updates&from=____",
    ] {
        let path = format!("{path}?{query}");
        vera.get(&path).await.problem(query, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_updates_are_imported_and_reach_members() {
    let stack = Stack::shared().await;
    let project = stack.project("rm8-import").await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let bob = stack.api("bob", "agent");
    let path = format!("/api/projects/{project}/updates");
    let local = LoroDoc::new();
    let mut edits = ["one", "two", "three"].into_iter().map(|text| {
        let before = local.oplog_vv();
        put(
            &node_map(&local, "n"),
            &json!({"type": "note", "text": text}),
        );
        local.commit();
        let update = local.export(ExportMode::updates(&before));
        update.expect("an update")
    });
    let (one, two, three) = (edits.next(), edits.next(), edits.next());
    let (one, two, three) = (one.expect("1"), two.expect("2"), three.expect("3"));

    let reply = send(&bob, &path, one.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["updates"], json!(["applied"]));
    alice
        .until("one", SOON, |doc| doc["nodes"]["n"]["text"] == "one")
        .await;
    // The third builds on the second, which is not there yet.
    let reply = send(&bob, &path, three.clone()).await;
    assert_eq!(
        reply.json()["updates"],
        json!(["pending"]),
        "{}",
        reply.text()
    );
    let body = json!({"updates": [STANDARD.encode(&two), URL_SAFE_NO_PAD.encode(&one)]});
    let reply = bob.post(&path, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["updates"], json!(["applied", "known"]));
    assert_eq!(
        version(reply.json()["version"].as_str().expect("a version")),
        local.oplog_vv()
    );
    alice
        .until("three", SOON, |doc| doc["nodes"]["n"]["text"] == "three")
        .await;

    // Nothing of what is refused remains.
    let stranger = LoroDoc::new();
    put(&node_map(&stranger, "s"), &json!({"type": "note"}));
    stranger.commit();
    let good = stranger
        .export(ExportMode::all_updates())
        .expect("an update");
    let mut flipped = good.clone();
    *flipped.last_mut().expect("bytes") ^= 0xff;
    for garbage in [flipped.clone(), Vec::new(), b"loro".to_vec()] {
        send(&bob, &path, garbage).await.problem("garbage", 422);
    }
    let body = json!({"updates": [STANDARD.encode(&good), STANDARD.encode(&flipped)]});
    let detail = bob.post(&path, &body).await.problem("half garbage", 422);
    assert!(detail.starts_with("updates[1]"), "{detail}");
    for (body, status) in [
        (json!({"updates": []}), 422),
        (json!({"updates": ["!"]}), 422),
        (json!({"updates": vec![""; 257]}), 422),
        (json!({"update": ""}), 400),
    ] {
        bob.post(&path, &body).await.problem("the list", status);
    }
    send(&bob, &path, vec![0; 8 * 1024 * 1024 + 1])
        .await
        .problem("too large", 413);
    let request = bob.request(Method::POST, &path).body("x");
    bob.send(request).await.problem("no media type", 415);
    let shown = bob.get(&format!("/api/projects/{project}/document")).await;
    assert_eq!(shown.json()["nodes"], alice.document()["nodes"]);
    assert!(shown.json()["nodes"].get("s").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_a_node_is_made_changed_and_deleted_before_everyone() {
    let stack = Stack::shared().await;
    let project = stack.project("rm8-node").await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let bob = stack.api("bob", "agent");
    // An id that has to be written otherwise in a path.
    let path = format!("/api/projects/{project}/nodes/a%20node");
    bob.get(&path).await.problem("not there", 404);
    bob.patch(&path, &json!({"x": 1}))
        .await
        .problem("not there", 404);
    bob.delete(&path).await.problem("not there", 404);

    let fields = json!({"type": "note", "x": 1, "text": "one"});
    let made = with(
        &bob,
        Method::PUT,
        &path,
        ("if-none-match", "*"),
        fields.clone(),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["node"], fields);
    with(
        &bob,
        Method::PUT,
        &path,
        ("if-none-match", "*"),
        fields.clone(),
    )
    .await
    .problem("there already", 412);
    let same = bob.put(&path, &fields).await;
    assert_eq!((same.status, &same.json()["changed"]), (200, &json!(false)));

    let patch = json!({"text": "two", "x": null, "params": {"k": 1}});
    let changed = bob.patch(&path, &patch).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let expected = json!({"type": "note", "text": "two", "params": {"k": 1}});
    assert_eq!(changed.json()["node"], expected);
    let seen = alice
        .until("two", SOON, |doc| doc["nodes"]["a node"]["text"] == "two")
        .await;
    assert_eq!(seen["nodes"]["a node"], expected);
    let messages: Vec<String> = alice
        .doc
        .export_json_updates(&VersionVector::default(), &alice.doc.oplog_vv())
        .expect("the history")
        .changes
        .into_iter()
        .filter_map(|change| change.msg)
        .collect();
    assert!(
        messages.contains(&r#"{"actor":"bob"}"#.to_owned()),
        "{messages:?}"
    );

    // Versions of a node.
    let shown = bob.get(&path).await;
    assert_eq!(shown.json(), expected);
    let etag = shown.header("etag").to_owned();
    assert_eq!(changed.header("etag"), etag);
    let x = json!({"x": 7});
    let first = with(&bob, Method::PATCH, &path, ("if-match", &etag), x.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text());
    with(&bob, Method::PATCH, &path, ("if-match", &etag), x)
        .await
        .problem("changed meanwhile", 412);

    for (body, says) in [
        (
            json!({"src": "/assets/x"}),
            "src: the server alone writes it",
        ),
        (json!({"type": "film"}), "type: one of"),
        (json!({"colour": "red"}), "colour: unknown"),
        (json!({"title": "x".repeat(2_000)}), "title: longer than"),
    ] {
        let detail = bob.patch(&path, &body).await.problem(says, 422);
        assert!(detail.starts_with(says), "{detail}");
    }
    bob.patch(&path, &json!([1])).await.problem("a list", 400);
    let detail = bob
        .put(&path, &json!({"x": 1}))
        .await
        .problem("no type", 422);
    assert!(detail.starts_with("type:"), "{detail}");

    assert_eq!(bob.delete(&path).await.status, 204);
    alice
        .until("deleted", SOON, |doc| {
            doc["nodes"]["a node"]["deleted"] == true
        })
        .await;
    bob.get(&path).await.problem("deleted", 404);
    bob.delete(&path).await.problem("deleted", 404);
    assert_eq!(bob.put(&path, &fields).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_operations_are_made_all_or_none() {
    let stack = Stack::shared().await;
    let project = stack.project("rm8-operations").await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let bob = stack.api("bob", "agent");
    let path = format!("/api/projects/{project}/operations");
    let node = |id: &str| json!({"op": "put_node", "id": id, "node": {"type": "note"}});
    let edge = |source: &str, target: &str| json!({"op": "put_edge", "id": "e", "edge": {"source": source, "target": target}});
    let body = json!({"operations": [node("a"), edge("a", "b")]});
    let detail = bob.post(&path, &body).await.problem("no such end", 422);
    assert_eq!(detail, "operations[1]: target: there is no node b");
    let body = json!({"message": "a scene", "operations": [node("a"), node("b"), edge("a", "b"),
        {"op": "patch_node", "id": "a", "node": {"title": "A"}}]});
    let made = bob.post(&path, &body).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(
        (&made.json()["changed"], &made.json()["head"]),
        (&json!(true), &json!(1))
    );
    let seen = alice
        .until("the edge", SOON, |doc| doc["edges"].get("e").is_some())
        .await;
    assert_eq!(
        (&seen["nodes"], &seen["edges"]),
        (
            &json!({"a": {"type": "note", "title": "A"}, "b": {"type": "note"}}),
            &json!({"e": {"source": "a", "target": "b"}})
        )
    );
    assert_eq!(
        version(made.json()["version"].as_str().expect("a version")),
        alice.doc.oplog_vv()
    );
    // What is repeated with its key is answered as before, and nothing is made twice.
    let key = ("idempotency-key", "rm8-once");
    let body = json!({"operations": [{"op": "delete_edge", "id": "e"}]});
    for replayed in ["", "true"] {
        let reply = with(&bob, Method::POST, &path, key, body.clone()).await;
        assert_eq!(
            (reply.status, reply.header("idempotency-replayed")),
            (200, replayed)
        );
    }
    let detail = bob.post(&path, &body).await.problem("without the key", 422);
    assert_eq!(detail, "operations[0]: there is no edge e");

    let many: Vec<Value> = (0..257).map(|at| node(&at.to_string())).collect();
    for (body, status) in [
        (json!({"operations": []}), 422),
        (json!({ "operations": many }), 422),
        (
            json!({"operations": [node("a")], "message": "x".repeat(1_025)}),
            422,
        ),
        (json!({"operations": [{"op": "burn", "id": "a"}]}), 400),
        (
            json!({"operations": [{"op": "delete_node", "id": "a", "now": true}]}),
            400,
        ),
    ] {
        bob.post(&path, &body).await.problem("the list", status);
    }
    let request = bob.request(Method::POST, &path);
    let request = request.header("content-type", "application/json");
    let request = request.body(vec![b' '; 1024 * 1024 + 1]);
    bob.send(request).await.problem("too large", 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_only_who_may_reads_and_writes() {
    let stack = Stack::shared().await;
    let project = stack.project("rm8-rights").await;
    let eve = stack.token_with(&["--sub", "eve", "--role", "admin", "--tenant", "other"]);
    let eve = Api::new(&stack.url, Some(eve));
    let (vera, nobody) = (stack.api("vera", "viewer"), Api::new(&stack.url, None));
    let path = |rest: &str| format!("/api/projects/{project}/{rest}");
    let node = json!({"type": "note"});
    let operations = json!({"operations": [{"op": "put_node", "id": "n", "node": node.clone()}]});
    let writes = [
        (Method::PUT, path("nodes/n"), node.clone()),
        (Method::PATCH, path("nodes/n"), node),
        (Method::DELETE, path("nodes/n"), json!({})),
        (Method::POST, path("operations"), operations),
        (Method::POST, path("updates"), json!({"updates": [""]})),
    ];
    for (api, status) in [(&vera, 403), (&eve, 404), (&nobody, 401)] {
        for (method, path, body) in &writes {
            let request = api.request(method.clone(), path).json(body);
            api.send(request).await.problem(path, status);
        }
    }
    for rest in ["document?format=snapshot", "nodes/n", "events"] {
        eve.get(&path(rest)).await.problem(rest, 404);
        nobody.get(&path(rest)).await.problem(rest, 401);
    }
    let shown = vera.get(&path("document")).await;
    assert_eq!(shown.json()["nodes"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_a_status_set_over_http_starts_a_task() {
    let stack = Stack::shared().await;
    let project = stack.project("rm8-task").await;
    let bob = stack.api("bob", "agent");
    let path = format!("/api/projects/{project}/nodes/pic");
    let fields = json!({"type": "image", "prompt": "a red boat"});
    assert_eq!(bob.put(&path, &fields).await.status, 201);
    let asked = bob.patch(&path, &json!({"status": "generating"})).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    // Sooner than the next tick.
    let task = eventually("a task", Duration::from_secs(4), || async {
        let node = bob.get(&path).await.json();
        node["pendingTask"].as_str().map(str::to_owned)
    })
    .await;
    let task = bob.get(&format!("/api/tasks/{task}")).await.json();
    assert_eq!(
        (&task["kind"], &task["node"]),
        (&json!("image_gen"), &json!("pic"))
    );
    // Deleted, it wants nothing any more.
    assert_eq!(bob.delete(&path).await.status, 204);
    let id = task["task_id"].as_str().expect("an id").to_owned();
    eventually("the end of the task", SOON, || async {
        let task = bob.get(&format!("/api/tasks/{id}")).await.json();
        (task["state"] == "CANCELLED").then_some(())
    })
    .await;
}
