//! Tasks of a room's nodes begin again: row and document in one transaction, so that a node never
//! waits for a task that does not run, nor a task runs that its node does not wait for (TK4).

use std::collections::HashSet;

use canvas::retry::Retry;
use canvas::{Canvas, Kind};
use store::tasks::{self, TaskRow};
use store::{Database, or_rollback, retries};

use crate::edit::{ACTOR, lock};
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// A task that is to begin again, as whoever decided that has read it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub id: String,
    pub version: i64,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    Again,
    /// The row is not as it was read.
    Changed,
    /// The node has another live task of the kind.
    Busy,
    /// The node does not want it any more; why.
    Refused(&'static str),
}

/// What became of all, and the room's head afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    pub tasks: Vec<Retried>,
    pub head_seq: i64,
    pub changed: bool,
}

/// Makes tasks of one room WAITING again. `None` when there is no such project.
pub async fn retry(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    wanted: &[Wanted],
) -> Result<Option<Retries>, RoomsError> {
    let retried = retry_in(database, warm, environment, room, wanted).await;
    or_rollback(database, retried).await
}

async fn retry_in(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    wanted: &[Wanted],
) -> Result<Option<Retries>, RoomsError> {
    let Some(mut locked) = lock(database, warm, environment, room).await? else {
        return Ok(None);
    };
    let mut rows = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let row = tasks::find(&locked.transaction, &wanted.id).await?;
        rows.push(row.filter(|row| row.version == wanted.version && row.project_id == room));
    }
    let answers = locked.open.room.at_latest(|document| {
        let canvas = Canvas::of(document);
        let ask = |row: &Option<TaskRow>| {
            row.as_ref()
                .map_or(Answer::Changed, |row| ask(&canvas, row))
        };
        rows.iter().map(ask).collect::<Vec<_>>()
    })?;
    let now_ms = environment.now_ms();
    let (mut outcomes, mut again, mut taken) = (Vec::new(), Vec::new(), HashSet::new());
    for (row, answer) in rows.iter().zip(answers) {
        let (Some(row), Some(retry)) = (row, row.as_ref().and_then(retry_of)) else {
            outcomes.push(Retried::Changed);
            continue;
        };
        outcomes.push(match answer {
            Answer::Changed => Retried::Changed,
            Answer::Refused(why) => Retried::Refused(why),
            // Of two tasks of a node that could both begin, the first does.
            Answer::Takes if !taken.insert(retry.node) => Retried::Busy,
            Answer::Takes | Answer::LeftAlone => {
                let begun =
                    retries::begin_again(&locked.transaction, &row.id, row.version, now_ms).await?;
                if begun {
                    again.push((retry, answer == Answer::Takes));
                    Retried::Again
                } else if row.ended_at_ms.is_some() {
                    Retried::Busy
                } else {
                    Retried::Changed
                }
            }
        });
    }
    let update = locked.open.room.edit(|document| {
        again
            .iter()
            .try_for_each(|(retry, takes_node)| retry.write(document, *takes_node))
    })?;
    if again.is_empty() && update.is_none() {
        let head_seq = locked.leave().await?;
        return Ok(Some(Retries {
            tasks: outcomes,
            head_seq,
            changed: false,
        }));
    }
    let changed = update.is_some();
    if let Some(update) = update {
        locked.append(update, now_ms).await?;
    }
    let head_seq = locked.commit().await?;
    Ok(Some(Retries {
        tasks: outcomes,
        head_seq,
        changed,
    }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The row is not what it was taken for.
    Changed,
    Refused(&'static str),
    /// The node waits for it.
    Takes,
    /// Somebody else made the task: the node never asked for it.
    LeftAlone,
}

fn ask(canvas: &Canvas, row: &TaskRow) -> Answer {
    let Some(retry) = retry_of(row) else {
        return Answer::Changed;
    };
    match retry.check(canvas) {
        _ if row.created_by != ACTOR => Answer::LeftAlone,
        Ok(()) => Answer::Takes,
        Err(refusal) => Answer::Refused(refusal.as_str()),
    }
}

fn retry_of(row: &TaskRow) -> Option<Retry<'_>> {
    Some(Retry {
        task_id: &row.id,
        node: row.node_id.as_deref()?,
        kind: Kind::parse(&row.kind)?,
    })
}
