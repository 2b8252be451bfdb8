//! The entrance: health, tokens, roles, tenants.

use std::time::Duration;

use clash_tests::{Api, Member, Stack, eventually};
use identity::{Claims, Keys, Role};
use protocol::frame::{AckStatus, JoinErrorCode, Permission};
use reqwest::Method;
use serde_json::json;

const ASSET: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn op2_up_prints_its_address_and_health_names_every_component() {
    let stack = Stack::shared().await;
    assert!(stack.url.starts_with("http://127.0.0.1:"), "{}", stack.url);
    let api = Api::new(&stack.url, None);
    let health = eventually("the scheduler ticks", Duration::from_secs(20), || async {
        let reply = api.get("/api/health").await;
        let health = reply.json();
        (reply.status == 200 && health["components"]["scheduler"]["state"] == "ok")
            .then_some(health)
    })
    .await;
    assert_eq!(health["status"], "ok", "{health:#}");
    for component in [
        "gateway",
        "sync",
        "tasks",
        "registry",
        "assets",
        "scheduler",
    ] {
        assert_eq!(
            health["components"][component]["state"], "ok",
            "{component}: {health:#}"
        );
    }
    let age = health["components"]["scheduler"]["last_tick_age_ms"]
        .as_i64()
        .expect("an age");
    assert!((0..10_000).contains(&age), "the last tick is {age} ms ago");
    assert_eq!(health["database"]["state"], "ok");
    assert!(
        health["database"]["schema"]
            .as_i64()
            .is_some_and(|schema| schema >= 1),
        "{health:#}"
    );
}

/// Every route that needs a token.
fn routes() -> Vec<(Method, String)> {
    let table = [
        (Method::GET, "/api/projects"),
        (Method::POST, "/api/projects"),
        (Method::GET, "/api/projects/p"),
        (Method::PATCH, "/api/projects/p"),
        (Method::DELETE, "/api/projects/p"),
        (Method::GET, "/api/projects/p/document"),
        (Method::POST, "/api/tasks/submit"),
        (Method::POST, "/api/task"),
        (Method::GET, "/api/tasks?project=p"),
        (Method::GET, "/api/tasks/t_1"),
        (Method::GET, "/api/task/t_1"),
        (Method::PUT, "/api/task/t_1"),
        (Method::POST, "/api/tasks/t_1/cancel"),
        (Method::POST, "/api/tasks/t_1/heartbeat"),
        (Method::POST, "/update-node"),
        (Method::GET, "/api/assets?project=p"),
        (Method::POST, "/api/assets?project=p"),
        (Method::GET, "/api/assets/a?project=p"),
        (Method::DELETE, "/api/assets/a?project=p"),
        (Method::POST, "/api/assets/a/link?project=p"),
        (Method::POST, "/api/assets/presign"),
        (Method::POST, "/api/assets/complete"),
        (Method::POST, "/api/uploads?project=p"),
        (Method::GET, "/api/uploads/u_1"),
        (Method::PATCH, "/api/uploads/u_1"),
        (Method::DELETE, "/api/uploads/u_1"),
        (Method::GET, "/api/servers"),
        (Method::POST, "/api/servers"),
        (Method::GET, "/api/servers/s_1"),
        (Method::POST, "/api/servers/s_1/heartbeat"),
        (Method::DELETE, "/api/servers/s_1"),
        (
            Method::GET,
            "/assets/0000000000000000000000000000000000000000000000000000000000000000?project=p",
        ),
    ];
    table
        .map(|(method, path)| (method, path.to_owned()))
        .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn gw2_every_route_refuses_missing_and_false_tokens() {
    let stack = Stack::shared().await;
    let keys = Keys::from_secret(&stack.secret()).expect("a strong secret");
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64;
    let signed = |change: &dyn Fn(&mut Claims)| {
        let mut claims = Claims::access("mallory", Role::Admin, now_s, 600);
        change(&mut claims);
        keys.sign(&claims).expect("signed")
    };
    let valid = signed(&|_| {});
    let (head, signature) = valid.rsplit_once('.').expect("a signature");
    let flipped = signature.replacen(
        &signature[..1],
        if signature.starts_with('A') { "B" } else { "A" },
        1,
    );
    let payload = valid.split('.').nth(1).expect("a payload");
    let other =
        Keys::from_secret(b"another secret of thirty-two bytes or more").expect("long enough");
    let tokens = [
        ("missing", None),
        ("expired", Some(signed(&|claims| claims.exp = now_s - 120))),
        (
            "of another audience",
            Some(signed(&|claims| claims.aud = "elsewhere".into())),
        ),
        (
            "with the service role",
            Some(signed(&|claims| claims.role = Role::Service)),
        ),
        ("tampered", Some(format!("{head}.{flipped}"))),
        (
            "signed by another",
            Some(
                other
                    .sign(&Claims::access("m", Role::Admin, now_s, 600))
                    .expect("signed"),
            ),
        ),
        (
            "without algorithm",
            Some(format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")),
        ),
        ("nonsense", Some("nonsense".into())),
    ];
    for (name, token) in tokens {
        let api = Api::new(&stack.url, token);
        for (method, path) in routes() {
            let mut request = api.request(method.clone(), &path);
            if matches!(method, Method::POST | Method::PUT | Method::PATCH) {
                request = request.json(&json!({}));
            }
            let reply = api.send(request).await;
            reply.problem(&format!("{method} {path} with a token {name}"), 401);
            assert!(
                reply.header("www-authenticate").starts_with("Bearer"),
                "{method} {path}: {:?}",
                reply.headers
            );
        }
    }
    assert_eq!(
        Api::new(&stack.url, Some(valid))
            .get("/api/projects")
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gw2_internal_routes_are_not_there_from_outside() {
    let stack = Stack::shared().await;
    let admin = stack.api("root", "admin");
    for path in [
        "/internal/v1/turn",
        "/internal/v1/wake",
        "/internal/v1/poke",
        "/internal/v1/tick",
        "/internal/v1/dispatch",
        "/internal/",
    ] {
        admin.post(path, &json!({})).await.problem(path, 404);
    }
    // The one that the edge answers itself wants a service token.
    let reply = admin.post("/internal/v1/push", &json!({"rooms": []})).await;
    assert_eq!(reply.status, 401, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn gw3_roles_and_routes() {
    let stack = Stack::shared().await;
    let project = stack.project("gw3-roles").await;
    let one = format!("/api/projects/{project}");
    let (document, listing) = (
        format!("{one}/document"),
        format!("/api/tasks?project={project}"),
    );
    let (one, document, listing) = (one.as_str(), document.as_str(), listing.as_str());
    let task = json!({"project": project, "kind": "image_gen", "prompt": "a boat"});
    let named = json!({"name": "named"});
    let server = json!({"name": "s", "url": "http://127.0.0.1:9", "kinds": ["image_gen"]});
    // Method, path, body, and the roles that may; the rest get 403.
    let table = [
        (
            Method::GET,
            "/api/projects",
            None,
            "admin editor agent viewer",
        ),
        (Method::GET, one, None, "admin editor agent viewer"),
        (Method::GET, document, None, "admin editor agent viewer"),
        (Method::GET, listing, None, "admin editor agent viewer"),
        (Method::PATCH, one, Some(&named), "admin editor agent"),
        (
            Method::POST,
            "/api/tasks/submit",
            Some(&task),
            "admin editor agent",
        ),
        (Method::POST, "/api/projects", Some(&named), "admin editor"),
        (Method::GET, "/api/servers", None, "admin server"),
        (Method::POST, "/api/servers", Some(&server), "admin server"),
    ];
    for role in ["admin", "editor", "agent", "viewer", "server"] {
        let api = stack.api("somebody", role);
        for (method, path, body, may) in &table {
            let mut request = api.request(method.clone(), path);
            if let Some(body) = body {
                request = request.json(body);
            }
            let reply = api.send(request).await;
            let what = format!("{role}: {method} {path}");
            if may.split(' ').any(|allowed| allowed == role) {
                assert!(
                    (200..300).contains(&reply.status),
                    "{what}: {} {}",
                    reply.status,
                    reply.text()
                );
            } else {
                reply.problem(&what, 403);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw3_rm6_a_viewer_reads_and_cannot_write() {
    let stack = Stack::shared().await;
    let project = stack.project("gw3-viewer").await;
    let viewer_token = stack.token("vera", "viewer");
    let mut viewer = Member::join(&stack, &project, &viewer_token).await;
    assert_eq!(viewer.permission, Permission::Read);
    let mut editor = Member::join(&stack, &project, &stack.token("eddy", "editor")).await;
    assert_eq!(editor.permission, Permission::Write);
    editor
        .set_node("n", json!({"type": "note", "text": "by the editor"}))
        .await;
    viewer
        .until("the editor's node", Duration::from_secs(10), |doc| {
            doc["nodes"]["n"]["text"] == "by the editor"
        })
        .await;

    let small = viewer
        .edit(|doc| doc.get_map("nodes").insert("evil", 1).expect("an insert"))
        .await;
    assert_eq!(viewer.acked(small).await, AckStatus::PermissionDenied);
    // In fragments too: 300 KB do not fit one frame.
    let large = "x".repeat(300_000);
    let large = viewer
        .edit(|doc| {
            doc.get_map("nodes")
                .insert("large", large)
                .expect("an insert")
        })
        .await;
    assert_eq!(viewer.acked(large).await, AckStatus::PermissionDenied);
    let fresh = Member::join(&stack, &project, &viewer_token)
        .await
        .document();
    assert!(
        fresh["nodes"].get("evil").is_none() && fresh["nodes"].get("large").is_none(),
        "{fresh}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gw9_nothing_of_another_tenant_is_visible() {
    let stack = Stack::shared().await;
    let project = stack.project("gw9-ours").await;
    let mut ours = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    ours.set_node("n", json!({"type": "note", "text": "secret"}))
        .await;
    let strangers = [
        (
            "of another tenant",
            stack.token_with(&["--sub", "eve", "--role", "admin", "--tenant", "other"]),
        ),
        (
            "for another project",
            stack.token_with(&[
                "--sub",
                "eve",
                "--role",
                "editor",
                "--project",
                "gw9-theirs",
            ]),
        ),
    ];
    for (who, token) in strangers {
        let api = Api::new(&stack.url, Some(token.clone()));
        let one = format!("/api/projects/{project}");
        let task = json!({"project": project, "kind": "image_gen", "prompt": "x"});
        for (method, path, body) in [
            (Method::GET, one.clone(), None),
            (Method::PATCH, one.clone(), Some(json!({"name": "mine"}))),
            (Method::DELETE, one.clone(), None),
            (Method::GET, format!("{one}/document"), None),
            (Method::GET, format!("/api/tasks?project={project}"), None),
            (Method::POST, "/api/tasks/submit".into(), Some(task)),
            (
                Method::GET,
                format!("/assets/{ASSET}?project={project}"),
                None,
            ),
        ] {
            let mut request = api.request(method.clone(), &path);
            if let Some(body) = &body {
                request = request.json(body);
            }
            let reply = api.send(request).await;
            let text = reply.text();
            reply.problem(&format!("{who}: {method} {path}"), 404);
            assert!(!text.contains("secret"), "{text}");
        }
        let listed = api.get("/api/projects").await.text();
        assert!(!listed.contains(&project), "{who}: {listed}");
        let refused = Member::try_join(&stack, &project, &token)
            .await
            .err()
            .expect("no way in");
        assert_eq!(refused.code, JoinErrorCode::AuthFailed, "{who}");
        let unknown = Member::try_join(&stack, "gw9-nowhere", &token)
            .await
            .err()
            .expect("no way in");
        assert_eq!(
            refused, unknown,
            "{who}: a room of others looks as one that is not there"
        );
    }
    let taken = Api::new(
        &stack.url,
        Some(stack.token_with(&["--sub", "eve", "--role", "editor", "--tenant", "other"])),
    );
    taken
        .post("/api/projects", &json!({"id": project, "name": "x"}))
        .await
        .problem("a taken id", 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw6_every_refusal_is_a_problem_document() {
    let stack = Stack::shared().await;
    let api = stack.api("alice", "editor");
    stack.project("gw6-taken").await;
    let long = "x".repeat(100_000);
    let table = [
        (Method::GET, "/api/nowhere", "", 404),
        (Method::GET, "/api/projects/gw6-nowhere", "", 404),
        (Method::PUT, "/api/projects", "{}", 405),
        (Method::POST, "/api/projects", "{", 400),
        (Method::POST, "/api/projects", "[]", 400),
        (
            Method::POST,
            "/api/projects",
            r#"{"name":"a","nmae":"b"}"#,
            400,
        ),
        (
            Method::POST,
            "/api/projects",
            r#"{"id":"Not A Slug","name":"a"}"#,
            400,
        ),
        (Method::POST, "/api/projects", r#"{"name":""}"#, 400),
        (
            Method::POST,
            "/api/projects",
            r#"{"id":"gw6-taken","name":"again"}"#,
            409,
        ),
        (Method::POST, "/api/projects", long.as_str(), 413),
    ];
    for (method, path, body, status) in table {
        let mut request = api.request(method.clone(), path);
        if !body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        let shown: String = body.chars().take(40).collect();
        api.send(request)
            .await
            .problem(&format!("{method} {path} {shown}"), status);
    }
}
