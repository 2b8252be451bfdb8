//! After the answer, best effort: what is lost here costs latency only.

use std::cell::RefCell;
use std::collections::HashSet;

use bytes::Bytes;
use http::{Method, header};
use problem::Problem;
use rooms::wire_head;
use serde_json::{Value, json};

use crate::outside::Outside;
use crate::rooms_failed;
use crate::state::{Lent, warm};

/// How long the edge has to take a hint.
const PUSH_TIMEOUT_MS: u64 = 2_000;
/// The edge answers a hint with nothing.
const PUSH_ANSWER_BYTES: usize = 64 * 1024;

/// How long the node processor waits after an edit over HTTP, so that it takes a burst of them
/// together: as after a turn.
const WAKE_AFTER_MS: u64 = 30;

thread_local! {
    /// Rooms whose node processor is about to look.
    static WAKING: RefCell<HashSet<String>> = RefCell::default();
}

/// Somebody changed a room's document here: members hear of it now, and the node processor looks
/// in a moment.
pub fn changed(room: String, head_seq: i64) {
    push(&[(room.clone(), head_seq)]);
    let is_first = WAKING.with_borrow_mut(|waking| waking.insert(room.clone()));
    if !is_first {
        return;
    }
    guest::spawn(async move {
        guest::sleep_ms(WAKE_AFTER_MS).await;
        WAKING.with_borrow_mut(|waking| waking.remove(&room));
        // What fails here is done by the tick.
        if let Ok(Some(processed)) = process(&room).await {
            dispatch(processed.tasks);
            if processed.changed {
                push(&[(room, processed.head_seq)]);
            }
        }
    });
}

async fn process(room: &str) -> Result<Option<rooms::Processed>, Problem> {
    let (outside, database, warm) = (Outside::default(), Lent::take().await?, warm());
    let processed = rooms::process(&*database, &warm, &outside, room, rooms::Note::Changes)
        .await
        .map_err(rooms_failed)?;
    database.give_back();
    Ok(processed)
}

/// Rooms and heads as the edge reads them: `{"rooms":[{"room":"p1","head":12}]}`.
pub fn heads_json(rooms: &[(String, i64)]) -> Value {
    let rooms: Vec<Value> = rooms
        .iter()
        .map(|(room, head_seq)| json!({ "room": room, "head": wire_head(*head_seq) }))
        .collect();
    json!({ "rooms": rooms })
}

/// Tells the edge that these rooms moved.
pub fn push(rooms: &[(String, i64)]) {
    if rooms.is_empty() {
        return;
    }
    let body = Bytes::from(heads_json(rooms).to_string());
    guest::spawn(async move {
        if let Err(cause) = send(body).await {
            guest::log_error("push", &cause);
        }
    });
}

async fn send(body: Bytes) -> Result<(), String> {
    let told = |problem: Problem| problem.detail;
    let edge = guest::variable("edge_url").await.map_err(told)?;
    let token = guest::service_token("edge").await.map_err(told)?;
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(format!("{}/internal/v1/push", edge.trim_end_matches('/')))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| error.to_string())?;
    match guest::call(request, PUSH_ANSWER_BYTES, PUSH_TIMEOUT_MS).await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("the edge answered {}", answer.status())),
        Err(error) => Err(error.to_string()),
    }
}

/// Tells tasks that there is something to send out.
pub fn dispatch(inserted: usize) {
    if inserted == 0 {
        return;
    }
    guest::spawn(async {
        let path = "/internal/v1/dispatch";
        match guest::call_component("tasks", Method::POST, path, &json!({})).await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => guest::log_error("dispatch", &answer.status()),
            Err(error) => guest::log_error("dispatch", &error),
        }
    });
}
