//! Requests from component to component, in process.

use ::http::{Method, StatusCode};

use crate::support::{App, soon};

const CHAIN: &str = r#"
[[trigger.http]]
route = "/front/..."
component = "front"
[[trigger.http]]
route = { private = true }
component = "back"
[component.front]
source = "PROBE"
allowed_outbound_hosts = ["http://back.spin.internal", "http://gone.spin.internal"]
[component.back]
source = "PROBE"
allowed_outbound_hosts = ["http://back.spin.internal", "http://front.spin.internal"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn gw1_private_components_are_reached_by_chaining_only() {
    let app = App::new(CHAIN).await;
    let answer = app
        .send(
            Method::POST,
            "/front/fetch?http://back.spin.internal/request",
            "",
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let request = answer.json();
    assert_eq!(request["uri"], "http://back.spin.internal/request");
    assert_eq!(request["headers"]["spin-path-info"], "/request");
    assert_eq!(request["headers"]["spin-raw-component-route"], "/...");
    assert_eq!(request["headers"]["spin-client-addr"], "0.0.0.0:0");
    assert_eq!(app.get("/back/request").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_chained_bodies_and_answers_pass_whole() {
    let app = App::new(CHAIN).await;
    let body = vec![b'x'; 3 << 20];
    let answer = app
        .send(
            Method::POST,
            "/front/fetch?http://back.spin.internal/echo",
            body.clone(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body == body);
    let streamed = app
        .get("/front/fetch?http://back.spin.internal/stream/3/10")
        .await;
    assert_eq!(streamed.text(), "0\n1\n2\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_chaining_needs_a_grant_and_a_component() {
    let app = App::new(CHAIN).await;
    let denied = app
        .get("/front/fetch?http://front.spin.internal/health")
        .await;
    assert_eq!(denied.text(), "ErrorCode::HttpRequestDenied");
    let unknown = app
        .get("/front/fetch?http://gone.spin.internal/health")
        .await;
    assert_eq!(unknown.text(), "ErrorCode::DestinationNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_trap_behind_a_chain_is_an_answer_to_the_caller() {
    let app = App::new(CHAIN).await;
    let answer = app
        .get("/front/fetch?http://back.spin.internal/misdeed/trap")
        .await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer.text().contains("failed to answer"),
        "{}",
        answer.text()
    );
    assert_eq!(
        app.get("/front/fetch?http://back.spin.internal/health")
            .await
            .text(),
        "ok"
    );
}

/// A request that calls the component it is for, `depth` times over.
fn nested(depth: usize) -> String {
    let mut path = "/health".to_owned();
    for _ in 0..depth {
        path = format!("/fetch?http://back.spin.internal{path}");
    }
    format!("/front{path}")
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_chains_are_as_deep_as_allowed_and_no_deeper() {
    let app = App::new(CHAIN).await;
    for (depth, expected) in [
        (1, "ok"),
        (7, "ok"),
        (8, "ok"),
        (9, "ErrorCode::LoopDetected"),
    ] {
        assert_eq!(app.get(&nested(depth)).await.text(), expected, "{depth}");
    }
    // Shallow requests beside a deep one are not taken for parts of it.
    let (deep, shallow) = (nested(9), nested(2));
    let both = futures::future::join(app.get(&deep), app.get(&shallow)).await;
    assert_eq!(
        (both.0.text(), both.1.text()),
        ("ErrorCode::LoopDetected", "ok")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_component_without_an_http_trigger_is_no_destination() {
    let manifest = format!(
        "{}[component.ticker]\nsource = \"TICKER\"\n[[trigger.cron]]\ncomponent = \"ticker\"\ncron_expression = \"0 0 0 1 1 *\"\n",
        CHAIN.replace("gone.spin.internal", "ticker.spin.internal")
    );
    let app = App::new(&manifest).await;
    let answer = app
        .get("/front/fetch?http://ticker.spin.internal/health")
        .await;
    assert_eq!(answer.text(), "ErrorCode::DestinationNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_component_that_calls_itself_for_ever_is_stopped() {
    let app = App::new(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"probe\"\n[component.probe]\nsource = \"PROBE\"\nallowed_outbound_hosts = [\"http://self\"]",
    )
    .await;
    let mut path = "/health".to_owned();
    for _ in 0..20 {
        path = format!("/fetch?http://self.alt{path}");
    }
    let answer = soon("an end", app.get(&path)).await;
    assert_eq!(answer.text(), "ErrorCode::LoopDetected");
    assert_eq!(app.get("/health").await.text(), "ok");
}
