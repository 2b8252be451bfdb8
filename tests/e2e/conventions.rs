//! What all operations have in common: repeated requests, limits, origins, headers, pages, versions,
//! logs, the audit log, metrics, and the description of it all.

use std::time::Duration;

use clash_tests::{Api, Setup, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn gw8_a_request_with_a_key_is_answered_once_and_then_repeated() {
    let stack = Stack::start().await;
    let api = stack.api("alice", "editor");
    let post = |key: &'static str, body: Value| {
        let request = api
            .request(Method::POST, "/api/projects")
            .header("idempotency-key", key);
        let request = request.json(&body);
        let api = &api;
        async move { api.send(request).await }
    };
    let body = json!({"name": "Once"});
    let first = post("k1", body.clone()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = post("k1", body.clone()).await;
    assert_eq!(again.status, 201, "{}", again.text());
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.body, first.body);
    post("k1", json!({"name": "Other"}))
        .await
        .problem("another body", 422);
    let projects = api.get("/api/projects").await.json();
    assert_eq!(
        projects["projects"].as_array().map(Vec::len),
        Some(1),
        "{projects}"
    );

    // Refusals are repeated too; keys are one's own.
    let taken = json!({"id": "taken", "name": "Taken"});
    assert_eq!(post("k2", taken.clone()).await.status, 201);
    post("k3", taken.clone()).await.problem("taken", 409);
    post("k3", taken.clone()).await.problem("taken, again", 409);
    let bob = stack.api("bob", "editor");
    let request = bob
        .request(Method::POST, "/api/projects")
        .header("idempotency-key", "k1");
    let own = bob.send(request.json(&body)).await;
    assert_eq!(own.status, 201);
    assert_ne!(own.body, first.body, "bob's k1 is not alice's");

    for key in ["", "with space", &"k".repeat(256)] {
        let request = api
            .request(Method::POST, "/api/projects")
            .header("idempotency-key", key);
        api.send(request.json(&body)).await.problem(key, 400);
    }

    // Many at once: one is made.
    let at_once = (0..16).map(|_| post("k4", json!({"name": "Race"})));
    let replies = futures::future::join_all(at_once).await;
    let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert!(!made.is_empty());
    assert!(made.iter().all(|reply| reply.body == made[0].body));
    assert!(
        replies
            .iter()
            .all(|reply| matches!(reply.status, 201 | 409))
    );
    let projects = api.get("/api/projects").await.text();
    assert_eq!(projects.matches("Race").count(), 1, "{projects}");

    // A task is paid work: it is submitted once.
    let task = json!({"project": "taken", "kind": "image_gen", "prompt": "x"});
    let submit = || {
        let request = api
            .request(Method::POST, "/api/tasks/submit")
            .header("idempotency-key", "t1");
        api.send(request.json(&task))
    };
    let (first, again) = (submit().await, submit().await);
    assert_eq!((first.status, again.status), (202, 202), "{}", again.text());
    assert_eq!(first.body, again.body);
    let tasks = api.get("/api/tasks?project=taken").await.json();
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(1), "{tasks}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gw7_a_principal_over_the_limit_is_told_when_to_come_back() {
    let stack = Stack::with(Setup {
        variables: vec![
            ("rate_limit_read", "60".into()),
            ("rate_limit_write", "5".into()),
        ],
        ..Setup::default()
    })
    .await;
    let alice = stack.api("alice", "editor");
    let first = alice.get("/api/projects").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), "\"read\";q=60;w=60");
    assert!(
        first.header("ratelimit").starts_with("\"read\";r=59;t="),
        "{}",
        first.header("ratelimit")
    );

    // At once and from many instances: never more than the bucket holds and what flows in.
    let began = std::time::Instant::now();
    let replies = futures::future::join_all((0..200).map(|_| alice.get("/api/projects"))).await;
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    let flowed = began.elapsed().as_secs() as usize + 1;
    assert!(passed <= 59 + flowed, "{passed} of 200 passed");
    assert!(passed >= 20, "only {passed} passed");
    let refused = replies
        .iter()
        .find(|reply| reply.status != 200)
        .expect("one over the limit");
    refused.problem("over the limit", 429);
    let wait_s: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait_s), "{wait_s}");
    assert!(
        refused.header("ratelimit").starts_with("\"read\";r=0;"),
        "{}",
        refused.header("ratelimit")
    );

    // Others, and other classes, have their own.
    assert_eq!(
        stack.api("bob", "editor").get("/api/projects").await.status,
        200
    );
    for number in 0..5 {
        let body = json!({"name": format!("p{number}")});
        assert_eq!(alice.post("/api/projects", &body).await.status, 201);
    }
    alice
        .post("/api/projects", &json!({"name": "p6"}))
        .await
        .problem("the sixth", 429);
    // And what waits as long as it is told comes through.
    tokio::time::sleep(Duration::from_secs(wait_s)).await;
    assert_eq!(alice.get("/api/projects").await.status, 200);
    // Probes are not limited by what principals do, and those without a token by their address.
    assert_eq!(
        Api::new(&stack.url, None).get("/api/health").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gw4_only_listed_origins_are_answered() {
    let stack = Stack::with(Setup {
        variables: vec![(
            "cors_origins",
            "https://studio.example,http://127.0.0.1:5173".into(),
        )],
        ..Setup::default()
    })
    .await;
    let api = stack.api("alice", "editor");
    let ask = |origin: &'static str, method: Method| {
        let request = api
            .request(method, "/api/projects")
            .header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        let api = &api;
        async move { api.send(request).await }
    };
    for origin in ["https://studio.example", "http://127.0.0.1:5173"] {
        for method in [Method::GET, Method::OPTIONS] {
            let reply = ask(origin, method).await;
            assert!(reply.status < 300, "{}", reply.text());
            assert_eq!(reply.header("access-control-allow-origin"), origin);
            assert!(reply.header("vary").contains("origin"));
            assert_eq!(reply.header("access-control-allow-credentials"), "");
        }
        let preflight = ask(origin, Method::OPTIONS).await;
        assert_eq!(preflight.status, 204);
        assert!(
            preflight
                .header("access-control-allow-headers")
                .contains("authorization")
        );
    }
    for origin in [
        "https://evil.example",
        "https://studio.example.evil.example",
        "http://studio.example",
        "https://studio.example:444",
        "null",
        "*",
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let reply = ask(origin, method).await;
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
            assert_eq!(reply.header("access-control-allow-methods"), "", "{origin}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw6_every_answer_has_the_same_manners() {
    let stack = Stack::shared().await;
    let api = stack.api("alice", "editor");
    for (method, path) in [
        (Method::GET, "/api/projects"),
        (Method::GET, "/api/projects/none"),
        (Method::GET, "/nowhere"),
        (Method::PUT, "/api/projects"),
        (Method::GET, "/api/tasks"),
        (Method::GET, "/docs"),
    ] {
        let reply = api.send(api.request(method.clone(), path)).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert!(
            reply
                .header("content-security-policy")
                .contains("frame-ancestors 'none'"),
            "{path}"
        );
        if reply.status >= 400 {
            let problem = reply.json();
            assert!(
                problem["instance"].is_string(),
                "{method} {path}: {problem}"
            );
        }
    }
    let reply = api.send(api.request(Method::PUT, "/api/projects")).await;
    reply.problem("a wrong method", 405);
    assert_eq!(reply.header("allow"), "GET, HEAD, POST");
    // Unknown fields are named, and so is what is malformed.
    for (what, body, word) in [
        (
            "an unknown field",
            r#"{"name":"n","colour":"red"}"#,
            "colour",
        ),
        ("a missing field", "{}", "name"),
        ("a wrong type", r#"{"name":7}"#, "string"),
        ("no JSON", "{", "EOF"),
        ("deep JSON", &"[".repeat(100_000), "recursion"),
    ] {
        let request = api.request(Method::POST, "/api/projects");
        let request = request
            .header("content-type", "application/json")
            .body(body.to_owned());
        let reply = api.send(request).await;
        if reply.status == 413 {
            continue;
        }
        let detail = reply.problem(what, 400);
        assert!(detail.contains(word), "{what}: {detail}");
    }
    let request = api
        .request(Method::POST, "/api/projects")
        .header("content-type", "application/json");
    let reply = api.send(request.body(vec![b'"', 0xff, 0xfe, b'"'])).await;
    reply.problem("no UTF-8", 400);
    let request = api
        .request(Method::POST, "/api/projects")
        .header("content-type", "text/plain");
    api.send(request.body("{}"))
        .await
        .problem("another media type", 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw5_lists_come_in_pages_and_documents_in_versions() {
    let stack = Stack::start().await;
    let api = stack.api("alice", "editor");
    for number in 0..7 {
        let body = json!({"id": format!("p{number}"), "name": "n"});
        assert_eq!(api.post("/api/projects", &body).await.status, 201);
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..10 {
        let page = api
            .get(&format!("/api/projects?limit=3{cursor}"))
            .await
            .json();
        let projects = page["projects"].as_array().expect("projects");
        assert!(projects.len() <= 3);
        found.extend(
            projects
                .iter()
                .map(|one| one["id"].as_str().expect("an id").to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    for query in [
        "limit=0",
        "limit=-1",
        "limit=99999999999999999999",
        "limit=x",
        "cursor=x",
        "cursor=AAAA",
    ] {
        api.get(&format!("/api/projects?{query}"))
            .await
            .problem(query, 400);
    }

    let read = api.get("/api/projects/p1").await;
    let etag = read.header("etag").to_owned();
    assert!(!etag.is_empty());
    let request = api
        .request(Method::GET, "/api/projects/p1")
        .header("if-none-match", &etag);
    assert_eq!(api.send(request).await.status, 304);
    let rename = |name: &'static str, etag: String| {
        let request = api
            .request(Method::PATCH, "/api/projects/p1")
            .header("if-match", etag);
        let request = request.json(&json!({ "name": name }));
        let api = &api;
        async move { api.send(request).await }
    };
    assert_eq!(rename("new", etag.clone()).await.status, 200);
    rename("newer", etag).await.problem("an old version", 412);
    assert_eq!(api.get("/api/projects/p1").await.json()["name"], "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn gw11_what_was_changed_and_refused_is_in_the_audit_log() {
    let stack = Stack::start().await;
    let (alice, admin) = (stack.api("alice", "editor"), stack.api("root", "admin"));
    alice
        .post("/api/projects", &json!({"id": "p1", "name": "n"}))
        .await;
    alice.delete("/api/servers/none").await;
    alice
        .post("/api/tenants", &json!({"id": "t", "name": "n"}))
        .await
        .problem("not hers", 403);
    alice.get("/api/projects").await;
    alice.delete("/api/projects/p1").await;
    let entries = admin.get("/api/audit?sub=alice").await.json();
    let told: Vec<_> = entries["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            format!(
                "{} {} {} {}",
                text("role"),
                text("action"),
                text("object"),
                entry["status"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "editor DELETE /api/projects/p1 204",
            "editor POST /api/tenants 403",
            "editor DELETE /api/servers/none 403",
            "editor POST /api/projects/p1 201",
        ],
        "{entries:#}"
    );
    alice
        .get("/api/audit")
        .await
        .problem("not for editors", 403);
    let page = admin.get("/api/audit?limit=1").await.json();
    let next = page["next_cursor"].as_str().expect("more");
    let rest = admin.get(&format!("/api/audit?cursor={next}")).await.json();
    assert!(rest["entries"][0]["seq"].as_i64() < page["entries"][0]["seq"].as_i64());
}

#[tokio::test(flavor = "multi_thread")]
async fn gw12_requests_are_logged_and_counted_without_secrets() {
    let stack = Stack::start().await;
    let admin = stack.api("root", "admin");
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = admin
        .request(Method::GET, "/api/projects?limit=2")
        .header("traceparent", trace);
    assert_eq!(admin.send(request).await.status, 200);
    admin.get("/api/projects/none").await.problem("none", 404);
    let metrics = eventually("both requests are counted", Duration::from_secs(20), || async {
        let metrics = admin.get("/metrics").await;
        assert_eq!(metrics.status, 200, "{}", metrics.text());
        let text = metrics.text();
        let counted = |line: &str| text.lines().any(|found| found.starts_with(line));
        (counted("clash_http_requests_total{method=\"GET\",route=\"/api/projects\",status=\"200\"} ")
            && counted("clash_http_requests_total{method=\"GET\",route=\"/api/projects/{id}\",status=\"404\"} "))
        .then_some(text)
    })
    .await;
    for family in [
        "clash_projects 0",
        "clash_assets 0",
        "# TYPE clash_http_request_duration_seconds histogram",
    ] {
        assert!(metrics.contains(family), "{family}: {metrics}");
    }
    let editor = stack.api("alice", "editor");
    editor.get("/metrics").await.problem("not for editors", 403);

    let token = admin.token.clone().expect("a token");
    let lines = eventually("the line of log", Duration::from_secs(10), || async {
        let logs = logs(&stack);
        let line = logs
            .lines()
            .find(|line| line.contains("4bf92f3577b34da6a3ce929d0e0e4736"))?;
        Some((line.to_owned(), logs.clone()))
    })
    .await;
    let line: Value = serde_json::from_str(&lines.0).expect("a line of JSON");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["path"], "/api/projects");
    assert_eq!(line["status"], 200);
    assert_eq!(line["sub"], "root");
    assert!(
        line["duration_ms"].is_i64() && line["request_id"].is_string(),
        "{line}"
    );
    let secret = String::from_utf8_lossy(&stack.secret()).into_owned();
    for hidden in [token.as_str(), secret.as_str()] {
        assert!(!lines.1.contains(hidden), "a secret is in the log");
    }
}

/// What components wrote.
fn logs(stack: &Stack) -> String {
    let folder = stack.state_dir.join("logs");
    let files = std::fs::read_dir(folder).expect("logs").flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gw5_the_description_names_every_operation_and_the_page_needs_nothing_else() {
    let stack = Stack::shared().await;
    let anybody = Api::new(&stack.url, None);
    let api = anybody.get("/openapi.json").await;
    assert_eq!(
        (api.status, api.header("content-type")),
        (200, "application/json")
    );
    let api = api.json();
    assert!(
        api["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1")),
        "{api}"
    );
    let mut ids = std::collections::BTreeSet::new();
    let explained = api["tags"].as_array().expect("tags").iter();
    let tags: std::collections::BTreeSet<_> =
        explained.filter_map(|tag| tag["name"].as_str()).collect();
    let schemas = api["components"]["schemas"].as_object().expect("schemas");
    for (path, item) in api["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let what = format!("{method} {path}");
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{what}: no id"));
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(operation["summary"].is_string(), "{what}: no summary");
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            assert!(
                tags.contains(tag),
                "{what}: the tag {tag:?} is not explained"
            );
            assert!(!path.starts_with("/internal"), "{what}");
            let responses = operation["responses"].as_object().expect("answers");
            assert!(
                responses
                    .keys()
                    .any(|status| status.starts_with('2') || status.starts_with('3')),
                "{what}"
            );
            if operation["security"].is_array() {
                assert!(
                    responses.contains_key("401") && responses.contains_key("403"),
                    "{what}"
                );
            }
        }
    }
    for text in api.to_string().split("#/components/schemas/").skip(1) {
        let name = text.split('"').next().expect("a name");
        assert!(
            schemas.contains_key(name),
            "{name} is referred to and not there"
        );
    }
    for (path, media_type) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/viewer.js", "text/javascript; charset=utf-8"),
        ("/docs/viewer.css", "text/css; charset=utf-8"),
    ] {
        let reply = anybody.get(path).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, media_type)
        );
        let text = reply.text();
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{path} loads from elsewhere"
        );
    }
}
