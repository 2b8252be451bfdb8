//! Members and invitations: what a principal opens whose projects are looked up.

use clash_tests::{Api, Member, Stack};
use identity::{Claims, Keys, Role};
use protocol::frame::Permission;
use serde_json::{Value, json};

/// A token whose projects are looked up, as accounts have them.
fn member_token(stack: &Stack, sub: &str, role: Role, tenant: &str) -> String {
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let claims = Claims {
        tenant: tenant.to_owned(),
        member: true,
        ..Claims::access(sub, role, now_s as i64, 600)
    };
    let keys = Keys::from_secret(&stack.secret()).expect("a secret");
    keys.sign(&claims).expect("signs")
}

fn ids(list: &Value) -> Vec<String> {
    let projects = list["projects"].as_array().expect("projects").iter();
    projects
        .map(|project| project["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gw9_membership_decides_what_a_project_is_to_somebody() {
    let stack = Stack::start().await;
    let anna_token = member_token(&stack, "anna", Role::Editor, "default");
    let anna = Api::new(&stack.url, Some(anna_token.clone()));
    let ben_token = member_token(&stack, "ben", Role::Editor, "default");
    let ben = Api::new(&stack.url, Some(ben_token.clone()));
    let made = anna
        .post("/api/projects", &json!({"id": "hers", "name": "Hers"}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());

    // An editor of the tenant, but no member of the project.
    ben.get("/api/projects/hers")
        .await
        .problem("no member", 404);
    assert_eq!(ids(&ben.get("/api/projects").await.json()), [""; 0]);
    let task = json!({"project": "hers", "kind": "text_gen", "prompt": "x"});
    ben.post("/api/tasks/submit", &task)
        .await
        .problem("no member", 404);
    ben.get("/api/tasks?project=hers")
        .await
        .problem("no member", 404);
    ben.get("/api/projects/hers/document")
        .await
        .problem("no member", 404);
    assert!(Member::try_join(&stack, "hers", &ben_token).await.is_err());
    let path = "/api/projects/hers/members/ben";
    ben.put(path, &json!({"role": "admin"}))
        .await
        .problem("no member", 404);

    // A viewer reads.
    let put = anna.put(path, &json!({"role": "viewer"})).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(ids(&ben.get("/api/projects").await.json()), ["hers"]);
    ben.post("/api/tasks/submit", &task)
        .await
        .problem("a viewer", 403);
    ben.put(path, &json!({"role": "admin"}))
        .await
        .problem("a viewer", 403);
    let joined = Member::join(&stack, "hers", &ben_token).await;
    assert_eq!(joined.permission, Permission::Read);

    // An editor writes.
    anna.put(path, &json!({"role": "editor"})).await;
    let joined = Member::join(&stack, "hers", &ben_token).await;
    assert_eq!(joined.permission, Permission::Write);
    assert_eq!(ben.post("/api/tasks/submit", &task).await.status, 202);
    let tasks = ben.get("/api/tasks").await.json();
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(1), "{tasks}");

    for (what, body) in [
        ("server", "server"),
        ("service", "service"),
        ("nonsense", "king"),
    ] {
        anna.put(path, &json!({"role": body}))
            .await
            .problem(what, 422);
    }
    let members = anna.get("/api/projects/hers/members").await.json();
    let subs: Vec<_> = members["members"]
        .as_array()
        .expect("members")
        .iter()
        .map(|member| (member["sub"].as_str(), member["role"].as_str()))
        .collect();
    assert_eq!(
        subs,
        [(Some("anna"), Some("admin")), (Some("ben"), Some("editor"))]
    );

    // Gone.
    assert_eq!(anna.delete(path).await.status, 204);
    anna.delete(path).await.problem("no member any more", 404);
    ben.get("/api/projects/hers")
        .await
        .problem("no member any more", 404);
    assert!(Member::try_join(&stack, "hers", &ben_token).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn gw9_an_invitation_makes_one_person_a_member_once() {
    let stack = Stack::start().await;
    let admin = stack.api("root", "admin");
    admin
        .post("/api/projects", &json!({"id": "film", "name": "Film"}))
        .await;
    let invite = |body: Value| {
        let admin = &admin;
        async move { admin.post("/api/invitations", &body).await }
    };
    for (what, body, status) in [
        ("an unknown role", json!({"role": "king"}), 422),
        ("a role of machines", json!({"role": "service"}), 422),
        ("no time", json!({"role": "viewer", "ttl_s": 0}), 422),
        (
            "a year",
            json!({"role": "viewer", "ttl_s": 31_536_000}),
            422,
        ),
        (
            "an unknown project",
            json!({"role": "viewer", "project": "no"}),
            404,
        ),
        (
            "an unknown field",
            json!({"role": "viewer", "colour": "red"}),
            400,
        ),
    ] {
        invite(body).await.problem(what, status);
    }
    let made = invite(json!({"role": "editor", "project": "film"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let listed = admin.get("/api/invitations?project=film").await;
    assert!(
        !listed.text().contains(&secret),
        "the secret is told only once"
    );

    let guest = member_token(&stack, "guest", Role::Viewer, "default");
    let guest = Api::new(&stack.url, Some(guest));
    guest.get("/api/projects/film").await.problem("before", 404);
    let accept = json!({"secret": secret});
    let accepted = guest.post("/api/invitations/accept", &accept).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    assert_eq!(guest.get("/api/projects/film").await.status, 200);
    let late = member_token(&stack, "late", Role::Viewer, "default");
    let late = Api::new(&stack.url, Some(late));
    late.post("/api/invitations/accept", &accept)
        .await
        .problem("used up", 404);
    late.get("/api/projects/film")
        .await
        .problem("not for the second", 404);

    // Withdrawn and expired ones open nothing.
    let made = invite(json!({"role": "viewer"})).await.json();
    let path = format!("/api/invitations/{}", made["id"].as_str().expect("an id"));
    assert_eq!(admin.delete(&path).await.status, 204);
    let withdrawn = json!({"secret": made["secret"]});
    late.post("/api/invitations/accept", &withdrawn)
        .await
        .problem("withdrawn", 404);
    let made = invite(json!({"role": "viewer", "ttl_s": 1})).await.json();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let expired = json!({"secret": made["secret"]});
    late.post("/api/invitations/accept", &expired)
        .await
        .problem("expired", 404);
}
