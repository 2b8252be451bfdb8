//! Servers that speak other interfaces, accounts among them; draining, and many that vanish at once.

use std::time::Duration;

use clash_tests::{Provider, Stack, eventually};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(90);
/// Of a published vector of Standard Webhooks.
const WEBHOOK_SECRET: &str = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";

fn with(base: &Value, fields: Value) -> Value {
    let mut whole = base.clone();
    for (name, value) in fields.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    whole
}

fn account() -> Value {
    json!({
        "name": "clips", "url": "http://127.0.0.1:9/rg1", "interface": "kling", "kinds": ["video_gen"],
        "models": [{"name": "kling-v2", "slots": 2}], "token": "rg1-access-key",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rg1_registrations_that_make_no_sense_are_refused_field_by_field() {
    let stack = Stack::shared().await;
    let admin = stack.api("root", "admin");
    let model = |name: &str| json!({"name": name});
    let server = json!({"name": "a", "url": "http://127.0.0.1:9/rg1", "kinds": ["text_gen"]});
    for (base, fields, reason) in [
        (&server, json!({"tier": 10}), "tier: 0 to 9"),
        (&server, json!({"tier": -1}), "tier: 0 to 9"),
        (
            &server,
            json!({"rate_per_min": 0}),
            "rate_per_min: 1 to 100000",
        ),
        (&server, json!({"batch": 33}), "batch: 1 to 32"),
        (&server, json!({"slots": 0}), "slots: 1 to 1024"),
        (&server, json!({"account": "a".repeat(101)}), "account:"),
        (
            &server,
            json!({"models": [model("a"), model("a")]}),
            "models:",
        ),
        (&server, json!({"models": [model("")]}), "models:"),
        (
            &server,
            json!({"models": [{"name": "a", "slots": 0}]}),
            "models: slots: 1 to 1024",
        ),
        (
            &server,
            json!({"secret": "s"}),
            "secret: tasks has no pairs",
        ),
        (
            &server,
            json!({"webhook_secret": WEBHOOK_SECRET}),
            "webhook_secret:",
        ),
        (&server, json!({"token": "with space"}), "token:"),
        (
            &server,
            json!({"interface": "predict", "secret": "s"}),
            "secret:",
        ),
        (&account(), json!({"token": null}), "token: kling"),
        (
            &account(),
            json!({"token": null, "secret": "s"}),
            "token: kling",
        ),
        (&account(), json!({"models": []}), "models: kling"),
        (&account(), json!({"batch": 2}), "batch: kling"),
        (
            &account(),
            json!({"webhook_secret": "whsec_short"}),
            "webhook_secret:",
        ),
        (
            &account(),
            json!({"interface": "gemini", "token": null}),
            "token: gemini",
        ),
        (
            &account(),
            json!({"interface": "gemini", "models": []}),
            "models: gemini",
        ),
        (
            &account(),
            json!({"interface": "openai", "secret": "s"}),
            "secret: openai",
        ),
        (
            &account(),
            json!({"interface": "openai", "models": []}),
            "models: openai",
        ),
        // RG5: an account is not called at its registration, and its address is checked all the same.
        (&account(), json!({"url": "http://10.0.0.7/"}), "url:"),
        (
            &account(),
            json!({"url": "http://169.254.169.254/"}),
            "url:",
        ),
    ] {
        let body = with(base, fields);
        let detail = admin
            .post("/api/servers", &body)
            .await
            .problem(&body.to_string(), 422);
        assert!(detail.starts_with(reason), "{body}: {detail}");
    }
    for fields in [
        json!({"interface": "soap"}),
        json!({"on_lost_answer": "perhaps"}),
    ] {
        let reply = admin.post("/api/servers", &with(&server, fields)).await;
        assert!(matches!(reply.status, 400 | 422), "{}", reply.text());
    }
    let listed = admin.get("/api/servers").await.text();
    assert!(!listed.contains("127.0.0.1:9/rg1"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rg1_accounts_are_of_admins_and_their_keys_are_never_shown() {
    let stack = Stack::start().await;
    let admin = stack.api("root", "admin");
    let owner = stack.api("rg1-gpu", "server");
    let body = with(
        &account(),
        json!({
            "account": "first", "secret": "rg1-secret-key", "webhook_secret": WEBHOOK_SECRET, "tier": 2,
            "rate_per_min": 30, "on_lost_answer": "repeat",
        }),
    );
    owner
        .post("/api/servers", &body)
        .await
        .problem("an account of a server", 403);
    // Nothing listens there: nobody asks how it is.
    let first = admin.post("/api/servers", &body).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = admin.post("/api/servers", &body).await;
    let second = admin
        .post("/api/servers", &with(&body, json!({"account": "second"})))
        .await;
    assert_eq!((again.status, second.status), (200, 201));
    let shown = first.json();
    assert_eq!(again.json()["id"], shown["id"]);
    assert_ne!(second.json()["id"], shown["id"]);
    for (field, expected) in [
        ("state", json!("ONLINE")),
        ("interface", json!("kling")),
        ("account", json!("first")),
        ("models", json!([{"name": "kling-v2", "slots": 2}])),
        ("tier", json!(2)),
        ("rate_per_min", json!(30)),
        ("on_lost_answer", json!("repeat")),
        ("batch", json!(1)),
        ("used", json!(0)),
        ("slots", json!(4)),
        ("cooldown", Value::Null),
        ("next_check_at_ms", Value::Null),
        ("last_error", Value::Null),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    let path = format!("/api/servers/{}", shown["id"].as_str().expect("an id"));
    admin
        .post(&format!("{path}/heartbeat"), &json!({}))
        .await
        .problem("an account's heartbeat", 409);
    // Ticks pass, and still nobody asks.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let later = admin.get(&path).await;
    assert_eq!(later.json()["state"], "ONLINE", "{}", later.text());
    assert_eq!(later.json()["last_error"], Value::Null);
    let drained = admin.patch(&path, &json!({"state": "DRAINING"})).await;
    assert_eq!(drained.json()["state"], "DRAINING", "{}", drained.text());
    for reply in [
        first,
        again,
        second,
        later,
        drained,
        admin.get("/api/servers").await,
    ] {
        for key in ["rg1-access-key", "rg1-secret-key", "whsec_"] {
            assert!(!reply.text().contains(key), "{key}: {}", reply.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rg2_a_draining_server_gets_nothing_new_until_it_is_used_again() {
    let stack = Stack::start().await;
    let project = stack.project("rg2-draining").await;
    let provider = Provider::start().await;
    let id = provider.register(&stack, "gpu-1", &["text_gen"]).await;
    let path = format!("/api/servers/{id}");
    let (admin, owner) = (stack.api("root", "admin"), stack.api("gpu-1", "server"));
    let stranger = stack.api("gpu-2", "server");
    let drain = json!({"state": "DRAINING", "slots": 7, "tier": 3, "rate_per_min": 600});

    let refused = stranger.patch(&path, &drain).await.status;
    assert!(matches!(refused, 403 | 404), "{refused}");
    for (body, status) in [
        (json!({"tier": 10}), 422),
        (json!({"slots": 0}), 422),
        (json!({"rate_per_min": 0}), 422),
        (json!({"state": "OFFLINE"}), 400),
        (json!({"colour": "red"}), 400),
    ] {
        let reply = owner.patch(&path, &body).await;
        assert!(
            reply.status == status || (status == 400 && reply.status == 422),
            "{body}: {} {}",
            reply.status,
            reply.text()
        );
    }
    let drained = owner.patch(&path, &drain).await;
    assert_eq!(drained.status, 200, "{}", drained.text());
    let shown = drained.json();
    for (field, expected) in [
        ("state", json!("DRAINING")),
        ("slots", json!(7)),
        ("tier", json!(3)),
        ("rate_per_min", json!(600)),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }

    let alice = stack.api("alice", "editor");
    let ask = json!({"project": project, "kind": "text_gen", "prompt": "a pixel"});
    let task = alice.post("/api/tasks/submit", &ask).await.json()["task_id"].clone();
    let beat = owner.post(&format!("{path}/heartbeat"), &json!({})).await;
    assert_eq!(beat.status, 204, "{}", beat.text());
    // Its checks go well meanwhile.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(owner.get(&path).await.json()["state"], "DRAINING");
    assert!(
        provider.submissions().is_empty(),
        "{:?}",
        provider.submissions()
    );

    let used = admin.patch(&path, &json!({"state": "ONLINE"})).await;
    assert_eq!(used.json()["state"], "ONLINE", "{}", used.text());
    let path = format!("/api/tasks/{}", task.as_str().expect("an id"));
    eventually("the task is FINISHED", LONG, || async {
        (alice.get(&path).await.json()["state"] == "FINISHED").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rg3_many_that_vanish_at_once_are_not_removed() {
    let stack = Stack::start().await;
    let admin = stack.api("root", "admin");
    let (mut one, mut other) = (Provider::start().await, Provider::start().await);
    let id = one.register(&stack, "gpu-1", &["text_gen"]).await;
    other.register(&stack, "gpu-2", &["text_gen"]).await;
    assert_eq!(
        admin.get("/api/servers").await.json()["self_preservation"],
        false
    );
    one.stop();
    other.stop();
    let preserves = async |expected: bool| {
        eventually("self-preservation", LONG, || async {
            let list = admin.get("/api/servers").await.json();
            (list["self_preservation"] == expected).then_some(())
        })
        .await;
    };
    preserves(true).await;
    // Nobody's word brings a server back that does not answer.
    let path = format!("/api/servers/{id}");
    let online = json!({"state": "ONLINE"});
    admin.patch(&path, &online).await.problem("OFFLINE", 409);
    one.start_again().await;
    other.start_again().await;
    preserves(false).await;
}
