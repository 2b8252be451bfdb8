//! Rows as tasks of the life cycle, and back.

use dispatch::{Failure, Kind, Phase, State, StateName, Task};
use store::StoreError;
use store::tasks::TaskRow;

/// The task that a row holds.
pub fn task_of(row: &TaskRow) -> Result<Task, StoreError> {
    let wrong = |what: &str| StoreError::Shape(format!("task {}: {what}", row.id));
    let kind = Kind::parse(&row.kind).ok_or_else(|| wrong("unknown kind"))?;
    let name = StateName::parse(&row.state).ok_or_else(|| wrong("unknown state"))?;
    let failure = row
        .error
        .as_deref()
        .map(serde_json::from_str::<Failure>)
        .transpose()
        .map_err(|error| wrong(&format!("error: {error}")))?;
    let ended_at_ms = || row.ended_at_ms.ok_or_else(|| wrong("no end"));
    let state = match name {
        StateName::Waiting => State::Waiting {
            next_action_at_ms: row
                .next_action_at_ms
                .ok_or_else(|| wrong("no next action"))?,
            unserved_since_ms: row.unserved_since_ms,
            last_failure: failure,
        },
        StateName::Processing => State::Processing {
            server_id: row.server_id.clone(),
            started_at_ms: row.started_at_ms.ok_or_else(|| wrong("no start"))?,
            lease_expires_at_ms: row.lease_expires_at_ms.ok_or_else(|| wrong("no lease"))?,
            next_action_at_ms: row
                .next_action_at_ms
                .ok_or_else(|| wrong("no next action"))?,
            misses: u32::try_from(row.misses).map_err(|_| wrong("misses"))?,
            is_paid: row.is_paid,
            phase: phase_of(row)?,
        },
        StateName::Finished => State::Finished {
            server_id: row.server_id.clone(),
            started_at_ms: row.started_at_ms.ok_or_else(|| wrong("no start"))?,
            ended_at_ms: ended_at_ms()?,
            result: row.result.clone().ok_or_else(|| wrong("no result"))?,
            asset_id: row.asset_id.clone(),
        },
        StateName::Failed => State::Failed {
            server_id: row.server_id.clone(),
            started_at_ms: row.started_at_ms,
            ended_at_ms: ended_at_ms()?,
            failure: failure.ok_or_else(|| wrong("no error"))?,
        },
        StateName::Cancelled => State::Cancelled {
            server_id: row.server_id.clone(),
            started_at_ms: row.started_at_ms,
            ended_at_ms: ended_at_ms()?,
        },
    };
    let attempt = u32::try_from(row.attempt).map_err(|_| wrong("attempt"))?;
    let failures = u32::try_from(row.failures).map_err(|_| wrong("failures"))?;
    Ok(Task {
        id: row.id.clone(),
        kind,
        version: row.version,
        attempt,
        failures,
        state,
    })
}

fn phase_of(row: &TaskRow) -> Result<Phase, StoreError> {
    let wrong = |what: &str| StoreError::Shape(format!("task {}: {what}", row.id));
    match row.phase.as_deref() {
        Some("submit") if row.sent_at_ms.is_none() => Ok(Phase::Reserve),
        Some("submit") => Ok(Phase::Submit),
        Some("running") => Ok(Phase::Running {
            external_id: row.external_id.clone(),
            progress: row.progress,
        }),
        Some("settling") => Ok(Phase::Settling {
            external_id: row.external_id.clone(),
            result: row
                .result
                .clone()
                .ok_or_else(|| wrong("settling without a result"))?,
        }),
        _ => Err(wrong("unknown phase")),
    }
}

/// The row that a task makes of its former row. The version stays: the write presents it.
pub(crate) fn row_of(before: &TaskRow, task: &Task, now_ms: i64) -> Result<TaskRow, StoreError> {
    let mut row = TaskRow {
        state: task.state.name().as_str().to_owned(),
        attempt: i64::from(task.attempt),
        failures: i64::from(task.failures),
        sent_at_ms: None,
        is_paid: false,
        phase: None,
        server_id: task.state.server_id().map(str::to_owned),
        external_id: None,
        progress: 0.0,
        result: None,
        error: None,
        asset_id: None,
        misses: 0,
        unserved_since_ms: None,
        lease_expires_at_ms: None,
        next_action_at_ms: None,
        started_at_ms: task.state.started_at_ms(),
        ended_at_ms: None,
        ..before.clone()
    };
    let words = |failure: &Failure| {
        serde_json::to_string(failure)
            .map_err(|error| StoreError::Shape(format!("error of {}: {error}", task.id)))
    };
    match &task.state {
        State::Waiting {
            next_action_at_ms,
            unserved_since_ms,
            last_failure,
        } => {
            row.next_action_at_ms = Some(*next_action_at_ms);
            row.unserved_since_ms = *unserved_since_ms;
            row.error = last_failure.as_ref().map(words).transpose()?;
        }
        State::Processing {
            lease_expires_at_ms,
            next_action_at_ms,
            misses,
            is_paid,
            phase,
            ..
        } => {
            row.is_paid = *is_paid;
            row.lease_expires_at_ms = Some(*lease_expires_at_ms);
            row.next_action_at_ms = Some(*next_action_at_ms);
            row.misses = i64::from(*misses);
            if *phase != Phase::Reserve {
                row.sent_at_ms = before.sent_at_ms.or(Some(now_ms));
            }
            match phase {
                Phase::Reserve | Phase::Submit => row.phase = Some("submit".into()),
                Phase::Running {
                    external_id,
                    progress,
                } => {
                    row.phase = Some("running".into());
                    row.external_id.clone_from(external_id);
                    row.progress = *progress;
                }
                Phase::Settling {
                    external_id,
                    result,
                } => {
                    row.phase = Some("settling".into());
                    row.external_id.clone_from(external_id);
                    row.result = Some(result.clone());
                    row.progress = 1.0;
                }
            }
        }
        State::Finished {
            ended_at_ms,
            result,
            asset_id,
            ..
        } => {
            row.ended_at_ms = Some(*ended_at_ms);
            row.external_id.clone_from(&before.external_id);
            row.result = Some(result.clone());
            row.asset_id.clone_from(asset_id);
            row.progress = 1.0;
        }
        State::Failed {
            ended_at_ms,
            failure,
            ..
        } => {
            row.ended_at_ms = Some(*ended_at_ms);
            row.external_id.clone_from(&before.external_id);
            row.error = Some(words(failure)?);
        }
        State::Cancelled { ended_at_ms, .. } => {
            row.ended_at_ms = Some(*ended_at_ms);
            row.external_id.clone_from(&before.external_id);
        }
    }
    Ok(row)
}
