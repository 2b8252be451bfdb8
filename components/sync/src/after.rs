//! After the answer, best effort: what is lost here costs latency only.

use http::Method;
use rooms::wire_head;
use serde_json::{Value, json};

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
    guest::edge::push(&heads_json(rooms));
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
