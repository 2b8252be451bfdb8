//! Tokens of an outside issuer, which publishes its keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use clash_tests::{Api, Setup, Stack};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example/";

fn key() -> EncodingKey {
    EncodingKey::from_ec_der(include_bytes!("../../crates/identity/tests/keys/p256.der"))
}

fn signed(kid: &str, change: Value) -> String {
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let mut claims = json!({
        "sub": "carol", "iss": ISSUER, "aud": "clash", "iat": now_s, "exp": now_s + 600,
    });
    for (name, value) in change.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(kid.into());
    jsonwebtoken::encode(&header, &claims, &key()).expect("signed")
}

/// Publishes the key, and counts who asks.
async fn publish() -> (String, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut jwk = Jwk::from_encoding_key(&key(), Algorithm::ES256).expect("a public key");
    jwk.common.key_id = Some("k1".into());
    let set = json!({ "keys": [jwk] }).to_string();
    let counted = asked.clone();
    let router = Router::new().route(
        "/jwks",
        get(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let set = set.clone();
            async move { set }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let host = format!("http://{}", listener.local_addr().expect("an address"));
    let served = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("served");
    });
    (host, asked, served)
}

#[tokio::test(flavor = "multi_thread")]
async fn gw2_an_issuers_tokens_are_checked_with_the_keys_that_it_publishes() {
    let began = std::time::Instant::now();
    let (host, asked, served) = publish().await;
    let stack = Stack::with(Setup {
        variables: vec![
            ("jwks_url", format!("{host}/jwks")),
            ("jwks_host", host),
            ("jwks_issuer", ISSUER.into()),
        ],
        ..Setup::default()
    })
    .await;
    let of = |token: String| Api::new(&stack.url, Some(token));
    // Many at once: one of them asks.
    let carol = of(signed("k1", json!({})));
    let together = (0..8).map(|_| carol.get("/api/auth/me"));
    for reply in futures::future::join_all(together).await {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let me = reply.json();
        assert_eq!(
            (&me["sub"], &me["role"]),
            (&json!("carol"), &json!("viewer"))
        );
        assert_eq!(me["member"], true);
    }
    for (name, token) in [
        ("another audience", signed("k1", json!({"aud": "else"}))),
        (
            "another issuer",
            signed("k1", json!({"iss": "https://mallory.example/"})),
        ),
        ("the service role", signed("k1", json!({"role": "service"}))),
        ("expired", signed("k1", json!({"exp": 1_000_000_000}))),
    ] {
        of(token).get("/api/projects").await.problem(name, 401);
    }
    // Invented keys make no load for the issuer.
    for number in 0..20 {
        let token = signed(&format!("k{number}x"), json!({}));
        of(token)
            .get("/api/projects")
            .await
            .problem("an unknown key", 401);
    }
    let minutes = began.elapsed().as_secs() as usize / 60;
    let asked = asked.load(Ordering::SeqCst);
    assert!(
        asked <= 1 + minutes,
        "{asked} times in {:?}",
        began.elapsed()
    );
    // What is known goes on being so without the issuer, also after a restart.
    served.abort();
    stack.kill();
    stack.start_again();
    let reply = of(signed("k1", json!({"role": "editor"})))
        .get("/api/auth/me")
        .await;
    assert_eq!(reply.json()["role"], "editor", "{}", reply.text());
    // Our own tokens need no issuer.
    assert_eq!(
        stack
            .api("alice", "editor")
            .get("/api/projects")
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gw2_without_an_issuer_nobody_elses_token_is_good() {
    let stack = Stack::shared().await;
    let api = Api::new(&stack.url, Some(signed("k1", json!({"role": "admin"}))));
    api.get("/api/projects")
        .await
        .problem("nobody's token", 401);
}
