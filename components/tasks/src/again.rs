//! Tasks that begin again (TK4). The life cycle says whether one may; where a node asked for it, the
//! room changes row and document together, else the row is changed here.

use std::collections::BTreeMap;

use dispatch::{Command, decide};
use http::{Method, StatusCode};
use problem::{Problem, Slug};
use serde::Deserialize;
use serde_json::json;
use store::retries;
use store::tasks::TaskRow;

use crate::store_failed;
use crate::world::Platform;

/// Tasks of one room that are handed over at once: as many as it takes.
const BATCH: usize = 256;

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    Again,
    /// It stays as it is; why.
    Refused(String),
    /// Its project is gone.
    Gone,
    /// Nobody could say; asking again is harmless.
    Failed(String),
}

/// Lets tasks begin again; the answers are in their order.
pub async fn retry(platform: &Platform, rows: &[TaskRow]) -> Result<Vec<Retried>, Problem> {
    let now_ms = guest::now_ms();
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut rooms: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let task = pipeline::task_of(row).map_err(store_failed)?;
        outcomes.push(match decide(&task, Command::Retry, now_ms, 0.0) {
            Err(rejection) => Retried::Refused(rejection.to_string()),
            Ok(_) if row.node_id.is_some() => {
                rooms.entry(&row.project_id).or_default().push(at);
                Retried::Failed("the room gave no answer".to_owned())
            }
            Ok(_) => alone(platform, row, now_ms).await?,
        });
    }
    for (room, places) in rooms {
        for places in places.chunks(BATCH) {
            let tasks: Vec<&TaskRow> = places.iter().map(|at| &rows[*at]).collect();
            let answers = in_room(room, &tasks).await;
            for (place, answer) in places.iter().zip(answers) {
                outcomes[*place] = answer;
            }
        }
    }
    Ok(outcomes)
}

async fn alone(platform: &Platform, row: &TaskRow, now_ms: i64) -> Result<Retried, Problem> {
    let begun = retries::begin_again(&platform.database, &row.id, row.version, now_ms).await;
    Ok(match begun.map_err(store_failed)? {
        true => Retried::Again,
        false => changed(),
    })
}

fn changed() -> Retried {
    Retried::Refused("the task was changed at this moment".to_owned())
}

#[derive(Deserialize)]
struct Answers {
    tasks: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Outcome {
    Again,
    Changed,
    Refused { why: String },
}

async fn in_room(room: &str, rows: &[&TaskRow]) -> Vec<Retried> {
    let tasks: Vec<_> = rows
        .iter()
        .map(|row| json!({"id": row.id, "version": row.version}))
        .collect();
    let body = json!({"room": room, "tasks": tasks});
    let answer = guest::call_component("sync", Method::POST, "/internal/v1/retry", &body).await;
    let all = |outcome: Retried| vec![outcome; rows.len()];
    match answer {
        Ok(answer) if answer.status() == StatusCode::NOT_FOUND => all(Retried::Gone),
        Ok(answer) if answer.status().is_success() => {
            match serde_json::from_slice::<Answers>(answer.body()) {
                Ok(answers) => answers.tasks.into_iter().map(Retried::from).collect(),
                Err(error) => all(failed(&error)),
            }
        }
        Ok(answer) => all(failed(&answer.status())),
        Err(error) => all(failed(&error)),
    }
}

impl From<Outcome> for Retried {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Again => Self::Again,
            Outcome::Changed => changed(),
            Outcome::Refused { why } => Self::Refused(why),
        }
    }
}

fn failed(cause: &dyn std::fmt::Display) -> Retried {
    guest::log_error("retry in the room", &cause);
    Retried::Failed("the room could not be asked".to_owned())
}

/// The problem that a single retry is answered with; `None` when it went well.
pub fn problem(id: &str, retried: &Retried) -> Option<Problem> {
    match retried {
        Retried::Again => None,
        Retried::Refused(why) => Some(Problem::new(Slug::Conflict, format!("task {id}: {why}"))),
        Retried::Gone => Some(guest::access::unknown(format!("task {id}"))),
        Retried::Failed(why) => Some(Problem::new(Slug::Unavailable, format!("task {id}: {why}"))),
    }
}
