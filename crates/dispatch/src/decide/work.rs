//! In somebody's hands: sent, accepted, alive, silent.

use super::end::{fail, give_up};
use super::{fence, kept, refused};
use crate::command::{Decision, Rejection};
use crate::policy::{self, backoff_ms, poll_interval_ms};
use crate::{Failure, Phase, State, Task};

/// Whoever writes this makes the call. A repetition is written, too, where nobody heard the answer.
pub(super) fn send(
    task: &Task,
    attempt: u32,
    hold_ms: i64,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        started_at_ms,
        misses,
        phase: phase @ (Phase::Reserve | Phase::Submit),
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    if *phase == Phase::Submit && now_ms - started_at_ms >= policy::ATTEMPT_MS {
        let message = "nobody heard an answer, however often it was asked";
        return give_up(task, Failure::retryable(message), now_ms, jitter);
    }
    Ok(kept(
        task,
        now_ms + policy::LEASE_MS,
        now_ms + hold_ms.min(policy::PROCESSING_PAUSE_MS),
        // A repetition without an answer is a miss like the others.
        *misses,
        Phase::Submit,
    ))
}

pub(super) fn submitted(
    task: &Task,
    attempt: u32,
    external_id: Option<String>,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    // Without an id there is nothing to ask for; the lease alone says when to give up.
    let look_ms = match external_id {
        Some(_) => policy::POLL_FIRST_MS,
        None => policy::LEASE_MS,
    };
    fence(task, attempt)?;
    let State::Processing {
        phase: Phase::Submit,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    Ok(kept(
        task,
        now_ms + policy::LEASE_MS,
        now_ms + look_ms,
        0,
        Phase::Running {
            external_id,
            progress: 0.0,
        },
    ))
}

pub(super) fn progress(
    task: &Task,
    attempt: u32,
    reported: Option<f64>,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        started_at_ms,
        next_action_at_ms,
        phase,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    let age_ms = now_ms - started_at_ms;
    if age_ms >= policy::ATTEMPT_MS {
        let message = format!(
            "the provider did not finish within {} minutes",
            policy::ATTEMPT_MS / 60_000
        );
        return give_up(task, Failure::retryable(message), now_ms, jitter);
    }
    let (phase, next_action_at_ms) = match phase {
        Phase::Running {
            external_id,
            progress,
        } => {
            // Progress only grows; a late answer must not set it back.
            let progress = reported.unwrap_or(0.0).clamp(*progress, 1.0);
            let phase = Phase::Running {
                external_id: external_id.clone(),
                progress,
            };
            let look_ms = match external_id {
                Some(_) => poll_interval_ms(age_ms),
                None => policy::LEASE_MS,
            };
            (phase, now_ms + look_ms)
        }
        Phase::Reserve | Phase::Submit | Phase::Settling { .. } => {
            (phase.clone(), *next_action_at_ms)
        }
    };
    Ok(kept(
        task,
        now_ms + policy::LEASE_MS,
        next_action_at_ms,
        0,
        phase,
    ))
}

pub(super) fn miss(
    task: &Task,
    attempt: u32,
    failure: Failure,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        lease_expires_at_ms,
        misses,
        is_paid,
        phase,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    if *is_paid {
        return doubt(task, attempt, failure, now_ms, jitter);
    }
    let misses = misses + 1;
    if misses >= policy::MISSES || now_ms >= *lease_expires_at_ms {
        return fail(task, failure, None, now_ms, jitter);
    }
    let pause_ms = match phase {
        Phase::Reserve | Phase::Submit | Phase::Settling { .. } => backoff_ms(misses, jitter),
        Phase::Running { .. } => policy::POLL_FIRST_MS,
    };
    Ok(kept(
        task,
        *lease_expires_at_ms,
        now_ms + pause_ms,
        misses,
        phase.clone(),
    ))
}

/// What is paid for may be there, or under way. The attempt keeps its slot while that is found
/// out, for half an hour; then it ends, because to ask again might be to pay twice.
pub(super) fn doubt(
    task: &Task,
    attempt: u32,
    failure: Failure,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing { misses, phase, .. } = &task.state else {
        return Err(refused(task));
    };
    if *misses >= policy::DOUBTS {
        return give_up(task, failure, now_ms, jitter);
    }
    let pause_ms = (policy::DOUBT_FIRST_MS << (*misses).min(8)).min(policy::DOUBT_CAP_MS);
    Ok(kept(
        task,
        now_ms + policy::LEASE_MS,
        now_ms + pause_ms,
        misses.saturating_add(1),
        phase.clone(),
    ))
}

pub(super) fn expire_lease(task: &Task, now_ms: i64, jitter: f64) -> Result<Decision, Rejection> {
    let State::Processing {
        lease_expires_at_ms,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    if now_ms < *lease_expires_at_ms {
        return Err(Rejection::LeaseHolds);
    }
    let message = format!(
        "nothing was heard of the task for {} s",
        policy::LEASE_MS / 1000
    );
    give_up(task, Failure::retryable(message), now_ms, jitter)
}
