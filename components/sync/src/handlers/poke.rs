//! `POST /internal/v1/poke`: an effect of a task reaches the document of its room.
//!
//! `{"room":"p1","effect":"update-node","task_id":"t_…","node":"n1","kind":"image_gen",
//! "state":"FINISHED","src":"/assets/…",…}` or `{"room":"p1","effect":"task-progress",
//! "task_id":"t_…","state":"PROCESSING","progress":0.4}`. Both may be repeated.
//! → `{"applied":true,"head":12}`; a project that is gone answers `{"applied":false,"head":0}`.

use canvas::Effect;
use guest::{Answer, Call};
use http::StatusCode;
use rooms::wire_head;
use serde::Deserialize;
use serde_json::json;

use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{after, rooms_failed};

/// A text or a description, and ids.
const BODY_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Poke {
    room: String,
    #[serde(flatten)]
    effect: Effect,
}

#[utoipa::path(post, path = "/internal/v1/poke", responses((status = 200)))]
pub async fn poke(call: Call) -> Answer {
    let Poke { room, effect } = call.json(BODY_BYTES).await?;
    let outside = Outside::default();
    let (database, warm) = (Lent::take().await?, warm());
    let applied = rooms::apply_effect(&*database, &warm, &outside, &room, &effect)
        .await
        .map_err(rooms_failed)?;
    let mut head_seq = applied.head_seq;
    if applied.changed {
        // The effect is committed; what it makes possible (a description, the next clip) starts
        // now, or at the tick.
        match rooms::process(&*database, &warm, &outside, &room, rooms::Note::Changes).await {
            Ok(processed) => {
                database.give_back();
                let processed = processed.unwrap_or_default();
                head_seq = head_seq.max(processed.head_seq);
                after::dispatch(processed.tasks);
            }
            Err(error) => drop(rooms_failed(error)),
        }
        after::push(&[(room, head_seq)]);
    } else {
        database.give_back();
    }
    let head = if head_seq > 0 { wire_head(head_seq) } else { 0 };
    Ok(guest::json(
        StatusCode::OK,
        &json!({ "applied": applied.changed, "head": head }),
    ))
}
