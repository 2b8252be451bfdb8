//! After the answer, best effort: what is lost here costs latency only.

use std::cell::RefCell;
use std::collections::HashSet;

use http::Method;
use problem::Problem;
use rooms::wire_head;
use serde_json::{Value, json};

use crate::outside::Outside;
use crate::rooms_failed;
use crate::state::{Lent, warm};

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
