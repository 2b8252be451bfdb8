//! HTTP as it passes through, over HTTP/1.1 and HTTP/2: heads, trailers, and what one hop only may
//! see.

mod common;

use common::client::{join, update, words};
use common::server::{
    Client, Raw, Server, data, edge_to, empty, get, http2, parts, request, said, soon,
};
use common::{edge, edge_with, options};
use futures::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

#[tokio::test]
async fn gw1_requests_of_http2_arrive_as_those_of_http1() {
    let server = Server::recording().await;
    let edge = edge_to(&server, options()).await;
    let mut client = http2(&edge).await;
    let mut asked = request(&edge, "POST", "/a?b=%20c", empty());
    *asked.uri_mut() = "http://clash.example/a?b=%20c".parse().unwrap();
    let headers = asked.headers_mut();
    // What HTTP/2 names an authority wins over a Host that says otherwise.
    headers.insert("host", "evil.example".parse().unwrap());
    headers.append("cookie", "a=1".parse().unwrap());
    headers.append("cookie", "b=2".parse().unwrap());
    headers.insert("x-forwarded-for", "6.6.6.6".parse().unwrap());
    headers.insert("x-real-ip", "6.6.6.6".parse().unwrap());
    let answer = soon(client.send_request(asked)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("connection"));
    let seen = server.seen().remove(0);
    assert_eq!(seen.line, "POST /a?b=%20c");
    let mut headers: Vec<String> = seen
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            "content-length=0",
            "cookie=a=1; b=2",
            "host=clash.example",
            "x-forwarded-for=127.0.0.1",
            "x-forwarded-host=clash.example",
            "x-forwarded-proto=http",
        ]
    );
}

#[tokio::test]
async fn gw1_many_requests_share_one_http2_connection() {
    let (come, coming) = tokio::sync::watch::channel(0);
    let come = Arc::new(come);
    let server = Server::of(move |_| {
        let (come, mut coming) = (Arc::clone(&come), coming.clone());
        async move {
            // Nobody is answered before all are here.
            come.send_modify(|count| *count += 1);
            coming.wait_for(|count| *count == 50).await.unwrap();
            said(200, "")
        }
    })
    .await;
    let edge = edge_to(&server, options()).await;
    let client = http2(&edge).await;
    let answers = (0..50).map(|_| client.clone().send_request(get(&edge, "/")));
    let answers: Vec<_> = answers.collect();
    for answer in soon(futures::future::join_all(answers)).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn gw1_trailers_pass_but_say_nothing_of_proxies() {
    let server = Server::of(|request| async move {
        // Trailers and all.
        let asked = request.headers().get("te").cloned();
        let trailer = request.headers().get("trailer").cloned();
        let mut answer =
            ::http::Response::new(request.into_body().map_err(Into::into).boxed_unsync());
        if let Some(asked) = asked {
            answer.headers_mut().insert("seen-te", asked);
        }
        if let Some(trailer) = trailer {
            answer.headers_mut().insert("trailer", trailer);
        }
        answer
    })
    .await;
    let edge = edge_to(&server, options()).await;
    for mut client in Client::both(&edge).await {
        let (sender, body) = parts();
        let mut asked = request(&edge, "POST", "/", body);
        asked
            .headers_mut()
            .insert("te", "trailers".parse().unwrap());
        asked
            .headers_mut()
            .insert("trailer", "x-sum, x-forwarded-for".parse().unwrap());
        let answer = tokio::spawn(client.send(asked));
        soon(sender.send(data("hi"))).await.unwrap();
        let mut trailers = ::http::HeaderMap::new();
        trailers.insert("x-sum", "42".parse().unwrap());
        trailers.insert("x-forwarded-for", "6.6.6.6".parse().unwrap());
        soon(sender.send(Ok(Frame::trailers(trailers))))
            .await
            .unwrap();
        drop(sender);
        let answer = soon(answer).await.unwrap().unwrap();
        assert_eq!(answer.headers()["seen-te"], "trailers");
        let body = soon(answer.into_body().collect()).await.unwrap();
        let trailers = body.trailers().cloned().expect("trailers");
        assert_eq!(trailers["x-sum"], "42");
        assert!(!trailers.contains_key("x-forwarded-for"));
        assert_eq!(body.to_bytes(), "hi");
    }
}

#[tokio::test]
async fn gw1_answers_without_a_body_keep_the_connection_in_step() {
    let server = Server::of(|request| async move {
        let mut answer = said(200, "whole");
        match request.uri().path() {
            "/204" => answer = said(204, ""),
            "/304" => {
                answer = said(304, "");
                answer
                    .headers_mut()
                    .insert("etag", "\"e\"".parse().unwrap());
            }
            _ => {}
        }
        answer
    })
    .await;
    let edge = edge_to(&server, options()).await;
    let mut raw = Raw::to(&edge).await;
    for (ask, status, length) in [
        ("HEAD /", "200", Some("content-length: 5")),
        ("GET /204", "204", None),
        ("HEAD /204", "204", None),
        ("GET /304", "304", None),
        ("HEAD /internal", "404", Some("content-length: ")),
    ] {
        raw.says(format!("{ask} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        let head = raw.head().await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{ask}: {head}"
        );
        if let Some(length) = length {
            assert!(head.contains(length), "{ask}: {head}");
        }
    }
    raw.says("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let (heard, ended) = raw.rest().await;
    assert!(
        heard.starts_with("HTTP/1.1 200 ") && heard.ends_with("\r\n\r\nwhole"),
        "{heard}"
    );
    ended.unwrap();
}

#[tokio::test]
async fn gw1_a_body_is_sent_for_when_it_is_wanted() {
    let server = Server::recording().await;
    let edge = edge_to(&server, options()).await;
    let mut raw = Raw::to(&edge).await;
    let ask = |path: &str| {
        format!(
            "PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    raw.says(ask("/a")).await;
    assert_eq!(raw.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    raw.says("hi").await;
    assert!(raw.until("recorded").await.starts_with("HTTP/1.1 200 "));
    let seen = server.seen().remove(0);
    assert_eq!(
        (seen.line.as_str(), seen.body.as_ref()),
        ("PUT /a", b"hi".as_slice())
    );
    assert!(!seen.headers.contains_key("expect"));
    // What is refused by its head alone is not sent for.
    raw.says(ask("/internal/x")).await;
    assert_eq!(raw.problem().await, "404 not-found");
}

#[tokio::test]
async fn gw1_who_has_said_everything_still_hears_the_answer() {
    let (go, going) = tokio::sync::watch::channel(false);
    let server = Server::of(move |_| {
        let mut going = going.clone();
        async move {
            going.wait_for(|go| *go).await.unwrap();
            said(200, "late")
        }
    })
    .await;
    let edge = edge_to(&server, options()).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::io::AsyncWriteExt::shutdown(&mut raw.stream)
        .await
        .unwrap();
    go.send(true).unwrap();
    let (heard, ended) = raw.rest().await;
    assert!(
        heard.starts_with("HTTP/1.1 200 ") && heard.ends_with("late"),
        "{heard}"
    );
    ended.unwrap();
    // Half of a request is none, and does not hang.
    let mut raw = Raw::to(&edge).await;
    raw.says("GET / HTTP/1.1\r\nHo").await;
    tokio::io::AsyncWriteExt::shutdown(&mut raw.stream)
        .await
        .unwrap();
    let (heard, _) = raw.rest().await;
    assert!(!heard.contains("200"), "{heard}");
}

#[tokio::test]
async fn gw1_what_is_no_websocket_and_no_tunnel_is_told_so() {
    let edge = edge().await;
    let mut client = http2(&edge).await;
    let answer = soon(client.send_request(get(&edge, "/sync/p1")))
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
    let mut tunnel = request(&edge, "CONNECT", "/", empty());
    *tunnel.uri_mut() = "elsewhere:80".parse().unwrap();
    let answer = soon(client.send_request(tunnel)).await.unwrap();
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn rm13_a_room_over_http2() {
    let mut options = options();
    options.limits.idle_timeout = Duration::from_millis(200);
    let edge = edge_with(options).await;
    let mut client = http2(&edge).await;
    let connect = ::http::Request::builder()
        .method("CONNECT")
        .uri(format!("http://{}/sync/p1", edge.address))
        .header("sec-websocket-version", "13")
        .extension(hyper::ext::Protocol::from_static("websocket"))
        .body(empty())
        .unwrap();
    soon(client.ready()).await.unwrap();
    let mut answer = soon(client.send_request(connect)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let upgraded = soon(hyper::upgrade::on(&mut answer)).await.unwrap();
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await;
    let binary = tokio_tungstenite::tungstenite::Message::Binary;
    for (said, heard) in [
        (join("p1", "editor"), "JoinOk p1 Write"),
        (update("p1", 1, &["a"]), "Ack p1 1 Ok"),
    ] {
        soon(socket.send(binary(said))).await.unwrap();
        let message = soon(socket.next()).await.unwrap().unwrap();
        assert!(words(&message).starts_with(heard), "{message:?}");
    }
    // While it lives its connection is not idle, and takes other requests.
    tokio::time::sleep(Duration::from_millis(800)).await;
    let answer = soon(client.send_request(get(&edge, "/echo")))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    edge.shutdown.cancel();
    let message = soon(socket.next()).await.unwrap().unwrap();
    assert_eq!(words(&message), "Close 1012");
}
