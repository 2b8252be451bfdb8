//! RM9: versions, views, differences, going back before everybody's eyes, and who changed what.

use std::time::Duration;

use clash_tests::{Api, Member, Stack};
use reqwest::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

async fn named(api: &Api, project: &str, body: &Value) -> Value {
    let path = format!("/api/projects/{project}/versions");
    let made = api.post(&path, body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

/// Who changed which nodes, the newest first.
fn authors(history: &Value) -> Vec<(String, Vec<String>)> {
    let entries = history["history"].as_array().expect("a history").iter();
    entries
        .map(|entry| {
            let changes = entry["changes"].as_array().expect("changes").iter();
            let nodes = changes.filter_map(|change| change["node"].as_str());
            (
                entry["actor"].as_str().expect("an actor").to_owned(),
                nodes.map(str::to_owned).collect(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rm9_a_version_is_named_viewed_compared_and_restored_live() {
    let stack = Stack::shared().await;
    let project = stack.project("rm9-live").await;
    let api = stack.api("alice", "editor");
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let mut bob = Member::join(&stack, &project, &stack.token("bob", "editor")).await;
    alice
        .set_node("a", json!({"type": "note", "text": "one", "x": 1}))
        .await;
    let first = named(&api, &project, &json!({"name": "First"})).await;
    assert_eq!(
        (&first["kind"], &first["name"], &first["created_by"]),
        (&json!("named"), &json!("First"), &json!("alice"))
    );
    bob.until("a", SOON, |doc| doc["nodes"].get("a").is_some())
        .await;
    bob.set_node("a", json!({"text": "two"})).await;
    bob.set_node("b", json!({"type": "note"})).await;
    let second = named(&api, &project, &json!({"name": "Second"})).await;

    let at = |version: &Value, rest: &str| {
        let id = version["id"].as_str().expect("an id");
        format!("/api/projects/{project}/versions/{id}{rest}")
    };
    let view = api.get(&at(&first, "/document")).await.json();
    assert_eq!(
        view["nodes"],
        json!({"a": {"type": "note", "text": "one", "x": 1}})
    );
    let expected = json!({
        "added": [{"node": "b", "fields": {"type": {"after": "note"}}}],
        "removed": [],
        "changed": [{"node": "a", "fields": {"text": {"before": "one", "after": "two"}}}],
    });
    let to_second = format!("/diff?to={}", second["id"].as_str().expect("an id"));
    for rest in ["/diff", "/diff?to=current", &to_second] {
        let diff = api.get(&at(&first, rest)).await.json();
        assert_eq!(diff, expected, "{rest}");
    }

    // Back, while both look on.
    let restored = api.post(&at(&first, "/restore"), &json!({})).await;
    assert_eq!(restored.status, 200, "{}", restored.text());
    let restored = restored.json();
    assert_eq!(
        (&restored["nodes"], &restored["edges"]),
        (&json!(2), &json!(0))
    );
    for member in [&mut alice, &mut bob] {
        member
            .until("the old text", SOON, |doc| {
                doc["nodes"]["a"]["text"] == "one" && doc["nodes"]["b"]["deleted"] == true
            })
            .await;
    }
    let again = api.post(&at(&first, "/restore"), &json!({})).await.json();
    assert_eq!(again, json!({"nodes": 0, "edges": 0, "before": null}));
    // And forward again, by the version that was made right before.
    let before = json!({"id": restored["before"]});
    assert_eq!(api.get(&at(&before, "")).await.json()["kind"], "auto");
    api.post(&at(&before, "/restore"), &json!({})).await;
    alice
        .until("the new text", SOON, |doc| {
            doc["nodes"]["a"]["text"] == "two" && doc["nodes"]["b"]["deleted"].is_null()
        })
        .await;

    // Names are changed and taken away.
    let body = json!({"name": "The first"});
    let request = api.request(Method::PATCH, &at(&first, ""));
    let renamed = api.send(request.json(&body)).await;
    assert_eq!(renamed.json()["name"], "The first");
    let list = api
        .get(&format!("/api/projects/{project}/versions?limit=1000"))
        .await
        .json();
    let names: Vec<_> = list["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .filter_map(|version| version["name"].as_str())
        .collect();
    assert_eq!(names, ["Second", "The first"]);
    assert_eq!(api.delete(&at(&first, "")).await.status, 204);
    api.get(&at(&first, "")).await.problem("deleted", 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm9_history_names_alice_and_bob_and_leads_to_their_points() {
    let stack = Stack::shared().await;
    let project = stack.project("rm9-history").await;
    let api = stack.api("carol", "viewer");
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let mut bob = Member::join(&stack, &project, &stack.token("bob", "agent")).await;
    alice
        .set_node("a", json!({"type": "note", "text": "one"}))
        .await;
    bob.until("a", SOON, |doc| doc["nodes"].get("a").is_some())
        .await;
    // What a client says of itself in its commit message is no proof.
    bob.doc.set_next_commit_message(r#"{"actor":"alice"}"#);
    bob.set_node("a", json!({"text": "two"})).await;
    bob.set_node("b", json!({"type": "note"})).await;
    let path = format!("/api/projects/{project}/history");
    let history = api.get(&path).await.json();
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        authors(&history),
        [
            ("bob".to_owned(), own(&["a", "b"])),
            ("alice".to_owned(), own(&["a"])),
        ]
    );
    let only = api.get(&format!("{path}?node=b")).await.json();
    assert_eq!(authors(&only), [("bob".to_owned(), own(&["b"]))]);
    let page = api.get(&format!("{path}?limit=1")).await.json();
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = api.get(&format!("{path}?cursor={cursor}")).await.json();
    assert_eq!(authors(&rest), [("alice".to_owned(), own(&["a"]))]);

    // Alice's point gets a name afterwards.
    let editor = stack.api("alice", "editor");
    let body = json!({"name": "hers", "at": rest["history"][0]["at"]});
    let version = named(&editor, &project, &body).await;
    let id = version["id"].as_str().expect("an id");
    let view = api
        .get(&format!("/api/projects/{project}/versions/{id}/document"))
        .await
        .json();
    assert_eq!(view["nodes"]["a"]["text"], "one");
    assert_eq!(view["nodes"]["b"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm9_wrong_calls_of_the_history_are_refused_by_name() {
    let stack = Stack::shared().await;
    let project = stack.project("rm9-wrong").await;
    let api = stack.api("alice", "editor");
    let versions = format!("/api/projects/{project}/versions");
    let elsewhere = {
        let doc = loro::LoroDoc::new();
        doc.get_map("nodes").insert("x", 1).expect("an insert");
        doc.commit();
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(doc.oplog_frontiers().encode())
    };
    for (what, body, status) in [
        ("no name", json!({}), 400),
        ("an empty name", json!({"name": " "}), 400),
        ("a control character", json!({"name": "a\u{7}"}), 400),
        ("an unknown field", json!({"name": "n", "colour": 1}), 400),
        ("no base64", json!({"name": "n", "at": "?!"}), 422),
        ("garbage", json!({"name": "n", "at": "////////"}), 422),
        (
            "another's point",
            json!({"name": "n", "at": elsewhere}),
            422,
        ),
        (
            "a long point",
            json!({"name": "n", "at": "A".repeat(16_000)}),
            422,
        ),
    ] {
        let refused = api.post(&versions, &body).await;
        refused.problem(what, status);
    }
    let version = named(&api, &project, &json!({"name": "empty"})).await;
    let id = version["id"].as_str().expect("an id");
    api.get(&format!("{versions}/{id}/diff?to=nothing"))
        .await
        .problem("an unknown version", 404);
    let view = api.get(&format!("{versions}/{id}/document")).await.json();
    assert_eq!(view["nodes"], json!({}));
    for query in ["limit=0", "limit=x", "cursor=x"] {
        let path = format!("/api/projects/{project}/history?{query}");
        api.get(&path).await.problem(query, 400);
    }
    // The same request again makes no second version.
    let request = || {
        let request = api.request(Method::POST, &versions);
        request
            .header("idempotency-key", "rm9-once")
            .json(&json!({"name": "once"}))
    };
    let (one, other) = (api.send(request()).await, api.send(request()).await);
    assert_eq!(one.json()["id"], other.json()["id"]);
}
