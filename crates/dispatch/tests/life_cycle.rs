//! TK4, TK6, TK7: what each command does in each state, as tables.

use std::collections::BTreeSet;

use dispatch::policy::{self, backoff_ms, poll_interval_ms};
use dispatch::{
    Command, ErrorClass, Failure, Kind, Phase, Rejection, State, StateName, Task, decide,
};

const NOW: i64 = 1_000_000;

fn task(attempt: u32, state: State) -> Task {
    Task {
        id: "t_1".into(),
        kind: Kind::ImageGen,
        version: 7,
        attempt,
        failures: attempt.saturating_sub(1),
        state,
    }
}

fn waiting() -> Task {
    task(
        0,
        State::Waiting {
            next_action_at_ms: NOW,
            unserved_since_ms: None,
            last_failure: None,
        },
    )
}

fn processing(attempt: u32, phase: Phase) -> Task {
    task(
        attempt,
        State::Processing {
            server_id: Some("s_1".into()),
            started_at_ms: NOW - 1_000,
            lease_expires_at_ms: NOW + 1_000,
            next_action_at_ms: NOW,
            misses: 0,
            is_paid: false,
            phase,
        },
    )
}

fn paid(phase: Phase) -> Task {
    let mut task = processing(1, phase);
    if let State::Processing { is_paid, .. } = &mut task.state {
        *is_paid = true;
    }
    task
}

fn submit() -> Task {
    processing(1, Phase::Submit)
}

fn running() -> Task {
    processing(
        1,
        Phase::Running {
            external_id: Some("x".into()),
            progress: 0.5,
        },
    )
}

fn settling() -> Task {
    processing(
        1,
        Phase::Settling {
            external_id: None,
            result: "{}".into(),
        },
    )
}

fn finished() -> Task {
    decide(
        &settling(),
        Command::Settled {
            attempt: 1,
            asset_id: None,
        },
        NOW,
        0.5,
    )
    .unwrap()
    .task
}

fn failed() -> Task {
    let failure = Failure::terminal("no");
    decide(
        &running(),
        Command::Fail {
            attempt: 1,
            failure,
            retry_after_ms: None,
        },
        NOW,
        0.5,
    )
    .unwrap()
    .task
}

fn cancelled() -> Task {
    decide(&running(), Command::Cancel, NOW, 0.5).unwrap().task
}

fn all_tasks() -> Vec<Task> {
    let last = processing(
        3,
        Phase::Running {
            external_id: Some("x".into()),
            progress: 0.0,
        },
    );
    let mut unserved = waiting();
    unserved.state = State::Waiting {
        next_action_at_ms: NOW,
        unserved_since_ms: Some(NOW - 60_000),
        last_failure: None,
    };
    vec![
        waiting(),
        unserved,
        processing(1, Phase::Reserve),
        submit(),
        paid(Phase::Reserve),
        paid(Phase::Submit),
        running(),
        last,
        settling(),
        finished(),
        failed(),
        cancelled(),
    ]
}

fn all_commands(attempt: u32) -> Vec<Command> {
    let retryable = Failure::retryable("busy");
    let terminal = Failure::terminal("no");
    vec![
        Command::Acquire {
            server_id: Some("s_1".into()),
            sends: true,
            is_paid: false,
        },
        Command::Send {
            attempt,
            hold_ms: 10_000,
        },
        Command::Defer {
            attempt,
            failure: retryable.clone(),
            retry_after_ms: None,
        },
        Command::Doubt {
            attempt,
            failure: retryable.clone(),
        },
        Command::Refuse {
            attempt,
            failure: terminal.clone(),
            retry_after_ms: None,
        },
        Command::Complete {
            attempt,
            result: "{}".into(),
            asset_id: None,
        },
        Command::Busy,
        Command::NoServer { timeout_ms: 60_000 },
        Command::Submitted {
            attempt,
            external_id: Some("x".into()),
        },
        Command::Progress {
            attempt,
            progress: Some(0.7),
        },
        Command::Miss {
            attempt,
            failure: retryable.clone(),
        },
        Command::Fail {
            attempt,
            failure: retryable,
            retry_after_ms: None,
        },
        Command::Fail {
            attempt,
            failure: terminal,
            retry_after_ms: None,
        },
        Command::Result {
            attempt: Some(attempt),
            result: "{}".into(),
        },
        Command::Settled {
            attempt,
            asset_id: None,
        },
        Command::ExpireLease,
        Command::Cancel,
        Command::Retry,
    ]
}

/// The state chart of section 6 and the code have the same edges.
#[test]
fn tk4_the_chart_of_the_specification_is_the_code() {
    let specification = include_str!("../../../SPEC.md");
    let chart = specification
        .split("stateDiagram-v2")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let drawn: BTreeSet<(String, String)> = chart
        .lines()
        .filter_map(|line| line.split_once("-->"))
        .map(|(from, to)| {
            (
                from.trim().to_owned(),
                to.split(':').next().unwrap().trim().to_owned(),
            )
        })
        .filter(|(from, _)| from != "[*]")
        .collect();
    let mut coded = BTreeSet::new();
    for task in all_tasks() {
        for command in all_commands(task.attempt) {
            for now_ms in [NOW, NOW + policy::LEASE_MS] {
                if let Ok(decision) = decide(&task, command.clone(), now_ms, 0.5) {
                    let (from, to) = (task.state.name(), decision.task.state.name());
                    if from != to {
                        coded.insert((from.as_str().to_owned(), to.as_str().to_owned()));
                    }
                }
            }
        }
    }
    assert_eq!(coded, drawn);
}

#[test]
fn tk4_what_has_ended_refuses_everything_but_a_retry() {
    for task in [finished(), failed(), cancelled()] {
        for command in all_commands(1) {
            if command == Command::Retry && task.state.name() != StateName::Finished {
                continue;
            }
            let rejection = decide(&task, command.clone(), NOW, 0.5).unwrap_err();
            let repeated = task.state.name() == StateName::Finished
                && matches!(command, Command::Result { .. } | Command::Complete { .. });
            let expected = match repeated {
                true => Rejection::SameResult,
                false => Rejection::Ended(task.state.name()),
            };
            assert_eq!(
                rejection,
                expected,
                "{command:?} on {:?}",
                task.state.name()
            );
        }
    }
}

#[test]
fn tk4_a_retry_is_a_fresh_start_but_for_the_attempts() {
    for (task, expected) in [
        (failed(), Ok(())),
        (cancelled(), Ok(())),
        (finished(), Err(Rejection::Ended(StateName::Finished))),
        (waiting(), Err(Rejection::WrongState(StateName::Waiting))),
        (running(), Err(Rejection::WrongState(StateName::Processing))),
    ] {
        let decided = decide(&task, Command::Retry, NOW, 0.5);
        assert_eq!(decided.as_ref().map(drop).map_err(Clone::clone), expected);
        let Ok(decision) = decided else { continue };
        let fresh = Task {
            attempt: task.attempt,
            ..waiting()
        };
        assert_eq!(decision.task, fresh);
    }
}

#[test]
fn tk5_the_node_hears_of_each_end_and_of_nothing_else() {
    for task in all_tasks() {
        for command in all_commands(task.attempt) {
            let Ok(decision) = decide(&task, command, NOW + 2_000, 0.5) else {
                continue;
            };
            assert_eq!(
                decision.update_node,
                decision.task.state.name().is_terminal()
            );
        }
    }
}

#[test]
fn tk7_what_follows_a_failure() {
    use ErrorClass::{Moderation, OutOfCredit, Retryable, Terminal};
    for (attempt, class, expected) in [
        (1, Retryable, StateName::Waiting),
        (2, Retryable, StateName::Waiting),
        (3, Retryable, StateName::Failed),
        (1, Terminal, StateName::Failed),
        (1, Moderation, StateName::Failed),
        (1, OutOfCredit, StateName::Failed),
    ] {
        let task = processing(attempt, Phase::Submit);
        let failure = Failure {
            class,
            message: "m".into(),
        };
        let command = Command::Fail {
            attempt,
            failure,
            retry_after_ms: None,
        };
        let decision = decide(&task, command, NOW, 0.5).unwrap();
        assert_eq!(decision.task.state.name(), expected, "{attempt} {class:?}");
    }
}

#[test]
fn tk7_backoff_doubles_under_its_cap_with_full_jitter() {
    for (failures, jitter, expected) in [
        (1, 0.0, 0),
        (1, 0.5, 500),
        (2, 1.0, 2_000),
        (3, 1.0, 4_000),
        (9, 1.0, 30_000),
        (99, 0.5, 15_000),
    ] {
        assert_eq!(backoff_ms(failures, jitter), expected);
    }
}

#[test]
fn tk7_retry_after_is_honoured_within_its_bound() {
    for (asked_ms, expected_ms) in [
        (None, 500),
        (Some(7_000), 7_000),
        (Some(-5), 500),
        (Some(i64::MAX), policy::RETRY_AFTER_CAP_MS),
    ] {
        let failure = Failure::retryable("busy");
        let command = Command::Fail {
            attempt: 1,
            failure,
            retry_after_ms: asked_ms,
        };
        let decision = decide(&submit(), command, NOW, 0.5).unwrap();
        let State::Waiting {
            next_action_at_ms, ..
        } = decision.task.state
        else {
            panic!("not waiting")
        };
        assert_eq!(next_action_at_ms, NOW + expected_ms);
    }
}

#[test]
fn tk5_polls_slow_down_with_the_age_of_the_attempt() {
    for (age_ms, expected) in [
        (0, 5_000),
        (20_000, 5_000),
        (40_000, 10_000),
        (600_000, 20_000),
    ] {
        assert_eq!(poll_interval_ms(age_ms), expected);
    }
}

#[test]
fn tk5_a_callback_may_come_before_the_answer_to_the_submission() {
    let command = Command::Result {
        attempt: None,
        result: "{}".into(),
    };
    let decision = decide(&submit(), command.clone(), NOW, 0.5).unwrap();
    assert_eq!(
        decide(
            &decision.task,
            Command::Submitted {
                attempt: 1,
                external_id: Some("x".into())
            },
            NOW,
            0.5
        ),
        Err(Rejection::WrongState(StateName::Processing))
    );
    assert_eq!(
        decide(&decision.task, command, NOW, 0.5),
        Err(Rejection::SameResult)
    );
    let other = Command::Result {
        attempt: None,
        result: "{\"url\":\"u\"}".into(),
    };
    assert_eq!(
        decide(&decision.task, other, NOW, 0.5),
        Err(Rejection::OtherResult)
    );
}

#[test]
fn tk6_an_earlier_attempt_is_fenced_out() {
    let task = processing(
        2,
        Phase::Running {
            external_id: Some("x".into()),
            progress: 0.0,
        },
    );
    let stale = Rejection::StaleAttempt {
        spoken_of: 1,
        current: 2,
    };
    for command in all_commands(1) {
        match command {
            Command::Send { .. }
            | Command::Defer { .. }
            | Command::Doubt { .. }
            | Command::Refuse { .. }
            | Command::Complete { .. }
            | Command::Submitted { .. }
            | Command::Progress { .. }
            | Command::Miss { .. }
            | Command::Fail { .. }
            | Command::Result { .. }
            | Command::Settled { .. } => {
                assert_eq!(decide(&task, command, NOW, 0.5), Err(stale.clone()))
            }
            Command::Acquire { .. }
            | Command::Busy
            | Command::NoServer { .. }
            | Command::ExpireLease
            | Command::Cancel
            | Command::Retry => {}
        }
    }
}

#[test]
fn tk6_a_lease_expires_only_when_it_is_over_and_signs_of_life_extend_it() {
    assert_eq!(
        decide(&running(), Command::ExpireLease, NOW, 0.5),
        Err(Rejection::LeaseHolds)
    );
    let expired = decide(&running(), Command::ExpireLease, NOW + 1_000, 0.5).unwrap();
    assert_eq!(expired.task.state.name(), StateName::Waiting);
    let alive = decide(
        &running(),
        Command::Progress {
            attempt: 1,
            progress: None,
        },
        NOW,
        0.5,
    )
    .unwrap();
    let State::Processing {
        lease_expires_at_ms,
        ..
    } = alive.task.state
    else {
        panic!("not processing")
    };
    assert_eq!(lease_expires_at_ms, NOW + policy::LEASE_MS);
    let endless = Command::Progress {
        attempt: 1,
        progress: None,
    };
    let given_up = decide(&running(), endless, NOW + policy::ATTEMPT_MS, 0.5).unwrap();
    assert_eq!(given_up.task.state.name(), StateName::Waiting);
}

#[test]
fn tk7_three_calls_without_an_answer_fail_the_attempt() {
    let mut task = running();
    for (call, expected) in [
        (1, StateName::Processing),
        (2, StateName::Processing),
        (3, StateName::Waiting),
    ] {
        let failure = Failure::retryable("connection refused");
        task = decide(
            &task,
            Command::Miss {
                attempt: 1,
                failure,
            },
            NOW,
            0.5,
        )
        .unwrap()
        .task;
        assert_eq!(task.state.name(), expected, "call {call}");
    }
}

#[test]
fn tk4_a_task_that_nobody_serves_fails_after_the_timeout_and_not_before() {
    let mut task = waiting();
    let command = Command::NoServer { timeout_ms: 60_000 };
    for (after_ms, expected) in [
        (0, StateName::Waiting),
        (15_000, StateName::Waiting),
        (30_000, StateName::Waiting),
        (45_000, StateName::Waiting),
        (59_999, StateName::Waiting),
        (60_000, StateName::Failed),
    ] {
        task = decide(&task, command.clone(), NOW + after_ms, 0.5)
            .unwrap()
            .task;
        assert_eq!(task.state.name(), expected, "{after_ms}");
    }
    // A server that is merely busy stops that clock.
    let unserved = decide(&waiting(), command.clone(), NOW, 0.5).unwrap().task;
    let served = decide(&unserved, Command::Busy, NOW, 0.5).unwrap().task;
    let again = decide(&served, command, NOW + 60_000, 0.5).unwrap().task;
    assert_eq!(again.state.name(), StateName::Waiting);
}

#[test]
fn op3_time_in_which_nobody_looked_does_not_count_as_waited() {
    const HOUR_MS: i64 = 3_600_000;
    let command = Command::NoServer { timeout_ms: 60_000 };
    let look = |task: &Task, at_ms: i64| {
        decide(task, command.clone(), NOW + at_ms, 0.5)
            .unwrap()
            .task
    };
    // An hour asleep, a minute awake; then an hour back and a minute awake.
    for (what, offset_ms) in [("asleep", HOUR_MS), ("set back", -HOUR_MS)] {
        let mut task = look(&waiting(), 0);
        for at_ms in (0..60_000).step_by(5_000) {
            task = look(&task, offset_ms + at_ms);
            assert_eq!(task.state.name(), StateName::Waiting, "{what}, {at_ms}");
        }
        task = look(&task, offset_ms + 62_000);
        assert_eq!(task.state.name(), StateName::Failed, "{what}");
    }
}

#[test]
fn tk7_what_a_provider_puts_off_costs_no_attempt() {
    let failure = Failure::retryable("all slots are taken");
    let mut task = submit();
    for round in 0..20 {
        let command = Command::Defer {
            attempt: task.attempt,
            failure: failure.clone(),
            retry_after_ms: Some(3_000),
        };
        let decision = decide(&task, command, NOW, 0.0).unwrap();
        let State::Waiting {
            next_action_at_ms, ..
        } = decision.task.state
        else {
            panic!("not waiting in round {round}")
        };
        assert_eq!(next_action_at_ms, NOW + 3_000);
        let acquire = Command::Acquire {
            server_id: Some("s_1".into()),
            sends: true,
            is_paid: true,
        };
        task = decide(&decision.task, acquire, NOW, 0.5).unwrap().task;
    }
    assert_eq!((task.attempt, task.failures), (21, 0));
}

#[test]
fn tk7_what_may_have_been_paid_for_is_looked_for_and_never_begun_again() {
    let running = Phase::Running {
        external_id: Some("x".into()),
        progress: 0.0,
    };
    for phase in [Phase::Submit, running] {
        let mut task = paid(phase);
        let mut now_ms = NOW;
        // Far more misses than end an attempt that costs nothing: half an hour of them.
        for _ in 0..policy::DOUBTS {
            let failure = Failure::retryable("no answer");
            let miss = Command::Miss {
                attempt: 1,
                failure,
            };
            task = decide(&task, miss, now_ms, 0.5).unwrap().task;
            let State::Processing {
                next_action_at_ms, ..
            } = task.state
            else {
                panic!("given up: {task:?}")
            };
            assert!(next_action_at_ms - now_ms <= policy::DOUBT_CAP_MS);
            now_ms = next_action_at_ms;
        }
        let failure = Failure::retryable("no answer");
        let doubt = Command::Doubt {
            attempt: 1,
            failure,
        };
        assert!((28..35).contains(&((now_ms - NOW) / 60_000)), "{now_ms}");
        let end = decide(&task, doubt, now_ms, 0.5).unwrap();
        let State::Failed { failure, .. } = end.task.state else {
            panic!("begun again: {:?}", end.task)
        };
        assert_eq!(failure.class, ErrorClass::Unknown);
    }
    let expired = decide(&paid(Phase::Submit), Command::ExpireLease, NOW + 1_000, 0.5).unwrap();
    assert_eq!(expired.task.state.name(), StateName::Failed);
    // Nothing was asked yet.
    let reserved = paid(Phase::Reserve);
    let expired = decide(&reserved, Command::ExpireLease, NOW + 1_000, 0.5).unwrap();
    assert_eq!(expired.task.state.name(), StateName::Waiting);
}

#[test]
fn tk6_one_of_two_sends_a_reserved_task() {
    let send = Command::Send {
        attempt: 1,
        hold_ms: 160_000,
    };
    let sent = decide(&processing(1, Phase::Reserve), send, NOW, 0.5).unwrap();
    let State::Processing {
        lease_expires_at_ms,
        next_action_at_ms,
        phase: Phase::Submit,
        ..
    } = sent.task.state
    else {
        panic!("not sent: {:?}", sent.task)
    };
    assert_eq!(next_action_at_ms, NOW + 160_000);
    assert!(lease_expires_at_ms > next_action_at_ms);
}

#[test]
fn tk7_a_refusal_of_a_second_submission_does_not_end_what_the_first_began() {
    let refusal = |failure| Command::Refuse {
        attempt: 1,
        failure,
        retry_after_ms: None,
    };
    let terminal = Failure::terminal("the id is taken");
    let begun = decide(&running(), refusal(terminal.clone()), NOW, 0.5);
    assert_eq!(begun, Err(Rejection::WrongState(StateName::Processing)));
    let refused = decide(&submit(), refusal(terminal), NOW, 0.5).unwrap();
    assert_eq!(refused.task.state.name(), StateName::Failed);
}
