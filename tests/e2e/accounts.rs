//! Accounts: logging in and out, links, users, revocations.

use std::time::Duration;

use clash_tests::{Api, Reply, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

/// The cookie that an answer sets, as a request sends it back.
fn cookie(reply: &Reply) -> String {
    let header = reply.header("set-cookie");
    header.split(';').next().unwrap_or_default().to_owned()
}

/// A browser: no token, but cookies.
struct Browser(Api);

impl Browser {
    fn of(stack: &Stack) -> Self {
        Self(Api::new(&stack.url, None))
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut request = self.0.request(Method::POST, path).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.send(request).await
    }

    async fn log_in(&self, login: &str, password: &str) -> Reply {
        let body = json!({"login": login, "password": password});
        self.post("/api/auth/login", &[], &body).await
    }

    async fn refresh(&self, cookie: &str) -> Reply {
        self.post("/api/auth/refresh", &[("cookie", cookie)], &json!({}))
            .await
    }
}

fn access(stack: &Stack, reply: &Reply) -> Api {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let token = reply.json()["access_token"].as_str().map(str::to_owned);
    Api::new(&stack.url, token)
}

async fn user(stack: &Stack, login: &str, role: &str) -> String {
    let body = json!({"login": login, "name": login, "password": PASSWORD, "role": role});
    let reply = stack.api("root", "admin").post("/api/users", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn gw10_log_in_go_on_and_log_out() {
    let stack = Stack::shared().await;
    let id = user(&stack, "Anna@example.com", "editor").await;
    let browser = Browser::of(&stack);
    let wrong = browser.log_in("anna@example.com", "not that one").await;
    wrong.problem("a wrong password", 401);
    let unknown = browser.log_in("nobody@example.com", PASSWORD).await;
    assert_eq!(
        unknown.problem("an unknown login", 401),
        wrong.json()["detail"].as_str().expect("a detail")
    );
    let first = browser.log_in("anna@EXAMPLE.com", PASSWORD).await;
    let api = access(&stack, &first);
    assert_eq!(first.json()["token_type"], "Bearer");
    assert_eq!(first.json()["expires_in"], 900);
    assert_eq!(first.header("cache-control"), "no-store");
    let set = first.header("set-cookie").to_owned();
    for part in [
        "clash_refresh=",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/api/auth",
    ] {
        assert!(set.contains(part), "{part}: {set}");
    }
    assert!(!set.contains("Secure"), "{set}");
    let me = api.get("/api/auth/me").await.json();
    assert_eq!((&me["sub"], &me["role"]), (&json!(id), &json!("editor")));
    assert_eq!(me["account"]["login"], "Anna@example.com");
    assert_eq!(me["member"], true);
    let second = browser.refresh(&cookie(&first)).await;
    let api = access(&stack, &second);
    assert_ne!(cookie(&first), cookie(&second));
    let kept = cookie(&second);
    let out = browser
        .post("/api/auth/logout", &[("cookie", &kept)], &json!({}))
        .await;
    assert_eq!(out.status, 204, "{}", out.text());
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    browser
        .refresh(&kept)
        .await
        .problem("after logging out", 401);
    eventually(
        "the access token ends too",
        Duration::from_secs(3),
        || async { (api.get("/api/projects").await.status == 401).then_some(()) },
    )
    .await;
    browser
        .refresh("a=b")
        .await
        .problem("without a cookie", 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw10_a_cookie_that_comes_back_ends_the_session() {
    let stack = Stack::shared().await;
    user(&stack, "berta", "viewer").await;
    let browser = Browser::of(&stack);
    let first = browser.log_in("berta", PASSWORD).await;
    let second = browser.refresh(&cookie(&first)).await;
    // Two windows at once: both go on.
    let other = browser.refresh(&cookie(&first)).await;
    assert_eq!((second.status, other.status), (200, 200));
    tokio::time::sleep(Duration::from_secs(11)).await;
    let stolen = browser.refresh(&cookie(&first)).await;
    stolen.problem("a cookie that was replaced", 401);
    assert!(stolen.header("set-cookie").contains("Max-Age=0"));
    for kept in [cookie(&second), cookie(&other)] {
        browser.refresh(&kept).await.problem("its successor", 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw10_pages_of_other_hosts_use_no_cookie() {
    let stack = Stack::shared().await;
    user(&stack, "carla", "viewer").await;
    let browser = Browser::of(&stack);
    let kept = cookie(&browser.log_in("carla", PASSWORD).await);
    let body = json!({"login": "carla", "password": PASSWORD});
    for (name, value) in [
        ("origin", "https://mallory.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let headers = [("cookie", kept.as_str()), (name, value)];
        for path in ["/api/auth/refresh", "/api/auth/logout", "/api/auth/login"] {
            let reply = browser.post(path, &headers, &body).await;
            reply.problem(&format!("{path} with {name}: {value}"), 403);
        }
    }
    let headers = [("cookie", kept.as_str()), ("origin", stack.url.as_str())];
    let own = browser
        .post("/api/auth/refresh", &headers, &json!({}))
        .await;
    assert_eq!(own.status, 200, "{}", own.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn gw10_guesses_are_counted_by_login_and_by_client() {
    let stack = Stack::start().await;
    user(&stack, "dora", "viewer").await;
    user(&stack, "emil", "viewer").await;
    let browser = Browser::of(&stack);
    for _ in 0..5 {
        browser
            .log_in("dora", "wrong password")
            .await
            .problem("a guess", 401);
    }
    for login in ["dora", "DORA"] {
        let refused = browser.log_in(login, PASSWORD).await;
        refused.problem("the sixth, though it is right", 429);
        let after_s: i64 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=901).contains(&after_s), "{after_s}");
    }
    // Who knows the password is not in the way of others, nor counted.
    for _ in 0..20 {
        assert_eq!(browser.log_in("emil", PASSWORD).await.status, 200);
    }
    for guess in 0..13 {
        let login = format!("nobody{guess}");
        browser
            .log_in(&login, PASSWORD)
            .await
            .problem("a guess", 401);
    }
    browser
        .log_in("emil", PASSWORD)
        .await
        .problem("one client", 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw10_a_link_lets_in_once() {
    let stack = Stack::shared().await;
    let admin = stack.api("root", "admin");
    let body = json!({"login": "frieda", "role": "admin"});
    let made = admin.post("/api/users", &body).await;
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(made.json()["has_password"], false);
    let path = format!("/api/users/{id}/entry-link");
    let link = admin.post(&path, &json!({})).await;
    assert_eq!(link.status, 201, "{}", link.text());
    let url = link.json()["url"].as_str().expect("a link").to_owned();
    assert!(url.starts_with(&format!("{}/enter/", stack.url)), "{url}");
    let browser = Browser::of(&stack);
    let page = browser.0.get(&url).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let code = url.rsplit('/').next().expect("a code");
    assert!(!page.text().contains(code));
    let enter = async || {
        browser
            .post("/api/auth/enter", &[], &json!({ "code": code }))
            .await
    };
    let entered = enter().await;
    let api = access(&stack, &entered);
    enter().await.problem("a second time", 401);
    // The first password needs no old one, the next does.
    let set = async |body: Value| api.post("/api/auth/password", &body).await;
    set(json!({"new": "short"}))
        .await
        .problem("a short one", 422);
    assert_eq!(set(json!({"new": PASSWORD})).await.status, 204);
    set(json!({"new": "another password"}))
        .await
        .problem("no old one", 401);
    let other = browser.log_in("frieda", PASSWORD).await;
    assert_eq!(other.status, 200);
    let change = json!({"old": PASSWORD, "new": "another password"});
    assert_eq!(set(change).await.status, 204);
    browser
        .refresh(&cookie(&other))
        .await
        .problem("elsewhere", 401);
    assert_eq!(browser.refresh(&cookie(&entered)).await.status, 200);
    assert_eq!(
        browser.log_in("frieda", "another password").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gw10_admins_manage_the_accounts_of_their_tenant() {
    let stack = Stack::shared().await;
    let admin = stack.api("root", "admin");
    let id = user(&stack, "gerda", "viewer").await;
    let path = format!("/api/users/{id}");
    let again = json!({"login": "GERDA", "role": "viewer"});
    admin
        .post("/api/users", &again)
        .await
        .problem("a login that is taken", 409);
    for body in [
        json!({"login": "", "role": "viewer"}),
        json!({"login": "a b", "role": "viewer"}),
        json!({"login": "x", "role": "service"}),
        json!({"login": "x", "role": "viewer", "is_admin": true}),
    ] {
        let reply = admin.post("/api/users", &body).await;
        reply.problem(&format!("{body}"), 400);
    }
    let other = stack.token_with(&["--sub", "x", "--role", "admin", "--tenant", "other"]);
    let other = Api::new(&stack.url, Some(other));
    let editor = stack.api("ed", "editor");
    for (api, status) in [(&other, 404), (&editor, 403)] {
        api.get(&path).await.problem("reading", status);
        api.delete(&path).await.problem("deleting", status);
        let change = api
            .request(Method::PATCH, &path)
            .json(&json!({"role": "admin"}));
        api.send(change).await.problem("changing", status);
        let link = api.post(&format!("{path}/entry-link"), &json!({})).await;
        link.problem("a link", status);
    }
    editor.get("/api/users").await.problem("listing", 403);
    assert_eq!(other.get("/api/users").await.json()["users"], json!([]));
    let listed = admin.get("/api/users?limit=1000").await.json();
    let listed = listed["users"].as_array().expect("users").clone();
    assert!(listed.iter().any(|user| user["id"] == id.as_str()));
    assert!(
        !listed
            .iter()
            .any(|user| user.get("password_hash").is_some())
    );
    // Disabled: no session goes on, no new one begins.
    let browser = Browser::of(&stack);
    let session = browser.log_in("gerda", PASSWORD).await;
    let api = access(&stack, &session);
    let change = admin
        .request(Method::PATCH, &path)
        .json(&json!({"is_disabled": true}));
    let changed = admin.send(change).await;
    assert_eq!(changed.json()["is_disabled"], true, "{}", changed.text());
    browser
        .refresh(&cookie(&session))
        .await
        .problem("disabled", 401);
    browser
        .log_in("gerda", PASSWORD)
        .await
        .problem("disabled", 401);
    eventually(
        "the access token ends too",
        Duration::from_secs(3),
        || async { (api.get("/api/projects").await.status == 401).then_some(()) },
    )
    .await;
    assert_eq!(admin.delete(&path).await.status, 204);
    admin.get(&path).await.problem("gone", 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw10_logging_out_everywhere_ends_all_there_was_and_nothing_later() {
    let stack = Stack::shared().await;
    user(&stack, "hanna", "editor").await;
    let browser = Browser::of(&stack);
    let (one, two) = (
        browser.log_in("hanna", PASSWORD).await,
        browser.log_in("hanna", PASSWORD).await,
    );
    let api = access(&stack, &one);
    let out = api.post("/api/auth/logout-everywhere", &json!({})).await;
    assert_eq!(out.status, 204, "{}", out.text());
    for session in [&one, &two] {
        browser
            .refresh(&cookie(session))
            .await
            .problem("ended", 401);
    }
    let later = access(&stack, &browser.log_in("hanna", PASSWORD).await);
    eventually("old tokens end", Duration::from_secs(3), || async {
        (access(&stack, &two).get("/api/projects").await.status == 401).then_some(())
    })
    .await;
    assert_eq!(later.get("/api/projects").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw2_a_revoked_token_is_refused_within_a_second_or_so() {
    let stack = Stack::shared().await;
    let admin = stack.api("root", "admin");
    let (one, other) = (stack.api("ida", "editor"), stack.api("jule", "editor"));
    let jti = {
        use base64::Engine;
        let token = one.token.as_deref().expect("a token");
        let payload = token.split('.').nth(1).expect("a payload");
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
        let claims: Value = serde_json::from_slice(&json.expect("base64url")).expect("JSON");
        claims["jti"].clone()
    };
    for body in [
        json!({}),
        json!({"jti": "a", "sub": "b"}),
        json!({"sub": ""}),
    ] {
        let reply = admin.post("/api/tokens/revoke", &body).await;
        reply.problem(&format!("{body}"), 400);
    }
    let refused = one
        .post("/api/tokens/revoke", &json!({"sub": "root"}))
        .await;
    refused.problem("an editor", 403);
    let refuses = async |api: &Api| {
        eventually("it is refused", Duration::from_secs(3), || async {
            (api.get("/api/projects").await.status == 401).then_some(())
        })
        .await
    };
    // Tokens of older binaries have no id.
    if jti.is_string() {
        let reply = admin
            .post("/api/tokens/revoke", &json!({ "jti": jti }))
            .await;
        assert_eq!(reply.status, 204, "{}", reply.text());
        refuses(&one).await;
        assert_eq!(
            stack.api("ida", "editor").get("/api/projects").await.status,
            200
        );
    }
    let reply = admin
        .post("/api/tokens/revoke", &json!({"sub": "jule"}))
        .await;
    assert_eq!(reply.status, 204, "{}", reply.text());
    refuses(&other).await;
    assert_eq!(admin.get("/api/projects").await.status, 200);
}
