//! The whole matrix of operations and roles, and of operations and other tenants. Both read the
//! operations from `/openapi.json`, so that none can be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clash_tests::{Api, Stack};
use reqwest::Method;
use serde_json::{Value, json};

const ASSET: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const ROLES: [&str; 5] = ["admin", "editor", "agent", "viewer", "server"];

struct Operation {
    id: String,
    method: Method,
    path: String,
    needs_token: bool,
}

async fn operations(stack: &Stack) -> Vec<Operation> {
    let api = Api::new(&stack.url, None).get("/openapi.json").await.json();
    let mut found = Vec::new();
    for (path, item) in api["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let Ok(method) = method.to_uppercase().parse() else {
                continue;
            };
            let Some(id) = operation["operationId"].as_str() else {
                continue;
            };
            found.push(Operation {
                id: id.to_owned(),
                method,
                path: path.clone(),
                needs_token: operation["security"].is_array(),
            });
        }
    }
    found
}

/// What an operation is tried on: things of one tenant, made anew for each try, as some of the
/// operations remove them.
struct Things {
    project: String,
    task: String,
    server: String,
    invitation: String,
}

impl Things {
    async fn make(admin: &Api, number: usize) -> Self {
        let project = format!("things-{number}");
        let body = json!({"id": project, "name": "Things"});
        let made = admin.post("/api/projects", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let body = json!({"project": project, "kind": "text_gen", "prompt": "x", "node": "n"});
        let task = admin.post("/api/tasks/submit", &body).await.json();
        let url = format!("http://127.0.0.1:9/{number}");
        let body = json!({"name": "s", "url": url, "kinds": ["image_gen"]});
        let server = admin.post("/api/servers", &body).await.json();
        let body = json!({"role": "viewer"});
        let invitation = admin.post("/api/invitations", &body).await.json();
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        Self {
            project,
            task: text(&task["task_id"]),
            server: text(&server["id"]),
            invitation: text(&invitation["id"]),
        }
    }

    /// The path of an operation with the ids of these things in it.
    fn path(&self, operation: &Operation) -> String {
        let path = &operation.path;
        let id = match path.split('/').nth(2).unwrap_or_default() {
            "projects" => &self.project,
            "tasks" => &self.task,
            "servers" => &self.server,
            "invitations" => &self.invitation,
            "assets" => ASSET,
            _ => "nobody",
        };
        let path = path.replace("{id}", id).replace("{sub}", "nobody");
        let path = path.replace("{version}", "none");
        let path = path.replace("{node}", "n");
        if operation.id == "followDocument" {
            return format!("{path}?seconds=0");
        }
        if path.contains("assets") {
            return format!("{path}?project={}", self.project);
        }
        path
    }

    /// A body with which the operation gets as far as the question who may.
    fn body(&self, operation: &Operation, number: usize) -> Option<Value> {
        let project = &self.project;
        Some(match operation.id.as_str() {
            "createProject" | "renameProject" => json!({"name": "n"}),
            "submitTask" => json!({"project": project, "kind": "text_gen", "prompt": "x"}),
            "reportTask" => json!({"state": "PROCESSING", "progress": 0.5}),
            "updateNode" => json!({"project": project, "node": "n", "task_id": self.task,
                "state": "PROCESSING", "progress": 0.5}),
            "registerServer" => {
                json!({"name": "s", "url": "http://127.0.0.1:9", "kinds": ["image_gen"]})
            }
            "putMember" | "putProjectMember" | "createInvitation" => json!({"role": "viewer"}),
            "acceptInvitation" => json!({"secret": "not one"}),
            "replayDeadLetters" => json!({"tasks": []}),
            "createTenant" => json!({"id": format!("tenant-{number}"), "name": "n"}),
            "createUser" => {
                json!({"login": format!("u{number}@example.org"), "name": "n", "role": "viewer"})
            }
            "changeServer" => json!({"slots": 4}),
            "changeUser" => json!({"role": "viewer"}),
            "changePassword" => json!({"old": "long enough 1", "new": "long enough 2"}),
            "revokeTokens" => json!({"sub": "nobody-at-all"}),
            "createVersion" | "renameVersion" => json!({"name": "n"}),
            "linkAsset" => json!({"ttl_s": 60}),
            "presignAsset" => {
                json!({"project": project, "size": 1, "sha256": ASSET, "media_type": "image/png"})
            }
            "putNode" | "patchNode" => json!({"type": "note"}),
            "changeDocument" => {
                json!({"operations": [{"op": "put_node", "id": "n", "node": {"type": "note"}}]})
            }
            "importUpdates" => json!({"updates": [""]}),
            "completeAsset" => json!({"upload": "none"}),
            _ => return None,
        })
    }
}

async fn attempt(
    api: &Api,
    things: &Things,
    operation: &Operation,
    number: usize,
) -> (u16, String) {
    let path = things.path(operation);
    let mut request = api.request(operation.method.clone(), &path);
    match operation.id.as_str() {
        "createUpload" => {
            // base64 of the project's id.
            let project = STANDARD.encode(things.project.as_bytes());
            request = request
                .header("tus-resumable", "1.0.0")
                .header("upload-length", "1")
                .header("upload-metadata", format!("project {project}"));
        }
        "appendUpload" | "disguisedUpload" => {
            request = request
                .header("tus-resumable", "1.0.0")
                .header("upload-offset", "0")
                .header("x-http-method-override", "PATCH")
                .header("content-type", "application/offset+octet-stream")
                .body("x");
        }
        "getUpload" | "endUpload" => request = request.header("tus-resumable", "1.0.0"),
        "uploadAsset" => {
            request = request
                .header("content-type", "application/octet-stream")
                .body("some bytes");
        }
        _ => {
            if let Some(body) = things.body(operation, number) {
                request = request.json(&body);
            }
        }
    }
    let reply = api.send(request).await;
    (reply.status, reply.text())
}

/// What the table says of each operation and role.
fn table() -> BTreeMap<String, Vec<String>> {
    let text = include_str!("../vectors/roles.csv");
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().expect("a head").split(',').skip(1).collect();
    assert_eq!(head, ROLES);
    lines
        .map(|line| {
            let mut cells = line.split(',').map(str::to_owned);
            (cells.next().expect("an operation"), cells.collect())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gw3_every_operation_and_every_role() {
    let stack = Stack::start().await;
    let admin = stack.api("root", "admin");
    let operations = operations(&stack).await;
    let table = table();
    let named: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    let served: BTreeSet<&str> = operations
        .iter()
        .filter(|operation| operation.needs_token)
        .map(|operation| operation.id.as_str())
        .collect();
    assert_eq!(
        named, served,
        "tests/vectors/roles.csv names every operation"
    );

    let mut faults = Vec::new();
    let mut number = 0;
    for operation in operations.iter().filter(|operation| operation.needs_token) {
        for (role, expected) in ROLES.iter().zip(&table[&operation.id]) {
            number += 1;
            let things = Things::make(&admin, number).await;
            let sub = format!("somebody-{number}");
            let api = stack.api(&sub, role);
            let (status, text) = attempt(&api, &things, operation, number).await;
            let as_expected = match expected.as_str() {
                "+" => {
                    !matches!(status, 401 | 403 | 405 | 404 | 500..)
                        || is_unknown_secret(operation, status)
                }
                "-" => status == 403,
                "404" => status == 404,
                other => panic!("{other}"),
            };
            if !as_expected {
                faults.push(format!(
                    "{role} {}: {expected} but {status} {text}",
                    operation.id
                ));
            }
        }
        let anonymous = Api::new(&stack.url, None);
        let things = Things {
            project: "p".into(),
            task: "t".into(),
            server: "s".into(),
            invitation: "i".into(),
        };
        let (status, text) = attempt(&anonymous, &things, operation, 0).await;
        if status != 401 {
            faults.push(format!("nobody {}: {status} {text}", operation.id));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Everybody may present a secret; this one opens nothing.
fn is_unknown_secret(operation: &Operation, status: u16) -> bool {
    operation.id == "acceptInvitation" && status == 404
}

#[tokio::test(flavor = "multi_thread")]
async fn gw9_ids_of_another_tenant_are_unknown_in_every_operation() {
    let stack = Stack::start().await;
    let admin = stack.api("root", "admin");
    let eve = stack.token_with(&["--sub", "eve", "--role", "admin", "--tenant", "other"]);
    let eve = Api::new(&stack.url, Some(eve));
    let mut faults = Vec::new();
    for (number, operation) in operations(&stack).await.iter().enumerate() {
        let things = Things::make(&admin, number).await;
        let path = things.path(operation);
        let names_a_thing = [
            &things.project,
            &things.task,
            &things.server,
            &things.invitation,
        ]
        .iter()
        .any(|id| path.contains(id.as_str()))
            || things
                .body(operation, number)
                .is_some_and(|body| body.get("project").is_some());
        // It names an upload, and there is none without an object storage.
        let names_a_thing = names_a_thing && operation.id != "completeAsset";
        if !operation.needs_token || !names_a_thing {
            continue;
        }
        let (status, text) = attempt(&eve, &things, operation, number).await;
        if status != 404 {
            faults.push(format!("{}: {status} {text}", operation.id));
        }
        let body = things
            .body(operation, number)
            .unwrap_or_default()
            .to_string();
        for id in [&things.task, &things.server, &things.invitation] {
            // What the caller said itself may be said again.
            let said = path.contains(id.as_str()) || body.contains(id.as_str());
            let is_told = text.contains(id.as_str()) && !said;
            assert!(!is_told, "{}: {text}", operation.id);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    for path in [
        "/api/projects",
        "/api/tasks",
        "/api/servers",
        "/api/invitations",
        "/api/members",
        "/api/audit",
        "/api/users",
        "/api/queues",
        "/api/dead-letters",
    ] {
        let reply = eve.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(
            !reply.text().contains("things-"),
            "{path}: {}",
            reply.text()
        );
    }
    eve.get("/api/tenants")
        .await
        .problem("another tenant's admin is not the operator", 403);
}
