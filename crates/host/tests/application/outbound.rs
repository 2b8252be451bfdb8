//! Requests over the network.

use std::net::SocketAddr;

use ::http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{App, soon};
use crate::upstream::Upstream;

/// A server that gives every connection the same answer, once.
async fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 65536];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

async fn app(allowed: &str) -> App {
    App::new(&format!(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"probe\"\n[component.probe]\nsource = \"PROBE\"\nallowed_outbound_hosts = [\"{allowed}\"]"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_only_granted_addresses_are_called() {
    let address =
        server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello").await;
    let granted = app(&format!("http://127.0.0.1:{}", address.port())).await;
    let answer = granted
        .send(Method::POST, &format!("/fetch?http://{address}/x"), "body")
        .await;
    assert_eq!(answer.text(), "hello");
    for target in [
        format!("https://{address}/"),
        "http://127.0.0.1:1/".into(),
        "http://localhost/".into(),
    ] {
        let answer = granted.get(&format!("/fetch?{target}")).await;
        assert_eq!(answer.text(), "ErrorCode::HttpRequestDenied", "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_redirects_are_left_to_the_guest() {
    let address = server(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    )
    .await;
    let answer = app("http://127.0.0.1:*")
        .await
        .get(&format!("/fetch?http://{address}/"))
        .await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(answer.headers["location"], "http://127.0.0.1:1/");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_nobody_listening_is_connection_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let answer = app("*://*:*")
        .await
        .get(&format!("/fetch?http://{address}/"))
        .await;
    assert_eq!(answer.text(), "ErrorCode::ConnectionRefused");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_broken_answer_is_an_error_and_not_a_trap() {
    let app = app("*://*:*").await;
    for answer in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
    ] {
        let address = server(answer).await;
        let got = app.get(&format!("/fetch?http://{address}/")).await;
        assert_eq!(
            got.status,
            StatusCode::BAD_REQUEST,
            "{answer:?}: {}",
            got.text()
        );
    }
    assert_eq!(app.get("/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_https_without_tls_behind_it_is_an_error_and_not_a_trap() {
    let address =
        server("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    let got = app("*://*:*")
        .await
        .get(&format!("/fetch?https://{address}/"))
        .await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "{}", got.text());
    assert!(got.text().contains("Tls"), "{}", got.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_self_reaches_the_own_application() {
    let granted = app("http://self").await;
    assert_eq!(
        granted.get("/fetch?http://self.alt/health").await.text(),
        "ok"
    );
    let refused = app("http://127.0.0.1:80").await;
    assert_eq!(
        refused.get("/fetch?http://self.alt/health").await.text(),
        "ErrorCode::HttpRequestDenied"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_addresses_may_be_templates_and_wildcards() {
    let upstream = Upstream::start().await;
    upstream.release(10);
    let (address, port) = (upstream.address, upstream.address.port());
    let load = async |allowed: &str, variable: Option<String>| {
        let manifest = format!(
            "[variables]\nupstream = {{ required = true }}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"probe\"\n[component.probe]\nsource = \"PROBE\"\nallowed_outbound_hosts = [{allowed}]"
        );
        App::with(&manifest, |options| {
            options.variables = variable
                .map(|value| ("upstream".into(), value))
                .into_iter()
                .collect();
        })
        .await
    };
    // entries, the variable's value, whether the server may be called
    let cases = [
        (
            "\"http://{{ upstream }}\"".to_owned(),
            Some(address.to_string()),
            true,
        ),
        (
            "\"{{ upstream }}\"".to_owned(),
            Some("http://127.0.0.1:*".into()),
            true,
        ),
        (
            "\"{{ upstream }}\"".to_owned(),
            Some("http://127.0.0.1:1".into()),
            false,
        ),
        ("\"{{ upstream }}\"".to_owned(), Some(String::new()), false),
        // As in Spin, one template without a value denies everything.
        (
            format!("\"http://127.0.0.1:{port}\", \"{{{{ upstream }}}}\""),
            None,
            false,
        ),
        (format!("\"http://127.0.0.1:{port}\""), None, true),
        ("\"*://127.0.0.0/8:*\"".to_owned(), None, true),
        (format!("\"http://*.example.com:{port}\""), None, false),
    ];
    for (allowed, variable, expected) in cases {
        let app = load(&allowed, variable.clone()).await;
        let answer = app.get(&format!("/fetch?http://{address}/")).await;
        let text = if expected {
            "answered"
        } else {
            "ErrorCode::HttpRequestDenied"
        };
        assert_eq!(answer.text(), text, "{allowed} {variable:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_server_that_does_not_answer_is_a_timeout_to_the_guest() {
    let mut upstream = Upstream::start().await;
    let app = app("http://127.0.0.1:*").await;
    let path = format!("/fetch?http://{}/", upstream.address);
    let answer = soon("an end", app.get_with(&path, "x-timeouts", "5000,100,-")).await;
    assert_eq!(answer.text(), "ErrorCode::ConnectionReadTimeout");
    upstream.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_server_that_stops_halfway_is_a_timeout_to_the_guest() {
    let upstream = Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    upstream.release(1);
    let app = app("http://127.0.0.1:*").await;
    let path = format!("/fetch?http://{}/", upstream.address);
    let answer = soon("an end", app.get_with(&path, "x-timeouts", "-,-,100")).await;
    assert_eq!(answer.text(), "body: ErrorCode::ConnectionReadTimeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_components_of_wasi_0_2_call_under_the_same_rules() {
    let mut upstream = Upstream::start().await;
    let address = upstream.address;
    let manifest = format!(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"legacy\"\n[component.legacy]\nsource = \"LEGACY\"\nallowed_outbound_hosts = [\"http://{address}\", \"http://legacy.spin.internal\"]"
    );
    let app = App::new(&manifest).await;
    let call = |target: &str| format!("/call/{target}/x");
    let denied = app.get(&call("127.0.0.1:1")).await;
    assert!(
        denied.text().contains("HttpRequestDenied"),
        "{}",
        denied.text()
    );
    // The guest waits a second for the first byte.
    let late = soon("an end", app.get(&call(&address.to_string()))).await;
    assert!(
        late.text().contains("ConnectionReadTimeout"),
        "{}",
        late.text()
    );
    upstream.closed().await;
    upstream.release(1);
    assert_eq!(
        app.get(&call(&address.to_string())).await.text(),
        "answered"
    );
    // Chaining, and a chain that would never end.
    assert_eq!(app.get(&call("legacy.spin.internal")).await.text(), "/x 1");
    let endless = format!("/{}x", "call/legacy.spin.internal/".repeat(20));
    let answer = soon("an end", app.get(&endless)).await;
    assert!(answer.text().contains("LoopDetected"), "{}", answer.text());
}
