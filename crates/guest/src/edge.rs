//! Hints to the edge, after what they tell of is committed. Best effort: one that is lost costs
//! seconds, as the edge polls its rooms anyway.

use bytes::Bytes;
use http::{Method, header};
use problem::Problem;
use serde_json::{Value, json};

use crate::{call, log_error, service_token, spawn, variable};

/// How long the edge has to take a hint.
const TIMEOUT_MS: u64 = 2_000;
/// The edge answers a hint with nothing.
const ANSWER_BYTES: usize = 64 * 1024;

/// Tells the edge what happened, in the body of a push (SPEC section 4).
pub fn push(body: &Value) {
    let body = Bytes::from(body.to_string());
    spawn(async move {
        if let Err(cause) = send(body).await {
            log_error("push", &cause);
        }
    });
}

/// Tells the edge that somebody's rights have changed: it looks at the sessions of its rooms (RM6).
pub fn rights_moved() {
    push(&json!({ "rooms": [], "access": true }));
}

async fn send(body: Bytes) -> Result<(), String> {
    let told = |problem: Problem| problem.detail;
    let edge = variable("edge_url").await.map_err(told)?;
    let token = service_token("edge").await.map_err(told)?;
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(format!("{}/internal/v1/push", edge.trim_end_matches('/')))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| error.to_string())?;
    match call(request, ANSWER_BYTES, TIMEOUT_MS).await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("the edge answered {}", answer.status())),
        Err(error) => Err(error.to_string()),
    }
}
