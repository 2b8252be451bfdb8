//! What the edge answers itself (docs/adr/0005), over real sockets.

mod common;

use ::http::{HeaderValue, Request, Response};
use common::options;
use common::server::{Client, Server, edge_to, get, said, soon, text};
use edge::Body;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers with a count of the requests that came through, under headers that its path names.
async fn counting() -> Server {
    let count = Arc::new(AtomicUsize::new(0));
    Server::of(move |request| {
        let count = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            let (status, control) = match request.uri().path() {
                "/public" => (200, "public, max-age=3600"),
                "/private" => (200, "private, max-age=3600"),
                "/missing" => (404, "public, max-age=3600"),
                _ => (200, "no-store"),
            };
            let texts = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
            let mut answer: Response<Body> = said(status, texts[count - 1]);
            let control = HeaderValue::from_static(control);
            answer.headers_mut().insert("cache-control", control);
            answer
        }
    })
    .await
}

async fn ask(client: &mut Client, request: Request<Body>) -> (Option<String>, String) {
    let answer = soon(client.send(request)).await.expect("an answer");
    assert!(answer.headers().contains_key("x-request-id"));
    let age = answer.headers().get("age");
    let age = age.map(|age| age.to_str().expect("a number").to_owned());
    (age, text(answer.into_body()).await)
}

#[tokio::test]
async fn gw1_a_public_answer_reaches_everybody_and_the_application_once() {
    let edge = edge_to(&counting().await, options()).await;
    let mut clients = Client::both(&edge).await;
    for (round, client) in clients.iter_mut().enumerate() {
        let (age, body) = ask(client, get(&edge, "/public")).await;
        assert_eq!(body, "1", "the first answer, again");
        assert_eq!(age.is_some(), round > 0, "only a kept answer has an age");
    }
    for (path, bodies) in [
        ("/private", ["2", "3"]),
        ("/missing", ["4", "5"]),
        ("/", ["6", "7"]),
    ] {
        for body in bodies {
            let found = ask(&mut clients[0], get(&edge, path)).await;
            assert_eq!(found, (None, body.to_owned()), "{path}");
        }
    }
}

#[tokio::test]
async fn gw1_who_is_somebody_is_asked_about_anew() {
    let edge = edge_to(&counting().await, options()).await;
    let mut clients = Client::both(&edge).await;
    let client = &mut clients[0];
    assert_eq!(ask(client, get(&edge, "/public")).await.1, "1");
    let headers = [
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("cache-control", "no-cache"),
    ];
    for ((name, value), body) in headers.into_iter().zip(["2", "3", "4"]) {
        let mut request = get(&edge, "/public");
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
        assert_eq!(
            ask(client, request).await,
            (None, body.to_owned()),
            "{name}"
        );
    }
    let (age, body) = ask(client, get(&edge, "/public")).await;
    assert_eq!(
        (age.is_some(), body.as_str()),
        (true, "1"),
        "those were not kept"
    );
    let (_, other) = ask(client, get(&edge, "/public?v=2")).await;
    assert_eq!(other, "5", "another query is another document");
}
