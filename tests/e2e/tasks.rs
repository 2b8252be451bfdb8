//! From a node that asks to a node that is done, with a provider of the test's own.

use std::collections::BTreeSet;
use std::time::Duration;

use clash_tests::member::{node_map, put};
use clash_tests::provider::Home;
use clash_tests::{Api, Member, Provider, Setup, Stack, eventually};
use serde_json::{Value, json};

const KINDS: [&str; 6] = [
    "image_gen",
    "video_gen",
    "image_desc",
    "video_desc",
    "text_gen",
    "assemble",
];
const LONG: Duration = Duration::from_secs(60);

fn status(doc: &Value, node: &str) -> String {
    doc["nodes"][node]["status"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tk1_a_node_that_asks_goes_to_fin_before_everyone_and_is_submitted_once() {
    let stack = Stack::start().await;
    let project = stack.project("tk1").await;
    let provider = Provider::start().await;
    provider.manner(|manner| manner.work = Duration::from_millis(700));
    provider.register(&stack, "gpu-1", &KINDS).await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    let mut bob = Member::join(&stack, &project, &stack.token("vera", "viewer")).await;

    alice
        .set_node("idea", json!({"type": "prompt", "prompt": "a red boat"}))
        .await;
    alice
        .set_edge(
            "e",
            json!({"source": "idea", "target": "pic", "role": "prompt", "order": 0}),
        )
        .await;
    alice
        .set_node(
            "pic",
            json!({"type": "image", "status": "pending", "params": {"width": 1}}),
        )
        .await;
    let pending = bob
        .until("pendingTask", LONG, |doc| {
            doc["nodes"]["pic"]["pendingTask"].is_string()
        })
        .await;
    let task = pending["nodes"]["pic"]["pendingTask"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(status(&pending, "pic"), "generating");

    for member in [&mut bob, &mut alice] {
        let done = member
            .until("fin", LONG, |doc| status(doc, "pic") == "fin")
            .await;
        let node = &done["nodes"]["pic"];
        let src = node["src"].as_str().expect("a src");
        assert!(
            src.starts_with("/assets/") && src.ends_with("?project=tk1"),
            "{src}"
        );
        assert_eq!(node["description"], "A single pixel, seen through.");
        assert!(node["pendingTask"].is_null(), "{node}");
        assert_eq!(done["tasks"][&task]["state"], "FINISHED", "{done:#}");
        assert_eq!(done["tasks"][&task]["node"], "pic");
        assert_eq!(done["tasks"][&task]["kind"], "image_gen");
    }

    // Afterwards nothing more is asked for, by wake or by tick.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let submissions = provider.submissions();
    let kinds: Vec<_> = submissions
        .iter()
        .map(|submission| submission.kind())
        .collect();
    assert_eq!(kinds, ["image_gen", "image_desc"], "{submissions:#?}");
    let first = &submissions[0];
    assert_eq!(first.task(), task);
    assert_eq!(first.key, format!("{task}.1"));
    assert_eq!(first.authorization, "Bearer for-the-provider-alone");
    assert_eq!(first.body["prompt"], "a red boat");
    assert_eq!(first.body["params"]["width"], 1);
    assert!(
        first.body["callback_url"]
            .as_str()
            .is_some_and(|url| url.starts_with(&stack.url)),
        "{first:?}"
    );
    // The description gets the picture by a signed link that needs no token.
    let link = submissions[1].body["inputs"][0]["url"]
        .as_str()
        .expect("a link")
        .to_owned();
    let picture = Api::new(&stack.url, None).get(&link).await;
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/png"),
        "{link}"
    );
    let forged = link.replace("exp=", "exp=9");
    Api::new(&stack.url, None)
        .get(&forged)
        .await
        .problem("a changed link", 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn tk1_a_node_waits_for_its_inputs_and_fails_with_them() {
    let stack = Stack::start().await;
    let project = stack.project("tk1-inputs").await;
    let provider = Provider::start().await;
    provider.register(&stack, "gpu-1", &KINDS).await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    // The clip asks while its picture is being made.
    alice
        .set_edge(
            "e",
            json!({"source": "pic", "target": "clip", "role": "image", "order": 0}),
        )
        .await;
    alice
        .set_node(
            "pic",
            json!({"type": "image", "prompt": "a boat", "status": "generating"}),
        )
        .await;
    alice
        .set_node("clip", json!({"type": "video", "status": "generating"}))
        .await;
    let done = alice
        .until("both fin", LONG, |doc| {
            status(doc, "clip") == "fin" && status(doc, "pic") == "fin"
        })
        .await;
    assert!(done["nodes"]["clip"]["src"].is_string());
    let submissions = provider.submissions();
    let clip = submissions
        .iter()
        .find(|submission| submission.kind() == "video_gen")
        .expect("a clip");
    let role = &clip.body["inputs"][0];
    assert_eq!(
        (&role["role"], &role["media_type"]),
        (&json!("image"), &json!("image/png")),
        "{clip:?}"
    );

    provider
        .manner(|manner| manner.outcome = clash_tests::provider::Outcome::Fails("no more boats"));
    alice
        .set_edge(
            "e2",
            json!({"source": "pic2", "target": "clip2", "role": "image"}),
        )
        .await;
    // Both at once: the clip asks while its picture does.
    alice
        .write(|doc| {
            let picture = json!({"type": "image", "prompt": "x", "status": "generating"});
            put(&node_map(doc, "pic2"), &picture);
            let clip = json!({"type": "video", "status": "generating"});
            put(&node_map(doc, "clip2"), &clip);
        })
        .await;
    let done = alice
        .until("both failed", LONG, |doc| status(doc, "clip2") == "failed")
        .await;
    assert!(
        done["nodes"]["pic2"]["error"]
            .as_str()
            .is_some_and(|why| why.contains("no more boats")),
        "{done:#}"
    );
    assert!(
        done["nodes"]["clip2"]["error"]
            .as_str()
            .is_some_and(|why| why.contains("pic2")),
        "{done:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tk5_callbacks_twice_late_or_never_have_one_effect() {
    let stack = Stack::start().await;
    let project = stack.project("tk5").await;
    let provider = Provider::start().await;
    provider.register(&stack, "gpu-1", &KINDS).await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    for (node, home) in [
        ("twice", Home::CallbackTwice),
        ("never", Home::PollOnly),
        ("late", Home::LateCallback(Duration::from_secs(15))),
    ] {
        provider.manner(|manner| manner.home = home);
        let before = provider.callbacks().len();
        alice
            .set_node(
                node,
                json!({"type": "image", "prompt": node, "status": "generating"}),
            )
            .await;
        let done = alice
            .until(node, LONG, |doc| status(doc, node) == "fin")
            .await;
        if home == Home::PollOnly {
            assert!(provider.polls() > 0 && provider.callbacks().len() == before);
            continue;
        }
        let expected = before + if home == Home::CallbackTwice { 4 } else { 2 };
        eventually("all callbacks", LONG, || async {
            (provider.callbacks().len() >= expected).then_some(())
        })
        .await;
        let statuses = provider.callbacks().split_off(before);
        assert!(
            statuses.iter().all(|status| matches!(status, 204 | 409)),
            "{node}: {statuses:?}"
        );
        alice.listen(Duration::from_millis(500)).await;
        assert_eq!(
            alice.document()["nodes"][node],
            done["nodes"][node],
            "{node}: nothing changes afterwards"
        );
    }
    assert!(
        provider.paid().values().all(|begun| *begun == 1),
        "{:?}",
        provider.paid()
    );
    assert_eq!(
        provider.paid().len(),
        6,
        "three pictures and three descriptions"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rl2_kill_9_in_the_middle_of_tasks_loses_nothing_and_pays_nothing_twice() {
    let stack = Stack::start().await;
    let project = stack.project("rl2").await;
    let provider = Provider::start().await;
    provider.manner(|manner| manner.work = Duration::from_secs(3));
    provider.register(&stack, "gpu-1", &KINDS).await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    let nodes = ["a", "b", "c"];
    for node in nodes {
        alice
            .set_node(
                node,
                json!({"type": "image", "prompt": node, "status": "generating"}),
            )
            .await;
    }
    // Once with the submissions just made, once with the callbacks lost, once with the descriptions
    // on their way.
    eventually("the submissions", LONG, || async {
        (provider.submissions().len() >= 3).then_some(())
    })
    .await;
    stack.kill();
    tokio::time::sleep(Duration::from_secs(4)).await;
    stack.start_again();
    eventually("a description", LONG, || async {
        provider
            .submissions()
            .iter()
            .any(|submission| submission.kind() == "image_desc")
            .then_some(())
    })
    .await;
    stack.kill();
    stack.start_again();
    let mut alice = Member::rejoin(&stack, &project, &token, alice.doc.clone())
        .await
        .expect("joined again");
    alice
        .until("all fin", Duration::from_secs(90), |doc| {
            nodes.iter().all(|node| status(doc, node) == "fin")
        })
        .await;
    let submissions = provider.submissions();
    let tasks: BTreeSet<_> = submissions
        .iter()
        .map(|submission| submission.task())
        .collect();
    assert_eq!(tasks.len(), 6, "{submissions:#?}");
    assert!(
        provider.paid().values().all(|begun| *begun == 1),
        "{:?}",
        provider.paid()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op3_an_edge_that_ticks_beside_the_scheduler_does_nothing_twice() {
    let stack = Stack::with(Setup {
        edge_ticks: Some("50ms"),
        ..Setup::default()
    })
    .await;
    let project = stack.project("op3").await;
    let provider = Provider::start().await;
    // Nothing but ticks finds the end of these.
    provider.manner(|manner| {
        manner.home = Home::PollOnly;
        manner.work = Duration::from_millis(500);
    });
    provider.register(&stack, "gpu-1", &KINDS).await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    let nodes: Vec<_> = (0..12).map(|number| format!("n{number}")).collect();
    for node in &nodes {
        let asks = json!({"type": "image", "prompt": node, "status": "generating"});
        alice.set_node(node, asks).await;
    }
    alice
        .until("all fin", Duration::from_secs(90), |doc| {
            nodes.iter().all(|node| status(doc, node) == "fin")
        })
        .await;
    let submissions = provider.submissions();
    let keys: BTreeSet<_> = submissions
        .iter()
        .map(|submission| submission.key.as_str())
        .collect();
    assert_eq!(keys.len(), 2 * nodes.len(), "a picture and its description");
    assert_eq!(submissions.len(), keys.len(), "{submissions:#?}");
    assert!(
        provider.paid().values().all(|begun| *begun == 1),
        "{:?}",
        provider.paid()
    );
    // The edge's own ticks are seen: those of the scheduler are five seconds apart.
    let api = stack.api("alice", "viewer");
    let ticked = || async {
        let health = api.get("/api/health").await.json();
        let at_ms = &health["components"]["scheduler"]["last_tick_at_ms"];
        at_ms.as_i64().expect("a time")
    };
    eventually("two ticks that are close", LONG, || async {
        let first = ticked().await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        (1..4_000).contains(&(ticked().await - first)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tk4_the_client_api_submits_shows_lists_and_cancels() {
    let stack = Stack::start().await;
    let project = stack.project("tk4").await;
    let provider = Provider::start().await;
    provider.manner(|manner| manner.work = Duration::from_millis(500));
    provider.register(&stack, "gpu-1", &KINDS).await;
    let api = stack.api("alice", "editor");
    let ask = json!({"project": project, "kind": "text_gen", "prompt": "a pixel"});
    let mut tasks = Vec::new();
    for path in ["/api/tasks/submit", "/api/task"] {
        let reply = api.post(path, &ask).await;
        assert_eq!(reply.status, 202, "{path}: {}", reply.text());
        tasks.push(reply.json()["task_id"].as_str().expect("an id").to_owned());
    }
    for (task, path) in tasks.iter().zip(["/api/tasks/", "/api/task/"]) {
        let done = eventually("FINISHED", LONG, || async {
            let shown = api.get(&format!("{path}{task}")).await.json();
            (shown["state"] == "FINISHED").then_some(shown)
        })
        .await;
        assert_eq!(done["project"], "tk4", "{done:#}");
        assert_eq!(
            (&done["kind"], &done["attempt"]),
            (&json!("text_gen"), &json!(1)),
            "{done:#}"
        );
        assert_eq!(done["result"]["text"], "INT. A PIXEL. DAY.");
        for time in ["created_at_ms", "started_at_ms", "ended_at_ms"] {
            assert!(done[time].is_i64(), "{time}: {done:#}");
        }
    }
    let finished = api.get("/api/tasks?project=tk4&state=FINISHED").await;
    assert_eq!(
        finished.json()["tasks"].as_array().map(Vec::len),
        Some(2),
        "{}",
        finished.text()
    );

    provider.manner(|manner| manner.work = Duration::from_secs(120));
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    alice
        .set_node(
            "n",
            json!({"type": "image", "prompt": "slow", "status": "generating"}),
        )
        .await;
    let doc = alice
        .until("pendingTask", LONG, |doc| {
            doc["nodes"]["n"]["pendingTask"].is_string()
        })
        .await;
    let task = doc["nodes"]["n"]["pendingTask"].as_str().expect("an id");
    // A result from somebody whose task it is not.
    let stranger = stack.api("gpu-2", "server");
    let forged = json!({"task_id": task, "state": "FAILED", "error": {"class": "terminal", "message": "forged"}});
    stranger
        .put(&format!("/api/task/{task}"), &forged)
        .await
        .problem("a result of another server", 403);
    api.put(&format!("/api/task/{task}"), &forged)
        .await
        .problem("a result of an editor", 403);
    let cancelled = api
        .post(&format!("/api/tasks/{task}/cancel"), &json!({}))
        .await;
    assert!(
        (200..300).contains(&cancelled.status),
        "{} {}",
        cancelled.status,
        cancelled.text()
    );
    let doc = alice
        .until("idle", LONG, |doc| {
            doc["nodes"]["n"]["pendingTask"].is_null()
        })
        .await;
    assert_ne!(status(&doc, "n"), "generating", "{doc:#}");
    assert_eq!(
        api.get(&format!("/api/tasks/{task}")).await.json()["state"],
        "CANCELLED"
    );
    api.get("/api/tasks/t_00000000000000000000000000")
        .await
        .problem("an unknown task", 404);
    let bad = json!({"project": project, "kind": "sing", "prompt": "x"});
    let refused = api.post("/api/tasks/submit", &bad).await;
    assert!(
        matches!(refused.status, 400 | 422),
        "{} {}",
        refused.status,
        refused.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tk3_without_a_server_a_node_fails_after_the_time_that_is_set() {
    let setup = Setup {
        variables: vec![("no_server_timeout_s", "3".into())],
        ..Setup::default()
    };
    let stack = Stack::with(setup).await;
    let project = stack.project("tk3-nobody").await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    alice
        .set_node(
            "n",
            json!({"type": "image", "prompt": "x", "status": "generating"}),
        )
        .await;
    let doc = alice
        .until("failed", LONG, |doc| status(doc, "n") == "failed")
        .await;
    assert!(
        doc["nodes"]["n"]["error"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{doc:#}"
    );
    // Somebody comes, and asking again works.
    let provider = Provider::start().await;
    provider.register(&stack, "gpu-1", &KINDS).await;
    alice.set_node("n", json!({"status": "generating"})).await;
    alice
        .until("fin", LONG, |doc| status(doc, "n") == "fin")
        .await;
}
