//! Everything that is not a room passes through; what is internal does not.

mod common;

use ::http::Request;
use bytes::Bytes;
use common::client::{Client, update};
use common::{Application, SERVICE, edge, edge_before, edge_with, http, options};
use edge::HttpUpstream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;

fn problem(answer: &http::Answer) -> String {
    assert_eq!(answer.1["content-type"], "application/problem+json");
    let body: serde_json::Value = serde_json::from_slice(&answer.2).unwrap();
    assert_eq!(
        body["instance"].as_str(),
        answer.1["x-request-id"].to_str().ok()
    );
    format!(
        "{} {}",
        body["status"],
        body["type"].as_str().unwrap().rsplit('/').next().unwrap()
    )
}

#[tokio::test]
async fn gw1_requests_pass_with_the_headers_a_proxy_must_change() {
    let edge = edge().await;
    let request = Request::post("/echo?a=%20b")
        .header("host", "clash.example:8788")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-forwarded-proto", "gopher")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "for=6.6.6.6")
        .header("x-request-id", "r-1")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .header("authorization", "Bearer t")
        .body(Full::from("hello"))
        .unwrap();
    let (status, headers, body) = http::send(&edge, request).await;
    assert_eq!((status, body.as_ref()), (200, b"hello".as_slice()));
    assert_eq!(headers["seen-uri"], "http://clash.example:8788/echo?a=%20b");
    assert_eq!(headers["seen-client"], "127.0.0.1");
    assert_eq!(headers["x-request-id"], "r-1");
    assert!(!headers.contains_key("x-private"));
    let seen = headers["seen"].to_str().unwrap();
    let mut seen: Vec<_> = seen.split(';').collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "authorization=Bearer t",
            "content-length=5",
            "host=clash.example:8788",
            "x-forwarded-for=127.0.0.1",
            "x-forwarded-host=clash.example:8788",
            "x-forwarded-proto=http",
            "x-request-id=r-1",
        ]
    );
}

#[tokio::test]
async fn gw1_bodies_stream_both_ways() {
    let edge = edge().await;
    let stream = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let (parts, body) = futures::channel::mpsc::unbounded::<Result<Frame<Bytes>, std::io::Error>>();
    let request = Request::post("/echo")
        .header("host", "x")
        .body(StreamBody::new(body))
        .unwrap();
    parts
        .unbounded_send(Ok(Frame::data(Bytes::from_static(b"first"))))
        .unwrap();
    // The answer's head and first part arrive while the request is still being sent.
    let answer = tokio::time::timeout(Duration::from_secs(5), sender.send_request(request)).await;
    let mut body = answer.unwrap().unwrap().into_body();
    for part in ["first", "second", "third"] {
        let frame = tokio::time::timeout(Duration::from_secs(5), body.frame())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(frame.unwrap().into_data().unwrap(), part);
        let next = if part == "first" { "second" } else { "third" };
        let _ = parts.unbounded_send(Ok(Frame::data(Bytes::from(next))));
    }
}

#[tokio::test]
async fn gw1_internal_routes_are_nobodys_from_outside() {
    let edge = edge().await;
    for path in [
        "/internal/v1/turn",
        "/internal/v1/tick",
        "//internal/v1/turn",
        "/%69nternal/v1/wake",
        "/x/../internal",
    ] {
        assert_eq!(
            problem(&http::post(&edge, path, Some(SERVICE), "").await),
            "404 not-found",
            "{path}"
        );
    }
    assert_eq!(
        edge.application
            .state(|state| (state.turns.len(), state.ticks)),
        (0, 0)
    );
    let push = "/internal/v1/push";
    assert_eq!(
        problem(&http::post(&edge, push, None, "{}").await),
        "401 unauthorized"
    );
    assert_eq!(
        problem(&http::post(&edge, push, Some("forged"), "{}").await),
        "401 unauthorized"
    );
    assert_eq!(
        problem(&http::post(&edge, push, Some(SERVICE), "{}").await),
        "400 bad-request"
    );
    assert_eq!(
        problem(&http::get(&edge, push).await),
        "405 method-not-allowed"
    );
    let large = " ".repeat(70_000);
    assert_eq!(
        problem(&http::post(&edge, push, Some(SERVICE), &large).await),
        "413 payload-too-large"
    );
}

#[tokio::test]
async fn gw6_the_edges_own_failures_are_problems() {
    let edge = edge().await;
    assert_eq!(
        problem(&http::get(&edge, "/down").await),
        "502 upstream-failed"
    );
    assert_eq!(
        problem(&http::get(&edge, "/sync/p1").await),
        "400 bad-request"
    );
    assert_eq!(
        problem(&http::get(&edge, "/sync/No-Slug").await),
        "404 not-found"
    );
    let (status, _, body) = http::get(&edge, "/elsewhere").await;
    assert_eq!(
        (status, body.as_ref()),
        (404, b"not here".as_slice()),
        "the application's own answer"
    );
}

#[tokio::test]
async fn op3_the_edge_ticks_where_nothing_else_does() {
    let mut options = options();
    options.tick = Some(Duration::from_millis(20));
    let edge = edge_with(options).await;
    while edge.application.state(|state| state.ticks) < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The fake application behind a real HTTP server, as `spin up` would be.
async fn application_server(application: Application) -> std::net::SocketAddr {
    use edge::Upstream;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, client)) = listener.accept().await {
            let application = application.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                application.call(
                    request.map(|body| body.map_err(Into::into).boxed_unsync()),
                    client,
                )
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

#[tokio::test]
async fn op2_the_application_may_be_at_an_address() {
    let application = Application::default();
    let address = application_server(application.clone()).await;
    let upstream = HttpUpstream::new(address.to_string().parse().unwrap());
    let edge = edge_before(application, Arc::new(upstream), options()).await;
    let mut alice = Client::editor(edge.address, "p1").await;
    alice.says(update("p1", 1, &["a"])).await;
    alice.hears("Ack p1 1 Ok").await;
    let request = Request::post("/echo")
        .header("host", "clash.example")
        .body(Full::from("hi"))
        .unwrap();
    let (status, headers, body) = http::send(&edge, request).await;
    assert_eq!((status, body.as_ref()), (200, b"hi".as_slice()));
    assert!(
        headers["seen"]
            .to_str()
            .unwrap()
            .contains("host=clash.example;"),
        "{headers:?}"
    );
}

#[tokio::test]
async fn op2_an_application_that_is_not_there_is_a_502_and_a_1013() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let upstream = HttpUpstream::new(closed.to_string().parse().unwrap());
    let edge = edge_before(Application::default(), Arc::new(upstream), options()).await;
    assert_eq!(problem(&http::get(&edge, "/").await), "502 upstream-failed");
    let mut alice = Client::at(edge.address, "/sync").await;
    alice.says(common::client::join("p1", "editor")).await;
    alice.hears("Close 1013").await;
}
