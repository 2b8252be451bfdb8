//! Providers that are down, broken or lying: the node says so, and asking again works.

use std::time::Duration;

use clash_tests::provider::{Manner, Outcome, Submit};
use clash_tests::{Member, Provider, Setup, Stack};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(90);

fn is(doc: &Value, node: &str, status: &str) -> bool {
    doc["nodes"][node]["status"] == status
}

/// One node through a bad time, which must fail with a reason, and then a good one.
async fn through(
    alice: &mut Member,
    provider: &Provider,
    node: &str,
    manner: Manner,
    reason: &str,
) {
    provider.manner(|now| *now = manner);
    alice
        .set_node(
            node,
            json!({"type": "image", "prompt": node, "status": "generating"}),
        )
        .await;
    let failed = alice.until(node, LONG, |doc| is(doc, node, "failed")).await;
    let fields = &failed["nodes"][node];
    let why = fields["error"].as_str().unwrap_or_default();
    assert!(!why.is_empty() && why.contains(reason), "{node}: {fields}");
    assert!(
        fields["pendingTask"].is_null() && fields.get("src").is_none_or(Value::is_null),
        "{node}: {fields}"
    );
    provider.manner(|now| *now = Manner::default());
    alice.set_node(node, json!({"status": "generating"})).await;
    let done = alice.until(node, LONG, |doc| is(doc, node, "fin")).await;
    assert!(
        done["nodes"][node]["error"].is_null(),
        "{node}: {}",
        done["nodes"][node]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tk3_a_broken_provider_fails_the_node_with_a_reason_and_a_retry_works() {
    let setup = Setup {
        variables: vec![("no_server_timeout_s", "5".into())],
        ..Setup::default()
    };
    let stack = Stack::with(setup).await;
    let project = stack.project("tk3-broken").await;
    let provider = Provider::start().await;
    provider
        .register(&stack, "gpu-1", &["image_gen", "image_desc"])
        .await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let well = Manner::default();
    let submit = |submit| Manner { submit, ..well };
    let outcome = |outcome| Manner { outcome, ..well };
    for (node, manner, reason) in [
        ("status-500", submit(Submit::Status(500)), "500"),
        ("nonsense", submit(Submit::Nonsense), ""),
        ("status-422", submit(Submit::Status(422)), "422"),
        (
            "says-no",
            outcome(Outcome::Fails("the model said no")),
            "the model said no",
        ),
        ("empty", outcome(Outcome::Empty), ""),
        ("lost-file", outcome(Outcome::Lost), ""),
    ] {
        through(&mut alice, &provider, node, manner, reason).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tk3_a_provider_that_is_down_fails_the_node_with_a_reason_and_a_retry_works() {
    let setup = Setup {
        variables: vec![("no_server_timeout_s", "5".into())],
        ..Setup::default()
    };
    let stack = Stack::with(setup).await;
    let project = stack.project("tk3-down").await;
    let mut provider = Provider::start().await;
    provider
        .register(&stack, "gpu-1", &["image_gen", "image_desc"])
        .await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    provider.stop();
    alice
        .set_node(
            "n",
            json!({"type": "image", "prompt": "x", "status": "generating"}),
        )
        .await;
    let failed = alice
        .until("failed", LONG, |doc| is(doc, "n", "failed"))
        .await;
    assert!(
        failed["nodes"]["n"]["error"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{failed:#}"
    );
    provider.start_again().await;
    provider
        .register(&stack, "gpu-1", &["image_gen", "image_desc"])
        .await;
    alice.set_node("n", json!({"status": "generating"})).await;
    alice.until("fin", LONG, |doc| is(doc, "n", "fin")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tk7_a_submission_whose_answer_is_lost_is_not_paid_twice() {
    let stack = Stack::start().await;
    let project = stack.project("tk7-lost").await;
    let provider = Provider::start().await;
    provider
        .register(&stack, "gpu-1", &["image_gen", "image_desc"])
        .await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    provider.manner(|manner| {
        manner.submit = Submit::AcceptAndCut;
        manner.work = Duration::from_secs(2);
    });
    alice
        .set_node(
            "n",
            json!({"type": "image", "prompt": "x", "status": "generating"}),
        )
        .await;
    alice.until("fin", LONG, |doc| is(doc, "n", "fin")).await;
    assert_eq!(provider.paid().len(), 2, "{:?}", provider.submissions());
    assert!(
        provider.paid().values().all(|begun| *begun == 1),
        "{:?}",
        provider.submissions()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rg1_servers_are_registered_replaced_listed_and_deleted() {
    let stack = Stack::shared().await;
    let admin = stack.api("root", "admin");
    let owner = stack.api("rg1-owner", "server");
    let body = json!({"name": "a", "url": "http://127.0.0.1:9/", "kinds": ["rg1_nothing"], "token": "rg1-secret"});
    owner
        .post("/api/servers", &body)
        .await
        .problem("an unknown kind", 422);
    let provider = Provider::start().await;
    let body = json!({"name": "a", "url": provider.url(), "kinds": ["text_gen"], "slots": 2, "token": "rg1-secret"});
    let first = owner.post("/api/servers", &body).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = owner.post("/api/servers", &body).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(again.json()["id"], id.as_str());
    for reply in [
        first,
        again,
        admin.get("/api/servers").await,
        owner.get(&format!("/api/servers/{id}")).await,
    ] {
        assert!(
            reply.text().contains(&id) && !reply.text().contains("rg1-secret"),
            "{}",
            reply.text()
        );
    }
    let path = format!("/api/servers/{id}");
    let stranger = stack.api("rg1-stranger", "server");
    let listed = stranger.get("/api/servers").await;
    assert!(
        listed.status == 200 && !listed.text().contains(&id),
        "{}",
        listed.text()
    );
    for reply in [stranger.get(&path).await, stranger.delete(&path).await] {
        assert!(
            matches!(reply.status, 403 | 404),
            "{} {}",
            reply.status,
            reply.text()
        );
    }
    assert_eq!(
        owner
            .post(&format!("{path}/heartbeat"), &json!({}))
            .await
            .status,
        204
    );
    assert_eq!(owner.delete(&path).await.status, 204);
    admin.get(&path).await.problem("a deleted server", 404);
}
