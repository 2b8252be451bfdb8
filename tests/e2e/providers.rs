//! TK7–TK10: accounts at providers and `predict` servers, from a node or a request to its result.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use clash_tests::account::{Next, signed};
use clash_tests::{Account, Api, Member, Stack, eventually};
use serde_json::{Value, json};
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(30);
const SECRET: &str = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";

fn gemini() -> Value {
    json!({"models": [{"name": "gemini-2.5-flash-image"}], "kinds": ["image_gen", "image_desc"]})
}

async fn ended(api: &Api, task: &str) -> Value {
    let path = format!("/api/task/{task}");
    eventually("the task ends", SOON, || async {
        let task = api.get(&path).await.json();
        let state = task["state"].as_str().unwrap_or_default();
        matches!(state, "FINISHED" | "FAILED" | "CANCELLED").then_some(task)
    })
    .await
}

async fn submit(api: &Api, project: &str, prompt: &str) -> String {
    let body = json!({"project": project, "kind": "image_gen", "prompt": prompt});
    let reply = api.post("/api/task", &body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["task_id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tk8_a_node_gets_its_picture_from_kling_and_its_description_from_gemini() {
    let stack = Stack::start().await;
    let project = stack.project("tk8").await;
    let admin = stack.api("root", "admin");
    let (kling, google) = (Account::start().await, Account::start().await);
    kling.register(&admin, "kling", json!({})).await;
    let described = json!({"kinds": ["image_desc"], "models": [{"name": "gemini-2.5-flash"}]});
    google.register(&admin, "gemini", described).await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let asks = json!({"type": "image", "prompt": "a boat", "status": "generating"});
    alice.set_node("a", asks).await;
    alice
        .until("the node is described", SOON, |doc| {
            doc["nodes"]["a"]["status"] == "fin"
        })
        .await;
    let node = alice.document()["nodes"]["a"].clone();
    assert_eq!(node["description"], "A colour, and nothing else.");
    let src = node["src"].as_str().expect("a src");
    let picture = stack.api("alice", "viewer").get(src).await;
    assert_eq!(picture.header("content-type"), "image/png");

    let [asked] = &kling.begun()[..] else {
        panic!("Kling was asked {} times", kling.begun().len())
    };
    assert_eq!(asked.authorization, "Bearer the-key");
    assert_eq!(asked.model, "kling-v2-1");
    assert_eq!(asked.body["prompt"], "a boat");
    // The picture itself goes to Gemini, not its address.
    let [asked] = &google.begun()[..] else {
        panic!("Gemini was asked {} times", google.begun().len())
    };
    assert_eq!(
        (asked.authorization.as_str(), asked.model.as_str()),
        ("the-key", "gemini-2.5-flash")
    );
    let parts = asked.body["contents"][0]["parts"]
        .as_array()
        .expect("parts");
    assert!(
        parts
            .iter()
            .any(|part| part["inlineData"]["mimeType"] == "image/png"),
        "{parts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tk8_the_result_inside_of_an_answer_becomes_an_asset() {
    let stack = Stack::start().await;
    let project = stack.project("tk8-inside").await;
    let google = Account::start().await;
    let admin = stack.api("root", "admin");
    google.register(&admin, "gemini", gemini()).await;
    let api = stack.api("alice", "editor");
    let task = submit(&api, &project, "a lighthouse").await;
    let task = ended(&api, &task).await;
    assert_eq!(task["state"], "FINISHED", "{task}");
    assert_eq!(task["usage"]["tokens"]["total_tokens"], 1297, "{task}");
    let url = task["result"]["url"].as_str().expect("a link");
    let picture = Api::new("", None).get(url).await;
    assert_eq!(picture.body, clash_tests::files::png(64, 36));
}

#[tokio::test(flavor = "multi_thread")]
async fn tk8_an_openai_compatible_account_draws_and_writes_and_its_refusals_are_told() {
    let stack = Stack::start().await;
    let project = stack.project("tk8-openai").await;
    let service = Account::start().await;
    let url = format!("{}/openai/v1", service.url);
    let account = json!({
        "url": url, "kinds": ["image_gen", "text_gen"],
        "models": [{"name": "gpt-image-1"}, {"name": "deepseek-r1"}],
    });
    let admin = stack.api("root", "admin");
    service.register(&admin, "openai", account).await;
    let api = stack.api("alice", "editor");
    let drawn = ended(&api, &submit(&api, &project, "a boat").await).await;
    assert_eq!(drawn["state"], "FINISHED", "{drawn}");
    assert_eq!(drawn["usage"]["tokens"]["total_tokens"], 1065, "{drawn}");
    let ask = async |prompt: &str| {
        let params = json!({"model": "deepseek-r1"});
        let body =
            json!({"project": project, "kind": "text_gen", "prompt": prompt, "params": params});
        let reply = api.post("/api/task", &body).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        ended(&api, reply.json()["task_id"].as_str().expect("an id")).await
    };
    let written = ask("a scene").await;
    assert_eq!(
        written["result"]["text"], "INT. A COLOUR. DAY.",
        "{written}"
    );
    let asked = service.begun();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].authorization, "Bearer the-key");
    assert_eq!(
        (&asked[0].body["model"], &asked[1].body["model"]),
        (&json!("gpt-image-1"), &json!("deepseek-r1"))
    );
    for (status, code, words, class) in [
        (400, "content_policy_violation", "not allowed", "moderation"),
        (404, "model_not_found", "no such model", "terminal"),
    ] {
        let error =
            json!({"error": {"message": words, "type": "invalid_request_error", "code": code}});
        service.next(Next::Refuse(status, error));
        let refused = ask("another").await;
        assert_eq!(refused["state"], "FAILED", "{code}: {refused}");
        assert_eq!(refused["error"]["class"], class, "{code}: {refused}");
        let message = refused["error"]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{code}: {refused}");
    }
    // An error of the service itself is none of the task's: it is asked again.
    service.next(Next::Refuse(
        503,
        json!({"error": {"message": "overloaded"}}),
    ));
    let retried = ask("once more").await;
    assert_eq!(
        (retried["state"].as_str(), retried["attempt"].as_i64()),
        (Some("FINISHED"), Some(2)),
        "{retried}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tk7_a_paid_call_whose_answer_is_lost_is_looked_up_or_given_up_and_never_repeated() {
    let stack = Stack::start().await;
    let project = stack.project("tk7-lost").await;
    let admin = stack.api("root", "admin");
    let api = stack.api("alice", "editor");
    let kling = Account::start().await;
    let server = kling.register(&admin, "kling", json!({})).await;
    kling.next(Next::BeginAndCut);
    let task = submit(&api, &project, "one").await;
    let found = ended(&api, &task).await;
    assert_eq!(
        (found["state"].as_str(), found["attempt"].as_i64()),
        (Some("FINISHED"), Some(1)),
        "{found}"
    );
    assert_eq!((kling.begun().len(), kling.look_ups()), (1, 1));
    let path = format!("/api/servers/{}", server["id"].as_str().expect("an id"));
    assert_eq!(admin.delete(&path).await.status, 204);

    // Gemini has nothing to look it up by.
    let google = Account::start().await;
    google.register(&admin, "gemini", gemini()).await;
    google.next(Next::BeginAndCut);
    let task = submit(&api, &project, "two").await;
    let given_up = ended(&api, &task).await;
    assert_eq!(given_up["state"], "FAILED", "{given_up}");
    assert_eq!(given_up["error"]["class"], "unknown", "{given_up}");
    assert_eq!(google.begun().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tk10_an_account_that_is_full_empty_or_shut_costs_no_attempt_and_the_next_one_is_asked() {
    let stack = Stack::start().await;
    let project = stack.project("tk10-accounts").await;
    let admin = stack.api("root", "admin");
    let api = stack.api("alice", "editor");
    let second = Account::start().await;
    second
        .register(&admin, "kling", json!({"tier": 1, "token": "the-key-2"}))
        .await;
    let refusal = |status: u16, code: i64, words: &str| {
        let body = json!({"code": code, "message": words});
        Next::Refuse(status, body)
    };
    for (at, (status, code, reason)) in [(429, 1102, "out-of-credit"), (401, 1002, "unauthorized")]
        .into_iter()
        .enumerate()
    {
        let first = Account::start().await;
        let server = first.register(&admin, "kling", json!({})).await;
        first.next(refusal(status, code, "not with this account"));
        let task = submit(&api, &project, reason).await;
        let task = ended(&api, &task).await;
        assert_eq!(task["state"], "FINISHED", "{task}");
        assert_eq!((first.begun().len(), second.begun().len()), (0, at + 1));
        let path = format!("/api/servers/{}", server["id"].as_str().expect("an id"));
        let cooling = admin.get(&path).await.json();
        assert_eq!(cooling["cooldown"]["reason"], reason, "{cooling}");
    }
    // The other one has no slot for it just now: five times, and it is still the first attempt
    // that could fail.
    for _ in 0..5 {
        second.next(refusal(429, 1303, "parallel task over resource pack limit"));
    }
    let task = submit(&api, &project, "two").await;
    let path = format!("/api/task/{task}");
    eventually("it was put off", SOON, || async {
        let task = api.get(&path).await.json();
        (task["state"] == "WAITING" && task["attempt"] == 1).then_some(())
    })
    .await;
    assert_eq!(
        api.post(&format!("/api/tasks/{task}/cancel"), &Value::Null)
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tk9_a_signed_webhook_is_believed_once_and_anything_else_is_refused() {
    let stack = Stack::start().await;
    let project = stack.project("tk9").await;
    let admin = stack.api("root", "admin");
    let api = stack.api("alice", "editor");
    let kling = Account::start().await;
    let secret = json!({"webhook_secret": SECRET});
    kling.register(&admin, "kling", secret).await;
    // Long enough that no poll finds it ready.
    kling.works_for(Duration::from_secs(600));
    let task = submit(&api, &project, "one").await;
    let path = format!("/api/task/{task}");
    eventually("it is running", SOON, || async {
        let task = api.get(&path).await.json();
        (task["state"] == "PROCESSING" && !kling.begun().is_empty()).then_some(())
    })
    .await;
    let body = kling.kling_callback(0).to_string();
    let url = kling.begun()[0].callback_url().to_owned();
    let now_s = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a time after 1970")
        .as_secs();
    let anybody = Api::new(&stack.url, None);
    let send = async |url: &str, body: &str, headers: &[(&str, String)]| {
        let mut request = anybody.request(reqwest::Method::POST, url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        anybody.send(request.body(body.to_owned())).await.status
    };
    let good = signed(SECRET, "msg_1", now_s, &body);
    let tampered = body.replace("succeed", "failed");
    let stale = signed(SECRET, "msg_1", now_s - 301, &body);
    let other = signed(&SECRET.replace("dGVz", "dGVa"), "msg_1", now_s, &body);
    let elsewhere = url.replace(".1.", ".2.");
    for (what, url, body, headers, status) in [
        ("unsigned", &url, &body, &[][..], 401),
        ("tampered", &url, &tampered, &good, 401),
        ("stale", &url, &body, &stale, 401),
        ("another's secret", &url, &body, &other, 401),
        ("another attempt's address", &elsewhere, &body, &good, 404),
    ] {
        assert_eq!(send(url, body, headers).await, status, "{what}");
    }
    assert_eq!(api.get(&path).await.json()["state"], "PROCESSING");
    assert_eq!(send(&url, &body, &good).await, 204);
    let done = ended(&api, &task).await;
    assert_eq!(done["state"], "FINISHED", "{done}");
    // The same once more, and one that comes too late.
    assert_eq!(send(&url, &body, &good).await, 204);
    let late = signed(SECRET, "msg_2", now_s, &tampered);
    assert_eq!(send(&url, &tampered, &late).await, 204);
    let after = api.get(&path).await.json();
    // Links to its result are made anew for each answer.
    for field in ["state", "attempt", "usage", "error", "ended_at_ms"] {
        assert_eq!(after[field], done[field], "{field}: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tk9_without_a_secret_a_webhook_is_confirmed_by_asking() {
    let stack = Stack::start().await;
    let project = stack.project("tk9-unsigned").await;
    let kling = Account::start().await;
    kling
        .register(&stack.api("root", "admin"), "kling", json!({}))
        .await;
    kling.works_for(Duration::from_secs(600));
    let api = stack.api("alice", "editor");
    let task = submit(&api, &project, "one").await;
    let path = format!("/api/task/{task}");
    eventually("it is running", SOON, || async {
        let task = api.get(&path).await.json();
        (task["state"] == "PROCESSING" && !kling.begun().is_empty()).then_some(())
    })
    .await;
    let url = kling.begun()[0].callback_url().to_owned();
    // It says that it is done, which is not true: what counts is what Kling answers.
    let before = kling.polls();
    let claims = kling.kling_callback(0);
    let anybody = Api::new(&stack.url, None);
    assert_eq!(anybody.post(&url, &claims).await.status, 204);
    eventually("Kling was asked", SOON, || async {
        (kling.polls() > before).then_some(())
    })
    .await;
    assert_eq!(api.get(&path).await.json()["state"], "PROCESSING");
    kling.works_for(Duration::ZERO);
    assert_eq!(anybody.post(&url, &claims).await.status, 204);
    assert_eq!(ended(&api, &task).await["state"], "FINISHED");
}

#[tokio::test(flavor = "multi_thread")]
async fn tk8_the_backend_in_ten_lines_of_python_serves_requests_and_nodes() {
    let stack = Stack::start().await;
    let project = stack.project("tk8-python").await;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/backend.py");
    let mut process = Command::new("python3")
        .arg(example)
        .env("TOKEN", stack.token("gpu", "server"))
        .env("CLASH", &stack.url)
        .env("PORT", "0")
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("python3");
    let admin = stack.api("root", "admin");
    eventually("it is registered", SOON, || async {
        let servers = admin.get("/api/servers").await.json();
        (servers["servers"][0]["state"] == "ONLINE").then_some(())
    })
    .await;
    let api = stack.api("alice", "editor");
    let task = submit(&api, &project, "a boat").await;
    let task = ended(&api, &task).await;
    assert_eq!(task["state"], "FINISHED", "{task}");
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let asks = json!({"type": "image", "prompt": "a boat", "status": "generating"});
    alice.set_node("a", asks).await;
    alice
        .until("the node has a picture", SOON, |doc| {
            doc["nodes"]["a"]["src"].is_string()
        })
        .await;
    process.kill().await.expect("it still runs");
}
