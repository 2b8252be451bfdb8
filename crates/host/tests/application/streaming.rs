//! Bodies that pass piece by piece, from client to component to component to server and back.

use ::http::{Method, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::serving::Served;
use crate::sqlite::{open, rows, run};
use crate::support::{App, ONE, soon, whole};

const FRONT: &str = r#"
[[trigger.http]]
route = "/front/..."
component = "front"
[[trigger.http]]
route = { private = true }
component = "back"
[component.front]
source = "PROBE"
allowed_outbound_hosts = ["http://back.spin.internal", "http://127.0.0.1:*"]
[component.back]
source = "PROBE"
"#;

/// A body that is sent while the answer is read.
fn pieces() -> (mpsc::Sender<Bytes>, host::Body) {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let stream = futures::stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((Ok::<_, host::BoxError>(Frame::data(piece)), receiver))
    });
    (sender, StreamBody::new(Box::pin(stream)).boxed_unsync())
}

/// Each piece must have come back before the next one is sent.
async fn ping_pong(app: &App, path: &str) {
    let (sender, body) = pieces();
    let response = soon("an answer", app.begin(Method::POST, path, body)).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let mut answer = response.into_body().into_data_stream();
    for piece in ["one", "two", "three"] {
        sender.send(Bytes::from(piece)).await.unwrap();
        let back = soon("the piece comes back", answer.next()).await;
        assert_eq!(back.unwrap().unwrap(), piece, "{path}");
    }
    drop(sender);
    assert!(soon("the end", answer.next()).await.is_none(), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_chained_bodies_stream_both_ways() {
    let app = App::new(FRONT).await;
    ping_pong(&app, "/front/pipe?http://back.spin.internal/echo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_outbound_bodies_stream_both_ways() {
    let server = Served::new(ONE, |_| {}).await;
    let app = App::new(FRONT).await;
    ping_pong(&app, &format!("/front/pipe?http://{}/echo", server.address)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_broken_stream_is_broken_for_everyone_behind_it() {
    let server = Served::new(ONE, |_| {}).await;
    let app = App::new(FRONT).await;
    for target in ["back.spin.internal".to_owned(), server.address.to_string()] {
        let path = format!("/front/pipe?http://{target}/misdeed/trap-in-answer");
        let response = app.begin(Method::GET, &path, whole("")).await;
        assert_eq!(response.status(), StatusCode::OK, "{target}");
        let end = soon("an end", response.into_body().collect()).await;
        assert!(end.is_err(), "{target}");
        // A guest that reads it whole gets an error and not a part.
        let path = format!("/front/fetch?http://{target}/misdeed/trap-in-answer");
        let answer = app.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_work_after_the_answer_is_done_although_the_instance_is_needed_no_more() {
    let app = App::with(ONE, |options| {
        options.limits.idle_instance_timeout = std::time::Duration::from_millis(1);
        options.limits.instance_reuse = 1;
    })
    .await;
    assert_eq!(app.get("/later/200").await.text(), "now");
    let noted = async {
        loop {
            let steps = serde_json::json!([open("a"), run("a", "SELECT line FROM notes")]);
            if app.sql(steps).await[1] == rows(&["line"], serde_json::json!([["later"]])) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    soon("a note", noted).await;
}
