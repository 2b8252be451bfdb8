//! The end of an attempt or of a task.

use super::{fence, kept, refused, to};
use crate::command::{Decision, Rejection};
use crate::policy::{self, backoff_ms};
use crate::{ErrorClass, Failure, Phase, State, StateName, Task};

/// The attempt ends because of what we think, not because of what the provider says: if it may
/// have been paid for, there is no other.
pub(super) fn give_up(
    task: &Task,
    failure: Failure,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    let failure = match &task.state {
        State::Processing {
            is_paid: true,
            phase: Phase::Submit | Phase::Running { .. } | Phase::Settling { .. },
            ..
        } => Failure {
            class: ErrorClass::Unknown,
            ..failure
        },
        _ => failure,
    };
    fail(task, failure, None, now_ms, jitter)
}

/// A refusal says nothing of work that has begun: then another submission of the same attempt was
/// received.
pub(super) fn refuse(
    task: &Task,
    attempt: u32,
    failure: Failure,
    retry_after_ms: Option<i64>,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    match &task.state {
        State::Processing {
            phase: Phase::Reserve | Phase::Submit,
            ..
        } => fail(task, failure, retry_after_ms, now_ms, jitter),
        _ => Err(refused(task)),
    }
}

/// The attempt is over: another one if its class and the policy allow it, else the end.
pub(super) fn fail(
    task: &Task,
    failure: Failure,
    retry_after_ms: Option<i64>,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    let State::Processing { .. } = &task.state else {
        return Err(refused(task));
    };
    let attempts = policy::attempts(task.kind);
    let failures = task.failures.saturating_add(1);
    if !failure.class.may_retry() || failures >= attempts {
        let failure = match failure.class.may_retry() {
            true => Failure {
                message: format!("{} (after {attempts} attempts)", failure.message),
                ..failure
            },
            false => failure,
        };
        let mut decision = ended(task, failed(task, failure, now_ms));
        decision.task.failures = failures;
        return Ok(decision);
    }
    let asked_ms = retry_after_ms
        .unwrap_or(0)
        .clamp(0, policy::RETRY_AFTER_CAP_MS);
    let mut task = to(
        task,
        State::Waiting {
            next_action_at_ms: now_ms + backoff_ms(failures, jitter).max(asked_ms),
            unserved_since_ms: None,
            last_failure: Some(failure),
        },
    );
    task.failures = failures;
    Ok(Decision {
        task,
        update_node: false,
    })
}

pub(super) fn result(
    task: &Task,
    attempt: Option<u32>,
    result: String,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    match &task.state {
        State::Waiting { .. } => Err(Rejection::WrongState(StateName::Waiting)),
        State::Finished { result: known, .. } if *known == result => Err(Rejection::SameResult),
        State::Finished { .. } => Err(Rejection::OtherResult),
        State::Failed { .. } | State::Cancelled { .. } => Err(Rejection::Ended(task.state.name())),
        State::Processing {
            phase: Phase::Settling { result: known, .. },
            ..
        } if *known == result => Err(Rejection::SameResult),
        State::Processing {
            phase: Phase::Settling { .. },
            ..
        } => Err(Rejection::OtherResult),
        State::Processing { phase, .. } => {
            if let Some(attempt) = attempt {
                fence(task, attempt)?;
            }
            // A quick provider calls back before its answer to the submission is written.
            let external_id = match phase {
                Phase::Running { external_id, .. } => external_id.clone(),
                Phase::Reserve | Phase::Submit | Phase::Settling { .. } => None,
            };
            Ok(kept(
                task,
                now_ms + policy::LEASE_MS,
                now_ms + policy::SETTLE_HOLD_MS,
                0,
                Phase::Settling {
                    external_id,
                    result,
                },
            ))
        }
    }
}

pub(super) fn complete(
    task: &Task,
    attempt: u32,
    result: String,
    asset_id: Option<String>,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    let known = match &task.state {
        State::Finished { result, .. } => Some(result),
        State::Processing {
            phase: Phase::Settling { result, .. },
            ..
        } => Some(result),
        _ => None,
    };
    if let Some(known) = known {
        return Err(match *known == result {
            true => Rejection::SameResult,
            false => Rejection::OtherResult,
        });
    }
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        started_at_ms,
        phase: Phase::Reserve | Phase::Submit | Phase::Running { .. },
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    Ok(ended(
        task,
        State::Finished {
            server_id: server_id.clone(),
            started_at_ms: *started_at_ms,
            ended_at_ms: now_ms,
            result,
            asset_id,
        },
    ))
}

pub(super) fn settled(
    task: &Task,
    attempt: u32,
    asset_id: Option<String>,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        started_at_ms,
        phase: Phase::Settling { result, .. },
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    Ok(ended(
        task,
        State::Finished {
            server_id: server_id.clone(),
            started_at_ms: *started_at_ms,
            ended_at_ms: now_ms,
            result: result.clone(),
            asset_id,
        },
    ))
}

pub(super) fn cancel(task: &Task, now_ms: i64) -> Result<Decision, Rejection> {
    match &task.state {
        State::Waiting { .. } | State::Processing { .. } => Ok(ended(
            task,
            State::Cancelled {
                server_id: task.state.server_id().map(str::to_owned),
                started_at_ms: task.state.started_at_ms(),
                ended_at_ms: now_ms,
            },
        )),
        State::Finished { .. } | State::Failed { .. } | State::Cancelled { .. } => {
            Err(refused(task))
        }
    }
}

pub(super) fn failed(task: &Task, failure: Failure, now_ms: i64) -> State {
    State::Failed {
        server_id: task.state.server_id().map(str::to_owned),
        started_at_ms: task.state.started_at_ms(),
        ended_at_ms: now_ms,
        failure,
    }
}

/// A decision that ends the task: the node hears of it.
pub(super) fn ended(task: &Task, state: State) -> Decision {
    Decision {
        task: to(task, state),
        update_node: true,
    }
}
