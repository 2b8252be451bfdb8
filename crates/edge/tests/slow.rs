//! Clients that send too slowly or nothing, or do not read: each meets a bound, and the application
//! does not wait with them.

mod common;

use common::client::Client;
use common::server::{Raw, Server, data, edge_to, get, http2, parts, request, said, soon};
use common::{edge_with, options};
use edge::{Limits, Options};
use http_body_util::{BodyExt, StreamBody};
use std::time::Duration;

fn limited(change: impl FnOnce(&mut Limits)) -> Options {
    let mut options = options();
    change(&mut options.limits);
    options
}

/// For bounds that a test waits for.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn rl3_a_head_that_dribbles_is_cut_off() {
    let edge = edge_with(limited(|limits| limits.head_timeout = SHORT)).await;
    for begin in ["GET /echo HTTP/1.1\r\nHost: x\r\n", "PRI * HT", "G"] {
        let mut raw = Raw::to(&edge).await;
        raw.says(begin).await;
        let ended = soon(async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                use tokio::io::AsyncWriteExt;
                if raw.stream.write_all(b"x").await.is_err() {
                    return;
                }
            }
        });
        ended.await;
    }
    // A second request on a connection has the same bound.
    let mut raw = Raw::to(&edge).await;
    raw.says("GET /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /e")
        .await;
    assert!(raw.head().await.starts_with("HTTP/1.1 200 "));
    raw.says("c").await;
    let _ = raw.rest().await;
    let mut other = Raw::to(&edge).await;
    other.says("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(other.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn rl3_a_body_that_stalls_is_a_408() {
    let server = Server::recording().await;
    let edge = edge_to(&server, limited(|limits| limits.stall_timeout = SHORT)).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    assert_eq!(raw.problem().await, "408 request-timeout");
    raw.rest().await.1.unwrap();
    let (sender, body) = parts();
    let mut client = http2(&edge).await;
    let answer = tokio::spawn(client.send_request(request(&edge, "POST", "/a", body)));
    sender.send(data("half")).await.unwrap();
    assert_eq!(soon(answer).await.unwrap().unwrap().status(), 408);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn rl3_a_body_that_dribbles_is_a_408() {
    let server = Server::recording().await;
    let edge = edge_to(&server, limited(|limits| limits.stall_timeout = SHORT * 2)).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        .await;
    // Never still for long, and never done.
    let answered = async {
        loop {
            raw.says("x").await;
            let mut byte = [0];
            let answer = tokio::time::timeout(SHORT / 8, raw.stream.peek(&mut byte));
            if answer.await.is_ok() {
                return;
            }
        }
    };
    soon(answered).await;
    assert_eq!(raw.problem().await, "408 request-timeout");
    // What is slow and large is waited for: 200 KiB buy three minutes.
    let mut raw = Raw::to(&edge).await;
    raw.says("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200030\r\n\r\n")
        .await;
    raw.says(vec![b'x'; 200_000]).await;
    for _ in 0..30 {
        raw.says("x").await;
        tokio::time::sleep(SHORT / 8).await;
    }
    assert!(raw.until("recorded").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn rl3_an_application_that_thinks_is_not_a_stall() {
    let (go, going) = tokio::sync::watch::channel(false);
    let server = Server::of(move |request| {
        let mut going = going.clone();
        async move {
            going.wait_for(|go| *go).await.unwrap();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.len(), 4);
            said(200, "thought")
        }
    })
    .await;
    let edge = edge_to(
        &server,
        limited(|limits| {
            limits.stall_timeout = SHORT;
            limits.idle_timeout = SHORT;
            limits.head_timeout = SHORT;
        }),
    )
    .await;
    let mut raw = Raw::to(&edge).await;
    raw.says("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nhalf")
        .await;
    tokio::time::sleep(SHORT * 4).await;
    go.send(true).unwrap();
    assert!(raw.until("thought").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn rl3_a_reader_that_never_reads_is_cut_off() {
    // The application learns it by its body being dropped.
    let (gone, mut goings) = tokio::sync::mpsc::unbounded_channel();
    struct Watched(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Watched {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let server = Server::of(move |_| {
        let watched = Watched(gone.clone());
        let stream = futures::stream::repeat_with(move || {
            let _held = &watched;
            data(vec![b'x'; 100_000])
        });
        async move { ::http::Response::new(BodyExt::boxed_unsync(StreamBody::new(stream))) }
    })
    .await;
    let edge = edge_to(&server, limited(|limits| limits.stall_timeout = SHORT)).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    soon(goings.recv()).await.unwrap();
    let mut client = http2(&edge).await;
    let _answer = soon(client.send_request(get(&edge, "/"))).await.unwrap();
    soon(goings.recv()).await.unwrap();
}

#[tokio::test]
async fn rl3_idle_connections_are_closed() {
    let edge = edge_with(limited(|limits| {
        limits.idle_timeout = SHORT;
        limits.shutdown = SHORT;
    }))
    .await;
    // One that never says anything, one between requests, one of HTTP/2: all end in order.
    let mut silent = Raw::to(&edge).await;
    let mut kept = Raw::to(&edge).await;
    kept.says("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut client = http2(&edge).await;
    soon(client.send_request(get(&edge, "/echo")))
        .await
        .unwrap();
    assert_eq!(silent.rest().await.0, "");
    let (heard, ended) = kept.rest().await;
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    ended.unwrap();
    soon(async {
        while client.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    // A WebSocket is never idle in this sense, over HTTP/1.1 at least.
    let mut alice = Client::editor(edge.address, "p1").await;
    tokio::time::sleep(SHORT * 4).await;
    alice.hears_nothing_more().await;
}
