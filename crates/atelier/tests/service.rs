//! Atelier over real sockets with a small platform that keeps to SPEC.md sections 6 and 7.

mod common;

use common::{Platform, start, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn tk3_a_picture_goes_from_submit_to_file() {
    let atelier = start(None, |_| {}).await;
    let body = json!({"task_id": "t_1", "kind": "image_gen", "prompt": "Dawn over a calm bay, gulls rising", "params": {}});
    let (status, answer) = atelier.submit("t_1.1", &body).await;
    assert_eq!(status, 202);
    let id = answer["task_id"].as_str().expect("an id").to_owned();
    let done = atelier.ended(&id).await;
    assert_eq!(
        (
            done["state"].as_str(),
            done["task_id"].as_str(),
            done["progress"].as_f64()
        ),
        (Some("FINISHED"), Some(&*id), Some(1.0))
    );
    assert_eq!(
        (
            done["result"]["width"].as_u64(),
            done["result"]["media_type"].as_str()
        ),
        (Some(1280), Some("image/png"))
    );
    let file = atelier
        .client
        .get(done["result"]["url"].as_str().expect("a url"))
        .send()
        .await
        .expect("answer");
    assert_eq!(file.headers()["content-type"], "image/png");
    let bytes = file.bytes().await.expect("bytes");
    assert!(bytes.starts_with(b"\x89PNG"));
    atelier.stop().await;
}

#[tokio::test]
async fn tk3_the_same_key_answers_the_same_id_and_starts_nothing() {
    let atelier = start(None, |_| {}).await;
    let body = json!({"task_id": "t", "kind": "text_gen", "prompt": "A keeper waits"});
    let (_, first) = atelier.submit("t.1", &body).await;
    let (status, second) = atelier.submit("t.1", &body).await;
    assert_eq!((status, &first), (202, &second));
    let (_, other) = atelier.submit("t.2", &body).await;
    assert_ne!(first, other);
    let (status, problem) = atelier
        .submit(
            "t.1",
            &json!({"task_id": "t", "kind": "text_gen", "prompt": "Another"}),
        )
        .await;
    assert_eq!((status, problem["status"].as_u64()), (422, Some(422)));
    let done = atelier
        .ended(first["task_id"].as_str().expect("an id"))
        .await;
    assert!(
        done["result"]["text"]
            .as_str()
            .expect("text")
            .contains("not written by a model")
    );
    atelier.stop().await;
}

#[tokio::test]
async fn gw6_bad_requests_are_problems() {
    let atelier = start(None, |_| {}).await;
    let cases = [
        (
            json!({"task_id": "t", "kind": "smell_gen", "prompt": "x"}),
            422,
            "unprocessable",
        ),
        (
            json!({"task_id": "t", "kind": "image_gen"}),
            422,
            "unprocessable",
        ),
        (
            json!({"task_id": "t", "kind": "video_gen", "prompt": "x", "params": {"duration_s": 0}}),
            422,
            "unprocessable",
        ),
        (
            json!({"task_id": "t", "kind": "video_gen", "prompt": "x", "params": {"duration_s": 1e9}}),
            422,
            "unprocessable",
        ),
        (
            json!({"task_id": "t", "kind": "image_gen", "prompt": "x", "surprise": 1}),
            400,
            "bad-request",
        ),
        (json!([]), 400, "bad-request"),
        (
            json!({"task_id": "t", "kind": "image_gen", "prompt": "x".repeat(2 << 20)}),
            413,
            "payload-too-large",
        ),
    ];
    for (body, status, slug) in cases {
        let response = atelier
            .client
            .post(atelier.url("/api/tasks/submit"))
            .json(&body)
            .send()
            .await
            .expect("answer");
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let problem: Value = response.json().await.expect("json");
        assert_eq!(
            problem["type"],
            format!("https://masterclash.dev/errors/{slug}"),
            "{problem}"
        );
    }
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("PUT", "/health", 405),
        ("GET", "/api/tasks/none", 404),
        ("DELETE", "/api/tasks/none", 404),
        ("GET", "/files/..%2F..%2Fetc%2Fpasswd", 404),
    ] {
        let response = atelier
            .client
            .request(method.parse().expect("method"), atelier.url(path))
            .send()
            .await
            .expect("answer");
        assert_eq!(
            (
                response.status().as_u16(),
                response.headers()["content-type"].to_str().expect("text")
            ),
            (status, "application/problem+json"),
            "{method} {path}"
        );
    }
    atelier.stop().await;
}

#[tokio::test]
async fn tk3_a_full_queue_says_when_to_come_back_and_waiting_jobs_can_be_cancelled() {
    let atelier = start(None, |options| {
        options.workers = 1;
        options.queue = 2;
    })
    .await;
    let body = |n: u32| json!({"task_id": format!("t{n}"), "kind": "video_gen", "prompt": "a slow sea", "params": {"duration_s": 20}});
    let mut ids = Vec::new();
    let mut full = None;
    for n in 0..5 {
        let response = atelier
            .client
            .post(atelier.url("/api/tasks/submit"))
            .json(&body(n))
            .send()
            .await
            .expect("answer");
        if response.status() == 503 {
            full = response.headers().get("retry-after").cloned();
            break;
        }
        ids.push(
            response.json::<Value>().await.expect("json")["task_id"]
                .as_str()
                .expect("id")
                .to_owned(),
        );
    }
    assert!(full.is_some() && ids.len() >= 2);
    for id in &ids {
        let response = atelier
            .client
            .delete(atelier.url(&format!("/api/tasks/{id}")))
            .send()
            .await
            .expect("answer");
        assert_eq!(response.status(), 204);
        assert_eq!(atelier.task(id).await["state"], "CANCELLED");
    }
    // The worker is free again at once, although its clip had hundreds of frames to go.
    let (_, answer) = atelier
        .submit(
            "after",
            &json!({"task_id": "after", "kind": "text_gen", "prompt": "x"}),
        )
        .await;
    let done = tokio::time::timeout(
        Duration::from_secs(20),
        atelier.ended(answer["task_id"].as_str().expect("id")),
    )
    .await
    .expect("in time");
    assert_eq!(done["state"], "FINISHED");
    atelier.stop().await;
}

#[tokio::test]
async fn rg1_it_registers_serves_with_its_token_calls_back_and_signs_off() {
    let platform = Platform::start().await;
    platform.fail_callbacks(2);
    let atelier = start(Some(&platform), |_| {}).await;
    wait_for(|| platform.registered().is_some()).await;
    let server = platform.registered().expect("registered");
    assert_eq!(server["url"], atelier.base);
    assert_eq!(
        server["kinds"],
        json!([
            "image_gen",
            "video_gen",
            "image_desc",
            "video_desc",
            "text_gen",
            "assemble"
        ])
    );
    assert!(server["slots"].as_u64().expect("slots") >= 1 && server["name"] == "test atelier");
    let mut fields: Vec<&str> = server
        .as_object()
        .expect("object")
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["kinds", "name", "slots", "token", "url"],
        "only what SPEC.md section 7 names"
    );
    let token = server["token"].as_str().expect("token");

    let picture = platform.asset(include_picture());
    let body = json!({"task_id": "t_9", "kind": "image_desc", "prompt": "", "params": {},
        "inputs": [{"role": "image", "url": picture, "media_type": "image/png"}], "callback_url": platform.url("/api/task/t_9")});
    let refused = atelier
        .client
        .post(atelier.url("/api/tasks/submit"))
        .json(&body)
        .send()
        .await
        .expect("answer");
    assert_eq!(
        (
            refused.status().as_u16(),
            refused.headers()["www-authenticate"]
                .to_str()
                .expect("text")
        ),
        (401, "Bearer")
    );
    let taken = atelier
        .client
        .post(atelier.url("/api/tasks/submit"))
        .bearer_auth(token)
        .header("idempotency-key", "t_9.1")
        .json(&body)
        .send()
        .await
        .expect("answer");
    assert_eq!(taken.status(), 202);

    wait_for(|| platform.results().len() == 3).await;
    let results = platform.results();
    assert!(
        results
            .iter()
            .all(|(path, auth, _)| path == "t_9" && auth.starts_with("Bearer platform-token-")),
        "{results:?}"
    );
    assert_ne!(results[0].1, results[2].1, "each call has a fresh token");
    let done = &results[2].2;
    assert_eq!(
        (done["task_id"].as_str(), done["state"].as_str()),
        (Some("t_9"), Some("FINISHED"))
    );
    assert!(
        done["result"]["text"]
            .as_str()
            .expect("text")
            .contains("not recognised by a model")
    );

    atelier.stop().await;
    assert_eq!(platform.gone(), ["s_1"]);
}

#[tokio::test]
async fn tk7_inputs_that_fail_are_classed() {
    let platform = Platform::start().await;
    let atelier = start(None, |_| {}).await;
    let cases = [
        (platform.url("/assets/none"), "terminal"),
        (platform.url("/broken"), "retryable"),
        (platform.asset(vec![1, 2, 3]), "terminal"),
        (platform.asset(Vec::new()), "terminal"),
        (platform.url("/endless"), "terminal"),
        ("http://127.0.0.1:1/closed".to_owned(), "retryable"),
    ];
    for (url, class) in cases {
        let body = json!({"task_id": "t", "kind": "image_desc", "inputs": [{"role": "image", "url": url, "media_type": "image/png"}]});
        let (_, answer) = atelier.submit(&url, &body).await;
        let done = atelier.ended(answer["task_id"].as_str().expect("id")).await;
        assert_eq!(
            (done["state"].as_str(), done["error"]["class"].as_str()),
            (Some("FAILED"), Some(class)),
            "{url}: {done}"
        );
    }
    atelier.stop().await;
}

#[tokio::test]
async fn rg2_health_says_that_it_is_no_model() {
    let atelier = start(None, |_| {}).await;
    let health: Value = atelier
        .client
        .get(atelier.url("/health"))
        .send()
        .await
        .expect("answer")
        .json()
        .await
        .expect("json");
    assert_eq!(
        (health["status"].as_str(), health["procedural"].as_bool()),
        (Some("ok"), Some(true))
    );
    assert!(
        health["notice"]
            .as_str()
            .expect("text")
            .contains("not made by a model")
    );
    atelier.stop().await;
}

fn include_picture() -> Vec<u8> {
    let picture = atelier::paint::picture(
        "a meadow",
        &serde_json::Map::new(),
        1,
        &atelier::cancel::Progress::default(),
    )
    .expect("painted");
    atelier::paint::png(&picture).expect("png")
}
