//! Clients that send too much, or are too many: each meets a bound and is told which, and the
//! others do not notice.

mod common;

use common::client::Client;
use common::server::{
    Raw, Server, data, edge_to, empty, get, http1, http2, request, said, soon, text,
};
use common::{Edge, edge, edge_with, options};
use edge::{Body, Limits, Options};
use http_body_util::{BodyExt, StreamBody};
use std::sync::Arc;
use std::time::Duration;

fn limited(change: impl FnOnce(&mut Limits)) -> Options {
    let mut options = options();
    change(&mut options.limits);
    options
}

async fn still_serves(edge: &Edge) {
    let mut raw = Raw::to(edge).await;
    raw.says("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let (heard, _) = raw.rest().await;
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
}

#[tokio::test]
async fn rl3_headers_have_a_size_and_a_number() {
    let edge = edge().await;
    let megabyte = "x".repeat(1024 * 1024);
    let many: String = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect();
    for head in [
        format!("GET /echo HTTP/1.1\r\nHost: x\r\nX-A: {megabyte}\r\n\r\n"),
        format!("GET /{megabyte} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /echo HTTP/1.1\r\nHost: x\r\nX-{megabyte}: a\r\n\r\n"),
        format!("{megabyte} /echo HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /echo HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    ] {
        let mut raw = Raw::to(&edge).await;
        // The answer is read although the client was still sending: the edge hears it out.
        raw.is_heard_out(&head).await;
        assert_eq!(raw.problem().await, "431 request-header-fields-too-large");
        let (rest, ended) = raw.rest().await;
        assert_eq!(rest, "");
        ended.unwrap();
    }
    let mut client = http2(&edge).await;
    let mut asked = get(&edge, "/echo");
    let large = "x".repeat(100 * 1024).parse().unwrap();
    asked.headers_mut().insert("x-a", large);
    let answer = soon(client.send_request(asked)).await.unwrap();
    assert_eq!(answer.status(), 431);
    let mut asked = get(&edge, "/echo");
    for n in 0..101 {
        let name: ::http::HeaderName = format!("x-{n}").parse().unwrap();
        asked.headers_mut().insert(name, "1".parse().unwrap());
    }
    let answer = soon(client.send_request(asked)).await.unwrap();
    assert_eq!(answer.status(), 431);
    assert!(
        text(answer.into_body())
            .await
            .contains("more than 100 headers")
    );
    still_serves(&edge).await;
}

#[tokio::test]
async fn rl3_a_body_that_says_it_is_too_large_is_not_read() {
    let server = Server::recording().await;
    let edge = edge_to(&server, limited(|limits| limits.body_bytes = 1_000)).await;
    let ask = |length: usize, more: &str| {
        format!("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n")
    };
    let mut raw = Raw::to(&edge).await;
    raw.says(ask(1_001, "Expect: 100-continue\r\n")).await;
    assert_eq!(raw.problem().await, "413 payload-too-large");
    raw.rest().await.1.unwrap();
    // The client who sends it all the same still reads why.
    let mut raw = Raw::to(&edge).await;
    raw.says(ask(2_000_000, "")).await;
    assert_eq!(raw.problem().await, "413 payload-too-large");
    for _ in 0..100 {
        raw.is_heard_out(vec![b'x'; 1_000]).await;
        tokio::task::yield_now().await;
    }
    raw.rest().await.1.unwrap();
    assert_eq!(
        server.connections.load(std::sync::atomic::Ordering::SeqCst),
        0
    );
    let mut raw = Raw::to(&edge).await;
    raw.says(ask(1_000, "")).await;
    raw.says(vec![b'x'; 1_000]).await;
    assert!(raw.until("recorded").await.starts_with("HTTP/1.1 200 "));
}

fn endless() -> Body {
    let stream = futures::stream::repeat_with(|| data(vec![b'x'; 10_000]));
    BodyExt::boxed_unsync(StreamBody::new(stream))
}

#[tokio::test]
async fn rl3_a_body_without_end_is_cut() {
    let server = Server::recording().await;
    let edge = edge_to(&server, limited(|limits| limits.body_bytes = 1_000_000)).await;
    let mut client = http2(&edge).await;
    let answer = soon(client.send_request(request(&edge, "POST", "/a", endless())))
        .await
        .unwrap();
    assert_eq!(answer.status(), 413);
    let mut raw = Raw::to(&edge).await;
    raw.says("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let chunk = [b"2710\r\n".as_slice(), &[b'x'; 10_000], b"\r\n"].concat();
    for _ in 0..150 {
        raw.is_heard_out(&chunk).await;
    }
    assert_eq!(raw.problem().await, "413 payload-too-large");
    raw.rest().await.1.unwrap();
    assert!(
        server.seen().is_empty(),
        "the application saw half a body as a whole"
    );
}

#[tokio::test]
async fn rl3_connections_over_the_limit_are_told_to_come_again() {
    let edge = edge_with(limited(|limits| limits.connections = 2)).await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let mut kept = Raw::to(&edge).await;
    kept.says("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(kept.head().await.starts_with("HTTP/1.1 200 "));
    let mut third = Raw::to(&edge).await;
    third.says("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (heard, ended) = third.rest().await;
    assert!(heard.starts_with("HTTP/1.1 503 "), "{heard}");
    assert!(heard.contains("retry-after: 1\r\n"), "{heard}");
    assert!(heard.contains("errors/unavailable"), "{heard}");
    ended.unwrap();
    alice.hears_nothing_more().await;
    // A place is free again when a connection, or the WebSocket it became, has ended.
    drop(kept);
    let kept = comes_in(&edge).await;
    drop(alice);
    comes_in(&edge).await;
    drop(kept);
}

async fn comes_in(edge: &Edge) -> Raw {
    soon(async {
        loop {
            let mut raw = Raw::to(edge).await;
            raw.says("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").await;
            if raw.head().await.starts_with("HTTP/1.1 200 ") {
                return raw;
            }
        }
    })
    .await
}

#[tokio::test]
async fn rl3_requests_over_the_limit_are_told_to_come_again() {
    let (go, going) = tokio::sync::watch::channel(false);
    let going = Arc::new(going);
    let server = Server::of(move |_| {
        let mut going = (*going).clone();
        async move {
            going.wait_for(|go| *go).await.unwrap();
            said(200, "")
        }
    })
    .await;
    let edge = edge_to(&server, limited(|limits| limits.requests = 1)).await;
    let mut one = http1(&edge).await;
    let first = tokio::spawn(one.send_request(get(&edge, "/")));
    soon(async {
        while server.connections.load(std::sync::atomic::Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut two = http1(&edge).await;
    let answer = soon(two.send_request(get(&edge, "/"))).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    drop(answer.into_body());
    // What the edge answers itself needs no place.
    let mut three = http1(&edge).await;
    let answer = soon(three.send_request(request(&edge, "GET", "/internal", empty()))).await;
    assert_eq!(answer.unwrap().status(), 404);
    go.send(true).unwrap();
    let answer = soon(first).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    text(answer.into_body()).await;
    let answer = soon(three.send_request(get(&edge, "/"))).await.unwrap();
    assert_eq!(answer.status(), 200);
}
