//! Bodies are streamed both ways, over HTTP/1.1 and HTTP/2: nothing waits for the end, and nobody
//! holds what the other side does not read.

mod common;

use bytes::Bytes;
use common::options;
use common::server::{Client, Server, data, edge_to, get, parts, request, said, soon, text};
use edge::Body;
use http_body_util::{BodyExt, StreamBody};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

/// Bytes that no buffers between two ends may hold: those of the kernel are some megabytes each.
const MORE_THAN_BUFFERS: u64 = 64 * 1024 * 1024;
const PART: usize = 16 * 1024;

#[tokio::test]
async fn gw1_the_first_byte_arrives_before_the_last_is_sent() {
    let (sender, body) = parts();
    let (other, second) = parts();
    let bodies = Arc::new(Mutex::new(vec![second, body]));
    let server = Server::of(move |_| {
        let bodies = Arc::clone(&bodies);
        async move { ::http::Response::new(bodies.lock().await.pop().unwrap()) }
    })
    .await;
    let edge = edge_to(&server, options()).await;
    for (mut client, sender) in Client::both(&edge).await.into_iter().zip([sender, other]) {
        let mut body = soon(client.send(get(&edge, "/")))
            .await
            .unwrap()
            .into_body();
        for part in ["first", "second"] {
            soon(sender.send(data(part))).await.unwrap();
            let frame = soon(body.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), part);
        }
        drop(sender);
        assert_eq!(text(body).await, "");
    }
}

#[tokio::test]
async fn gw1_a_body_reaches_the_application_while_it_is_sent() {
    let (arrived, mut arrivals) = mpsc::channel::<Bytes>(1);
    let server = Server::of(move |request| {
        let arrived = arrived.clone();
        async move {
            let mut body = request.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                if let Ok(data) = frame.into_data() {
                    arrived.send(data).await.unwrap();
                }
            }
            said(200, "done")
        }
    })
    .await;
    let edge = edge_to(&server, options()).await;
    for mut client in Client::both(&edge).await {
        let (sender, body) = parts();
        let answer = tokio::spawn(client.send(request(&edge, "POST", "/", body)));
        for part in ["first", "second"] {
            soon(sender.send(data(part))).await.unwrap();
            assert_eq!(soon(arrivals.recv()).await.unwrap(), part);
        }
        drop(sender);
        let answer = soon(answer).await.unwrap().unwrap();
        assert_eq!(text(answer.into_body()).await, "done");
    }
}

/// A body without end, and how much of it was asked for.
fn endless() -> (Arc<AtomicU64>, Body) {
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let stream = futures::stream::repeat_with(move || {
        counter.fetch_add(PART as u64, Ordering::SeqCst);
        data(vec![b'x'; PART])
    });
    (asked, BodyExt::boxed_unsync(StreamBody::new(stream)))
}

/// Waits until no more is asked for; that it goes on for ever is what must not be.
async fn stands_still(asked: &AtomicU64) -> u64 {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = asked.load(Ordering::SeqCst);
        assert!(now < MORE_THAN_BUFFERS, "{now} bytes, and nobody reads");
        if now > 0 && now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test]
async fn rl3_a_slow_reader_stops_the_application() {
    for http2 in [false, true] {
        let (asked, body) = endless();
        let body = Arc::new(Mutex::new(vec![body]));
        let server = Server::of(move |_| {
            let body = Arc::clone(&body);
            async move { ::http::Response::new(body.lock().await.pop().unwrap()) }
        })
        .await;
        let edge = edge_to(&server, options()).await;
        let [one, two] = Client::both(&edge).await;
        let mut client = if http2 { two } else { one };
        let mut body = soon(client.send(get(&edge, "/")))
            .await
            .unwrap()
            .into_body();
        let stood = stands_still(&asked).await;
        // It goes on when the client reads on.
        let mut read = 0;
        while asked.load(Ordering::SeqCst) == stood {
            read += soon(body.frame())
                .await
                .unwrap()
                .unwrap()
                .into_data()
                .unwrap()
                .len() as u64;
            assert!(read < MORE_THAN_BUFFERS);
        }
    }
}

#[tokio::test]
async fn rl3_an_application_that_does_not_read_stops_the_client() {
    for http2 in [false, true] {
        let (go, going) = tokio::sync::watch::channel(false);
        let server = Server::of(move |request| {
            let mut going = going.clone();
            async move {
                going.wait_for(|go| *go).await.unwrap();
                let mut body = request.into_body();
                body.frame().await.unwrap().unwrap();
                while body.frame().await.is_some_and(|frame| frame.is_ok()) {}
                said(200, "")
            }
        })
        .await;
        let edge = edge_to(&server, options()).await;
        let [one, two] = Client::both(&edge).await;
        let mut client = if http2 { two } else { one };
        let (asked, body) = endless();
        let _answer = tokio::spawn(client.send(request(&edge, "POST", "/", body)));
        let stood = stands_still(&asked).await;
        go.send(true).unwrap();
        soon(async {
            while asked.load(Ordering::SeqCst) == stood {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}
