//! What has failed begins again, one by one or many at once, and whoever operates the platform sees
//! what waits (TK4, OP3).

use std::time::Duration;

use clash_tests::provider::Outcome;
use clash_tests::{Api, Member, Provider, Stack, eventually};
use serde_json::{Value, json};

const KINDS: [&str; 3] = ["image_gen", "image_desc", "text_gen"];
const LONG: Duration = Duration::from_secs(60);

async fn in_state(api: &Api, task: &str, state: &str) -> Value {
    eventually(&format!("{task} {state}"), LONG, || async {
        let shown = api.get(&format!("/api/tasks/{task}")).await.json();
        (shown["state"] == state).then_some(shown)
    })
    .await
}

async fn retry(api: &Api, task: &str) -> clash_tests::Reply {
    api.post(&format!("/api/tasks/{task}/retry"), &json!({}))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn tk4_a_failed_node_is_retried_under_its_own_task_before_everyone() {
    let stack = Stack::start().await;
    let project = stack.project("tk4-retry").await;
    let provider = Provider::start().await;
    provider.manner(|manner| manner.outcome = Outcome::Fails("no boats today"));
    provider.register(&stack, "gpu-1", &KINDS).await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let mut vera = Member::join(&stack, &project, &stack.token("vera", "viewer")).await;
    let asks = json!({"type": "image", "prompt": "a boat", "status": "generating"});
    alice.set_node("pic", asks).await;
    let pending = alice
        .until("pendingTask", LONG, |doc| {
            doc["nodes"]["pic"]["pendingTask"].is_string()
        })
        .await;
    let task = pending["nodes"]["pic"]["pendingTask"]
        .as_str()
        .expect("an id")
        .to_owned();
    for member in [&mut alice, &mut vera] {
        let failed = |doc: &Value| doc["nodes"]["pic"]["status"] == "failed";
        let doc = member.until("failed", LONG, failed).await;
        assert_eq!(doc["nodes"]["pic"]["error"], "no boats today");
    }

    let api = stack.api("alice", "editor");
    retry(&stack.api("vera", "viewer"), &task)
        .await
        .problem("a viewer's retry", 403);
    retry(&api, "t_00000000000000000000000000")
        .await
        .problem("an unknown task", 404);
    provider.manner(|manner| {
        manner.outcome = Outcome::Well;
        manner.work = Duration::from_millis(1_500);
    });
    let again = retry(&api, &task).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert!(again.json()["error"].is_null(), "{}", again.text());
    let why = retry(&api, &task).await.problem("a second retry", 409);
    assert!(
        why.contains("WAITING") || why.contains("PROCESSING"),
        "{why}"
    );
    for member in [&mut alice, &mut vera] {
        let waits = |doc: &Value| doc["nodes"]["pic"]["status"] == "generating";
        let doc = member.until("generating", LONG, waits).await;
        let node = &doc["nodes"]["pic"];
        assert_eq!(node["pendingTask"], task.as_str(), "{node}");
        assert!(node["error"].is_null(), "{node}");
    }
    for member in [&mut alice, &mut vera] {
        let fin = |doc: &Value| doc["nodes"]["pic"]["status"] == "fin";
        let doc = member.until("fin", LONG, fin).await;
        assert_eq!(doc["tasks"][&task]["state"], "FINISHED");
    }
    let keys: Vec<String> = provider
        .submissions()
        .into_iter()
        .filter(|submission| submission.task() == task)
        .map(|submission| submission.key)
        .collect();
    assert_eq!(keys, [format!("{task}.1"), format!("{task}.2")]);
    retry(&api, &task)
        .await
        .problem("a retry of what is finished", 409);

    // A node that is gone does not want its task back.
    provider.manner(|manner| manner.outcome = Outcome::Fails("no"));
    let asks = json!({"type": "image", "prompt": "x", "status": "generating"});
    alice.set_node("gone", asks).await;
    let failed = |doc: &Value| doc["nodes"]["gone"]["status"] == "failed";
    alice.until("failed", LONG, failed).await;
    let failed = api.get("/api/tasks?state=FAILED&node=gone").await.json();
    let task = failed["tasks"][0]["task_id"].as_str().expect("a task");
    alice.set_node("gone", json!({"deleted": true})).await;
    let why = retry(&api, task).await.problem("its node is gone", 409);
    assert!(why.contains("the node is gone"), "{why}");
    assert_eq!(
        in_state(&api, task, "FAILED").await["error"]["message"],
        "no"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tk4_op3_dead_letters_are_found_and_replayed_and_the_queues_are_shown() {
    let stack = Stack::start().await;
    let project = stack.project("tk4-dead").await;
    let provider = Provider::start().await;
    provider.manner(|manner| manner.outcome = Outcome::Fails("out of ink"));
    provider.register(&stack, "gpu-1", &KINDS).await;
    let (api, root) = (stack.api("alice", "editor"), stack.api("root", "admin"));
    let mut ids = Vec::new();
    for kind in ["text_gen", "text_gen", "image_gen"] {
        let ask = json!({"project": project, "kind": kind, "prompt": "x"});
        let reply = api.post("/api/tasks/submit", &ask).await;
        ids.push(reply.json()["task_id"].as_str().expect("an id").to_owned());
    }
    for id in &ids {
        in_state(&api, id, "FAILED").await;
    }
    api.get("/api/dead-letters")
        .await
        .problem("an editor's look", 403);
    let listed = |query: &'static str| {
        let root = &root;
        async move {
            let page = root.get(&format!("/api/dead-letters{query}")).await.json();
            let tasks = page["tasks"].as_array().expect("tasks").len();
            (tasks, page["next_cursor"].as_str().map(str::to_owned))
        }
    };
    assert_eq!(listed("").await, (3, None));
    assert_eq!(listed("?kind=image_gen").await, (1, None));
    assert_eq!(listed("?class=moderation").await, (0, None));
    assert_eq!(listed("?class=terminal&since_ms=1").await.0, 3);
    let (found, cursor) = listed("?limit=2").await;
    let rest = format!("/api/dead-letters?cursor={}", cursor.expect("a page"));
    let rest = root.get(&rest).await.json();
    assert_eq!(
        (found, rest["tasks"].as_array().map(Vec::len)),
        (2, Some(1))
    );
    root.get("/api/dead-letters?class=dance")
        .await
        .problem("an unknown class", 400);

    let queues = root.get("/api/queues").await.json();
    let text = queues["queues"].as_array().expect("queues");
    let text = text.iter().find(|queue| queue["kind"] == "text_gen");
    let text = text.expect("a queue of each kind");
    assert_eq!(
        text["failed_last_hour"],
        json!({"terminal": 2}),
        "{queues:#}"
    );
    assert_eq!(text["waiting"], 0);
    assert_eq!(queues["servers"][0]["slots"], 4, "{queues:#}");

    provider.manner(|manner| manner.outcome = Outcome::Well);
    let mut wanted = ids.clone();
    wanted.push("t_nobody".to_owned());
    for (body, expected) in [
        (json!({"kind": "image_gen"}), vec!["retried"]),
        (json!({"class": "moderation"}), vec![]),
        (
            json!({"tasks": wanted}),
            vec!["retried", "retried", "refused", "unknown"],
        ),
        (
            json!({"tasks": wanted}),
            vec!["refused", "refused", "refused", "unknown"],
        ),
        (json!({}), vec![]),
    ] {
        let reply = root.post("/api/dead-letters/replay", &body).await;
        assert_eq!(reply.status, 200, "{body}: {}", reply.text());
        let outcomes: Vec<_> = reply.json()["tasks"]
            .as_array()
            .expect("tasks")
            .iter()
            .map(|task| task["outcome"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(outcomes, expected, "{body}");
    }
    for id in &ids {
        let done = in_state(&api, id, "FINISHED").await;
        assert_eq!(done["attempt"], 2, "{done}");
    }
    assert_eq!(listed("").await, (0, None));
    for (body, what) in [
        (json!({"tasks": ids, "kind": "text_gen"}), "both"),
        (json!({"limit": 1001}), "too many"),
    ] {
        root.post("/api/dead-letters/replay", &body)
            .await
            .problem(what, 422);
    }
    let metrics = root.get("/metrics").await.text();
    for line in [
        r#"clash_tasks_ended_last_hour{kind="text_gen",state="FINISHED",class=""} 2"#,
        r#"clash_tasks{state="WAITING"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
}
