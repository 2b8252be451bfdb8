//! Waiting: somebody takes the task, nobody can, or it comes back because a provider put it off.

use super::end::{ended, fail, failed};
use super::{fence, quietly, refused, to};
use crate::command::{Decision, Rejection};
use crate::policy::{self, backoff_ms};
use crate::{Failure, Phase, State, Task};

pub(super) fn acquire(
    task: &Task,
    server_id: Option<String>,
    sends: bool,
    is_paid: bool,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    let State::Waiting { .. } = &task.state else {
        return Err(refused(task));
    };
    let (phase, hold_ms) = match sends {
        true => (Phase::Submit, policy::SUBMIT_HOLD_MS),
        false => (Phase::Reserve, policy::RESERVE_HOLD_MS),
    };
    let mut task = to(
        task,
        State::Processing {
            server_id,
            started_at_ms: now_ms,
            lease_expires_at_ms: now_ms + policy::LEASE_MS,
            next_action_at_ms: now_ms + hold_ms,
            misses: 0,
            is_paid,
            phase,
        },
    );
    task.attempt += 1;
    Ok(quietly(task))
}

pub(super) fn busy(task: &Task) -> Result<Decision, Rejection> {
    let State::Waiting {
        next_action_at_ms,
        unserved_since_ms,
        last_failure,
    } = &task.state
    else {
        return Err(refused(task));
    };
    if unserved_since_ms.is_none() {
        return Err(Rejection::NoChange);
    }
    Ok(quietly(to(
        task,
        State::Waiting {
            next_action_at_ms: *next_action_at_ms,
            unserved_since_ms: None,
            last_failure: last_failure.clone(),
        },
    )))
}

pub(super) fn no_server(task: &Task, timeout_ms: i64, now_ms: i64) -> Result<Decision, Rejection> {
    let State::Waiting {
        next_action_at_ms,
        unserved_since_ms,
        last_failure,
    } = &task.state
    else {
        return Err(refused(task));
    };
    // After a night asleep or a jump of the clock, servers get their time to come back.
    let late_ms = now_ms.saturating_sub(*next_action_at_ms);
    let unwatched_ms = if late_ms > policy::LATE_LOOK_MS {
        late_ms
    } else {
        0
    };
    let since_ms = unserved_since_ms.map_or(now_ms, |since_ms| {
        since_ms.saturating_add(unwatched_ms).min(now_ms)
    });
    if now_ms - since_ms >= timeout_ms {
        let mut message = format!(
            "no server serves {} (waited {} s)",
            task.kind,
            timeout_ms / 1000
        );
        if let Some(failure) = last_failure {
            message = format!("{message}; before that: {}", failure.message);
        }
        return Ok(ended(
            task,
            failed(task, Failure::retryable(message), now_ms),
        ));
    }
    Ok(quietly(to(
        task,
        State::Waiting {
            next_action_at_ms: now_ms + policy::UNSERVED_CHECK_MS,
            unserved_since_ms: Some(since_ms),
            last_failure: last_failure.clone(),
        },
    )))
}

/// The provider has not begun: the task waits again, and no attempt is lost.
pub(super) fn defer(
    task: &Task,
    attempt: u32,
    failure: Failure,
    retry_after_ms: Option<i64>,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        phase: Phase::Reserve | Phase::Submit,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    if task.attempt >= policy::DEFERRALS {
        return fail(task, failure, retry_after_ms, now_ms, jitter);
    }
    let pause_ms = retry_after_ms
        .unwrap_or(policy::DEFER_MS)
        .clamp(0, policy::RETRY_AFTER_CAP_MS);
    Ok(quietly(to(
        task,
        State::Waiting {
            next_action_at_ms: now_ms + pause_ms + backoff_ms(1, jitter),
            unserved_since_ms: None,
            last_failure: Some(failure),
        },
    )))
}
