//! `clash edge --upstream`: an application at an address that is slow, restarts, or dies.

mod common;

use common::options;
use common::server::{Raw, Server, data, edge_to, empty, get, http1, http2, request, soon, text};
use edge::Body;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

#[tokio::test]
async fn op2_connections_to_the_application_are_used_again() {
    let server = Server::recording().await;
    let edge = edge_to(&server, options()).await;
    let mut client = http2(&edge).await;
    for _ in 0..20 {
        let answer = soon(client.send_request(get(&edge, "/"))).await.unwrap();
        assert_eq!(text(answer.into_body()).await, "recorded");
    }
    assert_eq!(server.seen().len(), 20);
    let connections = server.connections.load(Ordering::SeqCst);
    assert!(
        connections <= 2,
        "{connections} connections for 20 requests in a row"
    );
}

#[tokio::test]
async fn op2_an_application_that_is_down_is_a_502_to_try_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        seen: Arc::default(),
        connections: Arc::default(),
    };
    drop(listener);
    let edge = edge_to(&server, options()).await;
    for method in ["GET", "POST"] {
        let mut client = http1(&edge).await;
        let answer = soon(client.send_request(request(&edge, method, "/", empty()))).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 502);
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(text(answer.into_body()).await.contains("upstream-failed"));
    }
}

/// An application that answers the first request of each connection and closes the connection when
/// the second has come, as one that restarts; it keeps the lines it was asked.
async fn restarting(asked: Arc<Mutex<Vec<String>>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        seen: Arc::default(),
        connections: Arc::default(),
    };
    let connections = Arc::clone(&server.connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                for answers in [true, false] {
                    let Some(line) = request_line(&mut stream).await else {
                        return;
                    };
                    asked.lock().await.push(line);
                    if answers {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        stream.write_all(answer).await.unwrap();
                    }
                }
            });
        }
    });
    server
}

async fn request_line(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    Some(head.lines().next().unwrap().to_owned())
}

#[tokio::test]
async fn op2_only_what_is_safe_is_sent_again() {
    for (method, status, times) in [
        ("GET", 200, 2),
        ("HEAD", 200, 2),
        ("POST", 502, 1),
        ("DELETE", 502, 1),
    ] {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let server = restarting(Arc::clone(&asked)).await;
        let edge = edge_to(&server, options()).await;
        let mut client = http2(&edge).await;
        let answer = soon(client.send_request(get(&edge, "/first")))
            .await
            .unwrap();
        assert_eq!(text(answer.into_body()).await, "ok");
        let answer = soon(client.send_request(request(&edge, method, "/second", empty()))).await;
        assert_eq!(answer.unwrap().status(), status, "{method}");
        let second = asked
            .lock()
            .await
            .iter()
            .filter(|line| line.contains("/second"))
            .count();
        assert_eq!(second, times, "{method}");
    }
}

#[tokio::test]
async fn op2_retries_end() {
    // Never answers anything.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        seen: Arc::default(),
        connections: Arc::default(),
    };
    let tried = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tried);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if request_line(&mut stream).await.is_some() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let edge = edge_to(&server, options()).await;
    let mut client = http1(&edge).await;
    let answer = soon(client.send_request(get(&edge, "/"))).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(tried.load(Ordering::SeqCst), 3);
}

/// An edge before an application whose answer goes wrong after `first`.
async fn breaks_off(head: &'static str) -> (Server, Arc<tokio::sync::Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        seen: Arc::default(),
        connections: Arc::default(),
    };
    let die = Arc::new(tokio::sync::Notify::new());
    let dies = Arc::clone(&die);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if request_line(&mut stream).await.is_none() {
                continue;
            }
            stream.write_all(head.as_bytes()).await.unwrap();
            dies.notified().await;
        }
    });
    (server, die)
}

const HEADS: [&str; 2] = [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nfirst",
];

#[tokio::test]
async fn op2_half_an_answer_never_looks_whole() {
    for head in HEADS {
        let (server, die) = breaks_off(head).await;
        let edge = edge_to(&server, options()).await;
        let mut raw = Raw::to(&edge).await;
        raw.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        raw.until("first").await;
        die.notify_one();
        let (rest, _) = raw.rest().await;
        assert!(!rest.contains("0\r\n\r\n"), "{rest:?}");

        // HTTP/1.0 knows no other end than that of the connection: it must not be an orderly one.
        let mut raw = Raw::to(&edge).await;
        raw.says("GET / HTTP/1.0\r\nHost: x\r\n\r\n").await;
        raw.until("first").await;
        die.notify_one();
        let (_, ended) = raw.rest().await;
        let whole = head.contains("chunked");
        assert!(
            !whole || ended.is_err(),
            "a client of HTTP/1.0 takes it as whole"
        );

        let mut client = http2(&edge).await;
        let answer = soon(client.send_request(get(&edge, "/"))).await.unwrap();
        let mut body = answer.into_body();
        assert_eq!(
            soon(body.frame())
                .await
                .unwrap()
                .unwrap()
                .into_data()
                .unwrap(),
            "first"
        );
        die.notify_one();
        soon(async {
            loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return,
                    None => panic!("half an answer ended as if it were whole"),
                }
            }
        })
        .await;
        // The stream was cut, not the connection that others share.
        let answer = soon(client.send_request(get(&edge, "/internal")))
            .await
            .unwrap();
        assert_eq!(answer.status(), 404);
    }
}

#[tokio::test]
async fn op2_an_application_that_speaks_out_of_turn_is_a_502() {
    for head in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ] {
        let (server, die) = breaks_off(head).await;
        die.notify_one();
        let edge = edge_to(&server, options()).await;
        let mut raw = Raw::to(&edge).await;
        raw.says("POST / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(raw.problem().await, "502 upstream-failed", "{head}");
    }
}

#[tokio::test]
async fn op2_a_client_that_leaves_ends_its_request() {
    let (left, mut leaves) = tokio::sync::mpsc::unbounded_channel();
    struct Watched(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Watched {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let server = Server::of(move |_| {
        let watched = Watched(left.clone());
        let stream = futures::stream::unfold(watched, |watched| async move {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Some((data("tick"), watched))
        });
        let body: Body = BodyExt::boxed_unsync(http_body_util::StreamBody::new(stream));
        async move { ::http::Response::new(body) }
    })
    .await;
    let edge = edge_to(&server, options()).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    raw.until("tick").await;
    drop(raw);
    soon(leaves.recv()).await.unwrap();
    let mut client = http2(&edge).await;
    let mut body = soon(client.send_request(get(&edge, "/")))
        .await
        .unwrap()
        .into_body();
    soon(body.frame()).await.unwrap().unwrap();
    drop(body);
    soon(leaves.recv()).await.unwrap();
}
