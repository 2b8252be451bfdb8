//! The transitions, one function each (SPEC section 6).

mod end;
mod waiting;
mod work;

use crate::command::{Command, Decision, Rejection};
use crate::{Phase, State, Task};

/// What `command` does to `task` at `now_ms`; `jitter` is uniform in 0..1.
pub fn decide(
    task: &Task,
    command: Command,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    match command {
        Command::Acquire {
            server_id,
            sends,
            is_paid,
        } => waiting::acquire(task, server_id, sends, is_paid, now_ms),
        Command::Send { attempt, hold_ms } => work::send(task, attempt, hold_ms, now_ms, jitter),
        Command::Busy => waiting::busy(task),
        Command::NoServer { timeout_ms } => waiting::no_server(task, timeout_ms, now_ms),
        Command::Submitted {
            attempt,
            external_id,
        } => work::submitted(task, attempt, external_id, now_ms),
        Command::Progress { attempt, progress } => {
            work::progress(task, attempt, progress, now_ms, jitter)
        }
        Command::Miss { attempt, failure } => work::miss(task, attempt, failure, now_ms, jitter),
        Command::Defer {
            attempt,
            failure,
            retry_after_ms,
        } => waiting::defer(task, attempt, failure, retry_after_ms, now_ms, jitter),
        Command::Doubt { attempt, failure } => work::doubt(task, attempt, failure, now_ms, jitter),
        Command::Refuse {
            attempt,
            failure,
            retry_after_ms,
        } => end::refuse(task, attempt, failure, retry_after_ms, now_ms, jitter),
        Command::Fail {
            attempt,
            failure,
            retry_after_ms,
        } => {
            fence(task, attempt)?;
            end::fail(task, failure, retry_after_ms, now_ms, jitter)
        }
        Command::Result { attempt, result } => end::result(task, attempt, result, now_ms),
        Command::Complete {
            attempt,
            result,
            asset_id,
        } => end::complete(task, attempt, result, asset_id, now_ms),
        Command::Settled { attempt, asset_id } => end::settled(task, attempt, asset_id, now_ms),
        Command::ExpireLease => work::expire_lease(task, now_ms, jitter),
        Command::Cancel => end::cancel(task, now_ms),
        Command::Retry => crate::retry::retry(task, now_ms),
    }
}

/// The node has nothing to hear of it.
fn quietly(task: Task) -> Decision {
    Decision {
        task,
        update_node: false,
    }
}

/// A task in the same hands: who has it, since when, and whether it is paid for stay.
fn kept(task: &Task, lease_until_ms: i64, next_ms: i64, missed: u32, new_phase: Phase) -> Decision {
    let mut task = task.clone();
    if let State::Processing {
        lease_expires_at_ms,
        next_action_at_ms,
        misses,
        phase,
        ..
    } = &mut task.state
    {
        *lease_expires_at_ms = lease_until_ms;
        *next_action_at_ms = next_ms;
        *misses = missed;
        *phase = new_phase;
    }
    quietly(task)
}

fn to(task: &Task, state: State) -> Task {
    Task {
        state,
        ..task.clone()
    }
}

fn fence(task: &Task, attempt: u32) -> Result<(), Rejection> {
    if task.state.name().is_terminal() {
        return Err(refused(task));
    }
    if task.attempt != attempt {
        return Err(Rejection::StaleAttempt {
            spoken_of: attempt,
            current: task.attempt,
        });
    }
    Ok(())
}

fn refused(task: &Task) -> Rejection {
    let name = task.state.name();
    match name.is_terminal() {
        true => Rejection::Ended(name),
        false => Rejection::WrongState(name),
    }
}
