//! `POST /internal/v1/wake`: the node processor looks at some rooms (SPEC sections 4 and 5).

use guest::{Answer, Call};
use http::StatusCode;
use problem::{Problem, Slug};
use protocol::limits;
use serde::Deserialize;

use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{after, rooms_failed};

/// Room ids and little else.
const BODY_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wake {
    rooms: Vec<String>,
}

#[utoipa::path(post, path = "/internal/v1/wake", responses((status = 200)))]
pub async fn wake(call: Call) -> Answer {
    let Wake { rooms } = call.json(BODY_BYTES).await?;
    if rooms.len() > limits::TURN_INPUTS {
        let detail = format!("more than {} rooms at once", limits::TURN_INPUTS);
        return Err(Problem::new(Slug::BadRequest, detail));
    }
    let outside = Outside::default();
    let warm = warm();
    let mut heads = Vec::with_capacity(rooms.len());
    let mut tasks = 0;
    for room in rooms {
        let database = Lent::take().await?;
        match rooms::process(&*database, &warm, &outside, &room, rooms::Note::Changes).await {
            Ok(processed) => {
                database.give_back();
                if let Some(processed) = processed {
                    tasks += processed.tasks;
                    heads.push((room, processed.head_seq));
                }
            }
            // The others go on; the tick comes back to this one.
            Err(error) => drop(rooms_failed(error)),
        }
    }
    after::dispatch(tasks);
    Ok(guest::json(StatusCode::OK, &after::heads_json(&heads)))
}
