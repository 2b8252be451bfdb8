//! Many at the same moment: one request that is sent a hundred times, and a crowd before few slots
//! (GW8, TK10, RG4).

use std::collections::BTreeSet;
use std::time::Duration;

use clash_tests::{Provider, Stack, eventually};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

const LONG: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn tk4_gw8_a_hundred_identical_submissions_are_one_task() {
    let stack = Stack::start().await;
    let project = stack.project("tk4-once").await;
    let provider = Provider::start().await;
    provider.register(&stack, "gpu-1", &["text_gen"]).await;
    let api = stack.api("alice", "editor");
    let ask = json!({"project": project, "kind": "text_gen", "prompt": "once"});
    let send = || {
        let request = api.request(Method::POST, "/api/tasks/submit");
        api.send(request.header("idempotency-key", "the-same").json(&ask))
    };
    let mut ids = BTreeSet::new();
    for reply in join_all((0..100).map(|_| send())).await {
        match reply.status {
            202 => drop(ids.insert(reply.json()["task_id"].to_string())),
            // The first of them was still being answered.
            status => assert_eq!(status, 409, "{}", reply.text()),
        }
    }
    let late = send().await;
    assert_eq!(late.header("idempotency-replayed"), "true");
    ids.insert(late.json()["task_id"].to_string());
    assert_eq!(ids.len(), 1, "{ids:?}");
    eventually("FINISHED", LONG, || async {
        let listed = api.get("/api/tasks?project=tk4-once").await.json();
        let tasks = listed["tasks"].as_array().expect("tasks");
        assert_eq!(tasks.len(), 1, "{listed:#}");
        (tasks[0]["state"] == "FINISHED").then_some(())
    })
    .await;
    assert_eq!(provider.submissions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tk10_two_hundred_clients_never_have_more_than_the_five_slots_of_a_server() {
    let stack = Stack::start().await;
    let project = stack.project("tk10-race").await;
    let provider = Provider::start().await;
    provider.manner(|manner| manner.work = Duration::from_millis(60));
    provider
        .register_with(&stack, "gpu-1", &["text_gen"], 5)
        .await;
    let api = stack.api("alice", "editor");
    let submit = async |number: usize| {
        let ask = json!({"project": project, "kind": "text_gen", "prompt": number.to_string()});
        let reply = api.post("/api/tasks/submit", &ask).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
    };
    join_all((0..200).map(submit)).await;
    eventually("all FINISHED", LONG, || async {
        let listed = api
            .get("/api/tasks?project=tk10-race&state=FINISHED&limit=1000")
            .await
            .json();
        (listed["tasks"].as_array().map(Vec::len) == Some(200)).then_some(())
    })
    .await;
    let most = provider.most_open();
    eprintln!("200 tasks, at most {most} at once");
    assert!((2..=5).contains(&most), "{most} at once");
    let paid = provider.paid();
    assert_eq!(paid.len(), 200);
    assert!(paid.values().all(|begun| *begun == 1), "{paid:?}");
}
