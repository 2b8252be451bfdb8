//! The transitions, one function each (SPEC section 6).

use crate::command::{Command, Decision, Rejection, Slot};
use crate::policy::{self, backoff_ms, poll_interval_ms};
use crate::{ErrorClass, Failure, Phase, State, StateName, Task};

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
        } => acquire(task, server_id, sends, is_paid, now_ms),
        Command::Send { attempt, hold_ms } => send(task, attempt, hold_ms, now_ms),
        Command::Busy => busy(task),
        Command::NoServer { timeout_ms } => no_server(task, timeout_ms, now_ms),
        Command::Submitted {
            attempt,
            external_id,
        } => submitted(task, attempt, external_id, now_ms),
        Command::Progress { attempt, progress } => {
            self::progress(task, attempt, progress, now_ms, jitter)
        }
        Command::Miss { attempt, failure } => miss(task, attempt, failure, now_ms, jitter),
        Command::Defer {
            attempt,
            failure,
            retry_after_ms,
        } => defer(task, attempt, failure, retry_after_ms, now_ms, jitter),
        Command::Doubt { attempt, failure } => doubt(task, attempt, failure, now_ms, jitter),
        Command::Fail {
            attempt,
            failure,
            retry_after_ms,
        } => {
            fence(task, attempt)?;
            fail(task, failure, retry_after_ms, now_ms, jitter)
        }
        Command::Result { attempt, result } => self::result(task, attempt, result, now_ms),
        Command::Complete {
            attempt,
            result,
            asset_id,
        } => complete(task, attempt, result, asset_id, now_ms),
        Command::Settled { attempt, asset_id } => settled(task, attempt, asset_id, now_ms),
        Command::ExpireLease => expire_lease(task, now_ms, jitter),
        Command::Cancel => cancel(task, now_ms),
        Command::Retry => crate::retry::retry(task, now_ms),
    }
}

fn acquire(
    task: &Task,
    server_id: Option<String>,
    sends: bool,
    is_paid: bool,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    let State::Waiting { .. } = &task.state else {
        return Err(refused(task));
    };
    let slot = server_id.clone().map_or(Slot::Keep, Slot::Reserve);
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
    Ok(Decision {
        task,
        slot,
        update_node: false,
    })
}

/// Whoever writes this makes the call; a second one finds another phase.
fn send(task: &Task, attempt: u32, hold_ms: i64, now_ms: i64) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        started_at_ms,
        is_paid,
        phase: Phase::Reserve | Phase::Submit,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    Ok(keeping_slot(to(
        task,
        State::Processing {
            server_id: server_id.clone(),
            started_at_ms: *started_at_ms,
            lease_expires_at_ms: now_ms + policy::LEASE_MS,
            next_action_at_ms: now_ms + hold_ms.min(policy::PROCESSING_PAUSE_MS),
            misses: 0,
            is_paid: *is_paid,
            phase: Phase::Submit,
        },
    )))
}

fn busy(task: &Task) -> Result<Decision, Rejection> {
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
    Ok(keeping_slot(to(
        task,
        State::Waiting {
            next_action_at_ms: *next_action_at_ms,
            unserved_since_ms: None,
            last_failure: last_failure.clone(),
        },
    )))
}

fn no_server(task: &Task, timeout_ms: i64, now_ms: i64) -> Result<Decision, Rejection> {
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
    Ok(keeping_slot(to(
        task,
        State::Waiting {
            next_action_at_ms: now_ms + policy::UNSERVED_CHECK_MS,
            unserved_since_ms: Some(since_ms),
            last_failure: last_failure.clone(),
        },
    )))
}

fn submitted(
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
        server_id,
        started_at_ms,
        is_paid,
        phase: Phase::Submit,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    Ok(keeping_slot(to(
        task,
        State::Processing {
            server_id: server_id.clone(),
            started_at_ms: *started_at_ms,
            lease_expires_at_ms: now_ms + policy::LEASE_MS,
            next_action_at_ms: now_ms + look_ms,
            misses: 0,
            is_paid: *is_paid,
            phase: Phase::Running {
                external_id,
                progress: 0.0,
            },
        },
    )))
}

fn progress(
    task: &Task,
    attempt: u32,
    reported: Option<f64>,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        started_at_ms,
        next_action_at_ms,
        is_paid,
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
    Ok(keeping_slot(to(
        task,
        State::Processing {
            server_id: server_id.clone(),
            started_at_ms: *started_at_ms,
            lease_expires_at_ms: now_ms + policy::LEASE_MS,
            next_action_at_ms,
            misses: 0,
            is_paid: *is_paid,
            phase,
        },
    )))
}

fn miss(
    task: &Task,
    attempt: u32,
    failure: Failure,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        started_at_ms,
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
    Ok(keeping_slot(to(
        task,
        State::Processing {
            server_id: server_id.clone(),
            started_at_ms: *started_at_ms,
            lease_expires_at_ms: *lease_expires_at_ms,
            next_action_at_ms: now_ms + pause_ms,
            misses,
            is_paid: false,
            phase: phase.clone(),
        },
    )))
}

/// What is paid for may be there, or under way. The attempt keeps its slot while that is found
/// out, for as long as an attempt may take; then it ends, because to ask again might be to pay
/// twice.
fn doubt(
    task: &Task,
    attempt: u32,
    failure: Failure,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        started_at_ms,
        misses,
        is_paid,
        phase,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    if now_ms - started_at_ms >= policy::ATTEMPT_MS {
        return give_up(task, failure, now_ms, jitter);
    }
    let pause_ms = (policy::DOUBT_FIRST_MS << (*misses).min(8)).min(policy::DOUBT_CAP_MS);
    Ok(keeping_slot(to(
        task,
        State::Processing {
            server_id: server_id.clone(),
            started_at_ms: *started_at_ms,
            lease_expires_at_ms: now_ms + policy::LEASE_MS,
            next_action_at_ms: now_ms + pause_ms,
            misses: misses.saturating_add(1),
            is_paid: *is_paid,
            phase: phase.clone(),
        },
    )))
}

/// The attempt ends because of what we think, not because of what the provider says: if it may
/// have been paid for, there is no other.
fn give_up(task: &Task, failure: Failure, now_ms: i64, jitter: f64) -> Result<Decision, Rejection> {
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

/// The provider has not begun: the task waits again, and no attempt is lost.
fn defer(
    task: &Task,
    attempt: u32,
    failure: Failure,
    retry_after_ms: Option<i64>,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        phase: Phase::Reserve | Phase::Submit,
        ..
    } = &task.state
    else {
        return Err(refused(task));
    };
    let pause_ms = retry_after_ms
        .unwrap_or(policy::DEFER_MS)
        .clamp(0, policy::RETRY_AFTER_CAP_MS);
    let slot = server_id.clone().map_or(Slot::Keep, Slot::Release);
    Ok(Decision {
        task: to(
            task,
            State::Waiting {
                next_action_at_ms: now_ms + pause_ms + backoff_ms(1, jitter),
                unserved_since_ms: None,
                last_failure: Some(failure),
            },
        ),
        slot,
        update_node: false,
    })
}

/// The attempt is over: another one if its class and the policy allow it, else the end.
fn fail(
    task: &Task,
    failure: Failure,
    retry_after_ms: Option<i64>,
    now_ms: i64,
    jitter: f64,
) -> Result<Decision, Rejection> {
    let State::Processing { server_id, .. } = &task.state else {
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
    let slot = server_id.clone().map_or(Slot::Keep, Slot::Release);
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
        slot,
        update_node: false,
    })
}

fn result(
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
        State::Processing {
            server_id,
            started_at_ms,
            is_paid,
            phase,
            ..
        } => {
            if let Some(attempt) = attempt {
                fence(task, attempt)?;
            }
            // A quick provider calls back before its answer to the submission is written.
            let external_id = match phase {
                Phase::Running { external_id, .. } => external_id.clone(),
                Phase::Reserve | Phase::Submit | Phase::Settling { .. } => None,
            };
            Ok(keeping_slot(to(
                task,
                State::Processing {
                    server_id: server_id.clone(),
                    started_at_ms: *started_at_ms,
                    lease_expires_at_ms: now_ms + policy::LEASE_MS,
                    next_action_at_ms: now_ms + policy::SETTLE_HOLD_MS,
                    misses: 0,
                    is_paid: *is_paid,
                    phase: Phase::Settling {
                        external_id,
                        result,
                    },
                },
            )))
        }
    }
}

fn complete(
    task: &Task,
    attempt: u32,
    result: String,
    asset_id: Option<String>,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    fence(task, attempt)?;
    let State::Processing {
        server_id,
        started_at_ms,
        phase: Phase::Reserve | Phase::Submit | Phase::Running { .. },
        ..
    } = &task.state
    else {
        return Err(match &task.state {
            State::Processing { .. } => Rejection::OtherResult,
            _ => refused(task),
        });
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

fn settled(
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

fn expire_lease(task: &Task, now_ms: i64, jitter: f64) -> Result<Decision, Rejection> {
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

fn cancel(task: &Task, now_ms: i64) -> Result<Decision, Rejection> {
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

fn failed(task: &Task, failure: Failure, now_ms: i64) -> State {
    State::Failed {
        server_id: task.state.server_id().map(str::to_owned),
        started_at_ms: task.state.started_at_ms(),
        ended_at_ms: now_ms,
        failure,
    }
}

/// A decision that ends the task: a slot that it holds is freed, the node hears of it.
fn ended(task: &Task, state: State) -> Decision {
    let slot = task
        .state
        .server_id()
        .map_or(Slot::Keep, |id| Slot::Release(id.to_owned()));
    Decision {
        task: to(task, state),
        slot,
        update_node: true,
    }
}

fn keeping_slot(task: Task) -> Decision {
    Decision {
        task,
        slot: Slot::Keep,
        update_node: false,
    }
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
