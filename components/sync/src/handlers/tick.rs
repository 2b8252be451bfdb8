//! `POST /internal/v1/tick`: rooms that no wake reached, and compaction (SPEC section 9).

use guest::{Answer, Call};
use http::StatusCode;
use serde_json::json;

use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{after, rooms_failed};

#[utoipa::path(post, path = "/internal/v1/tick", responses((status = 200)))]
pub async fn tick(_: Call) -> Answer {
    let outside = Outside::default();
    let database = Lent::take().await?;
    let ticked = rooms::tick(&*database, &warm(), &outside)
        .await
        .map_err(rooms_failed)?;
    if ticked.failed.is_empty() {
        database.give_back();
    }
    for (room, error) in &ticked.failed {
        guest::log_error(&format!("tick of room {room}"), error);
    }
    after::push(&ticked.changed);
    after::dispatch(ticked.tasks);
    let body = json!({
        "processed": ticked.processed,
        "tasks": ticked.tasks,
        "compacted": ticked.compacted,
        "versions": ticked.versions,
        "failed": ticked.failed.len(),
    });
    Ok(guest::json(StatusCode::OK, &body))
}
