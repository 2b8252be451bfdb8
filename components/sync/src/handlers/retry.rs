//! `POST /internal/v1/retry`: tasks of a room begin again, and their nodes wait for them.
//!
//! `{"room":"p1","tasks":[{"id":"t_…","version":7}]}` → `{"tasks":[{"outcome":"again"},
//! {"outcome":"refused","why":"the node is gone"}]}`, in the order of the request; a project that
//! is gone answers 404.

use guest::{Answer, Call};
use http::StatusCode;
use problem::{Problem, Slug};
use rooms::retry::{Retried, Wanted};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{after, rooms_failed};

/// Ids and little else.
const BODY_BYTES: usize = 256 * 1024;

/// One transaction, whose time others wait.
const TASKS: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    room: String,
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Task {
    id: String,
    version: i64,
}

#[utoipa::path(post, path = "/internal/v1/retry", responses((status = 200)))]
pub async fn retry(call: Call) -> Answer {
    let Retry { room, tasks } = call.json(BODY_BYTES).await?;
    if tasks.len() > TASKS {
        let detail = format!("more than {TASKS} tasks at once");
        return Err(Problem::new(Slug::BadRequest, detail));
    }
    let wanted: Vec<Wanted> = tasks
        .into_iter()
        .map(|Task { id, version }| Wanted { id, version })
        .collect();
    let outside = Outside::default();
    let database = Lent::take().await?;
    let retried = rooms::retry::retry(&*database, &warm(), &outside, &room, &wanted)
        .await
        .map_err(rooms_failed)?;
    database.give_back();
    let Some(retried) = retried else {
        return Err(guest::access::unknown(format!("project {room}")));
    };
    if retried.changed {
        after::push(&[(room, retried.head_seq)]);
    }
    let tasks: Vec<Value> = retried.tasks.into_iter().map(outcome).collect();
    Ok(guest::json(StatusCode::OK, &json!({ "tasks": tasks })))
}

fn outcome(retried: Retried) -> Value {
    match retried {
        Retried::Again => json!({"outcome": "again"}),
        Retried::Changed => json!({"outcome": "changed"}),
        Retried::Busy => {
            json!({"outcome": "refused", "why": "the node has a live task of this kind"})
        }
        Retried::Refused(why) => json!({"outcome": "refused", "why": why}),
    }
}
