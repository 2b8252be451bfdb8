//! Requests and answers.

use std::time::{Duration, Instant};

use ::http::{Method, Request, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::support::{App, ONE};
use crate::upstream::Upstream;

const ROUTES: &str = r#"
[[trigger.http]]
route = "/api/..."
component = "probe"
[[trigger.http]]
route = "/exact/request"
component = "probe"
[[trigger.http]]
route = "/users/:id/..."
component = "probe"
[[trigger.http]]
route = { private = true }
component = "hidden"
[component.probe]
source = "PROBE"
[component.hidden]
source = "PROBE"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn op2_requests_reach_the_component_of_their_route_with_spins_headers() {
    let app = App::new(ROUTES).await;
    let answer = app.send(Method::PUT, "/api/request?a=b", "x").await;
    assert_eq!(answer.status, StatusCode::OK);
    let request = answer.json();
    assert_eq!(request["method"], "PUT");
    assert_eq!(request["uri"], "http://app.test/api/request?a=b");
    let expected = [
        ("spin-path-info", "/request"),
        ("spin-full-url", "http://app.test/api/request?a=b"),
        ("spin-matched-route", "/api/..."),
        ("spin-base-path", "/"),
        ("spin-component-route", "/api"),
        ("spin-raw-component-route", "/api/..."),
        ("spin-client-addr", "192.0.2.7:4711"),
    ];
    for (name, value) in expected {
        assert_eq!(request["headers"][name], value, "{name}");
    }
    let named = app.get("/users/alice/request").await.json();
    assert_eq!(named["headers"]["spin-path-match-id"], "alice");
    for path in ["/", "/apix/request", "/hidden", "/exact"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(app.get("/.well-known/spin/health").await.text(), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_client_cannot_pretend_spins_headers() {
    let app = App::new(ONE).await;
    let request = Request::get("/request")
        .header("host", "app.test")
        .header("spin-client-addr", "203.0.113.1:1")
        .header("spin-path-info", "/trap")
        .body(
            http_body_util::Empty::new()
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
        .unwrap();
    let seen = app.request(request).await.json();
    assert_eq!(seen["headers"]["spin-client-addr"], "192.0.2.7:4711");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_request_without_an_address_is_refused() {
    let app = App::new(ONE).await;
    let request = Request::get("/health")
        .body(
            http_body_util::Empty::new()
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
        .unwrap();
    let answer = app.request(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_bodies_stream_both_ways() {
    let app = App::new(ONE).await;
    let (sender, receiver) = futures_channel();
    let request = Request::post("/echo")
        .header("host", "app.test")
        .body(StreamBody::new(receiver).boxed_unsync())
        .unwrap();
    let response = app
        .application
        .handle(request, ([192, 0, 2, 7], 1).into())
        .await;
    let mut body = response.into_body().into_data_stream();
    for piece in ["one", "two", "three"] {
        // The next piece is sent only when the one before has come back.
        sender.send(Bytes::from(piece)).await.unwrap();
        assert_eq!(body.next().await.unwrap().unwrap(), piece);
    }
    drop(sender);
    assert!(body.next().await.is_none());
}

type Pieces = tokio::sync::mpsc::Sender<Bytes>;

fn futures_channel() -> (
    Pieces,
    impl futures::Stream<Item = Result<Frame<Bytes>, host::BoxError>> + Send,
) {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let stream = futures::stream::unfold(receiver, async |mut receiver| {
        receiver
            .recv()
            .await
            .map(|piece| (Ok(Frame::data(piece)), receiver))
    });
    (sender, Box::pin(stream))
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_an_answer_goes_on_after_the_handler_returned() {
    let app = App::new(ONE).await;
    let started = Instant::now();
    let request = Request::get("/stream/5/50")
        .header("host", "app.test")
        .body(
            http_body_util::Empty::new()
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
        .unwrap();
    let response = app
        .application
        .handle(request, ([192, 0, 2, 7], 1).into())
        .await;
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.unwrap().unwrap();
    assert_eq!(first, "0\n");
    let first_at = started.elapsed();
    let rest: Vec<_> = body.map(Result::unwrap).collect().await;
    assert_eq!(rest.concat(), b"1\n2\n3\n4\n");
    assert!(started.elapsed() >= first_at + Duration::from_millis(150));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_components_of_wasi_0_2_get_an_instance_for_each_request() {
    let app = App::new("[[trigger.http]]\nroute = \"/...\"\ncomponent = \"legacy\"\n[component.legacy]\nsource = \"LEGACY\"")
        .await;
    for path in ["/a?b=c", "/d"] {
        assert_eq!(app.get(path).await.text(), format!("{path} 1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_serve_answers_on_a_socket_and_drains_when_it_stops() {
    let mut upstream = Upstream::start().await;
    let app = App::new(&format!(
        "{ONE}allowed_outbound_hosts = [\"http://127.0.0.1:*\"]"
    ))
    .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(app.application.clone().serve(listener, stop.clone()));
    let mut idle = tokio::net::TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 4096];
    let length = idle.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\r\nok\r\n"),
        "{answer}"
    );

    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let ask = format!(
        "GET /fetch?http://{}/ HTTP/1.1\r\nhost: x\r\n\r\n",
        upstream.address
    );
    slow.write_all(ask.as_bytes()).await.unwrap();
    upstream.asked().await;
    stop.cancel();
    upstream.release(1);
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("answered"), "{answer}");
    serving.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
