//! The edge ends in order, within a bound.

mod common;

use common::options;
use common::server::{Raw, Server, data, edge_to, get, http1, http2, parts, said, soon, text};
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

#[tokio::test]
async fn op2_the_edge_ends_in_order() {
    let (sender, body) = parts();
    let (other, second) = parts();
    let bodies = Arc::new(Mutex::new(vec![second, body]));
    let server = Server::of(move |_| {
        let bodies = Arc::clone(&bodies);
        async move {
            match bodies.lock().await.pop() {
                Some(body) => ::http::Response::new(body),
                None => said(200, ""),
            }
        }
    })
    .await;
    let edge = edge_to(&server, options()).await;
    let mut idle = Raw::to(&edge).await;
    idle.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut one = http1(&edge).await;
    let mut two = http2(&edge).await;
    sender.send(data("first")).await.unwrap();
    other.send(data("first")).await.unwrap();
    idle.until("first").await;
    let mut body = soon(two.send_request(get(&edge, "/")))
        .await
        .unwrap()
        .into_body();
    assert_eq!(
        soon(body.frame())
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap(),
        "first"
    );
    let answer = soon(one.send_request(get(&edge, "/"))).await.unwrap();
    text(answer.into_body()).await;
    edge.shutdown.cancel();
    // An idle connection ends; what runs goes on to its end; nothing new comes in.
    soon(async {
        while one.ready().await.is_ok() {
            tokio::task::yield_now().await
        }
    })
    .await;
    soon(sender.send(data("last"))).await.unwrap();
    soon(other.send(data("last"))).await.unwrap();
    drop((sender, other));
    let (rest, ended) = idle.rest().await;
    assert!(
        rest.contains("last") && rest.ends_with("0\r\n\r\n"),
        "{rest:?}"
    );
    ended.unwrap();
    assert_eq!(text(body).await, "last");
    let mut edge = edge;
    soon(&mut edge.served).await.unwrap().unwrap();
    TcpStream::connect(edge.address)
        .await
        .expect_err("nobody listens");
}

#[tokio::test]
async fn op2_the_edge_does_not_wait_for_ever() {
    let (sender, body) = parts();
    let bodies = Arc::new(Mutex::new(vec![body]));
    let server = Server::of(move |_| {
        let bodies = Arc::clone(&bodies);
        async move { ::http::Response::new(bodies.lock().await.pop().unwrap()) }
    })
    .await;
    let mut options = options();
    options.limits.shutdown = std::time::Duration::from_millis(200);
    let mut edge = edge_to(&server, options).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    sender.send(data("first")).await.unwrap();
    raw.until("first").await;
    let mut half = Raw::to(&edge).await;
    half.says("GET / HTTP/1.1\r\nHo").await;
    edge.shutdown.cancel();
    soon(&mut edge.served).await.unwrap().unwrap();
    // The answer is cut, not ended.
    let (rest, _) = raw.rest().await;
    assert!(!rest.contains("0\r\n\r\n"), "{rest:?}");
    assert_eq!(half.rest().await.0, "");
}
