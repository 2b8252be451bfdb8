//! Health checks: when, and what follows from their outcome.

use crate::{ServerState, with_jitter};

/// Between checks of a server (RG2), and of one that has been well for a while: three checks of
/// five are saved.
pub const CHECK_MS: i64 = 20_000;
pub const CHECK_STABLE_MS: i64 = 50_000;

/// After so many successes in a row the pause begins to grow, by that much with each further one.
const STABLE_AFTER: i64 = 3;
const CHECK_STEP_MS: i64 = 5_000;

/// The furthest that a check is ever put off, [`CHECK_STABLE_MS`] with its jitter. A time further
/// ahead is from before the clock was set back.
pub const CHECK_LONGEST_MS: i64 = CHECK_STABLE_MS + CHECK_STABLE_MS / 10;

/// After a change, and after a failed check of a server that is still trusted.
pub const CHECK_SOON_MS: i64 = 5_000;

/// A server answers within this time or the check has failed.
pub const CHECK_TIMEOUT_MS: u64 = 5_000;

/// Successes in a row that bring a server back, and failures in a row that put it out.
pub const RISE: i64 = 2;
pub const FALL: i64 = 3;

/// Not answering for this long: removed (RG3).
pub const REMOVE_MS: i64 = 180_000;

/// What is known of a server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: ServerState,
    /// Successes in a row, and failures in a row.
    pub rises: i64,
    pub falls: i64,
    /// The last change of state or registration, or the last answer while OFFLINE.
    pub changed_at_ms: i64,
    pub next_check_at_ms: i64,
}

/// Why a check is made: the first one after a registration is trusted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Registration,
    Routine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Well,
    Unwell,
}

/// Whether those who are gone for too long may be removed; see [`crate::removal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    Allowed,
    Suspended,
}

/// What a check leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep(Health),
    /// Gone for too long.
    Remove,
}

/// The health after a check; `jitter` is uniform in 0..1.
pub fn judge(
    before: Health,
    check: Check,
    outcome: Outcome,
    removal: Removal,
    now_ms: i64,
    jitter: f64,
) -> Verdict {
    let (rises, falls) = match outcome {
        Outcome::Well => (before.rises.saturating_add(1), 0),
        Outcome::Unwell => (0, before.falls.saturating_add(1)),
    };
    let state = match (before.state, outcome, check) {
        (ServerState::Draining, _, _) => ServerState::Draining,
        (_, Outcome::Well, Check::Registration) => ServerState::Online,
        (_, Outcome::Unwell, Check::Registration) => ServerState::Offline,
        (ServerState::Offline, Outcome::Well, Check::Routine) if rises >= RISE => {
            ServerState::Online
        }
        (ServerState::Online, Outcome::Unwell, Check::Routine) if falls >= FALL => {
            ServerState::Offline
        }
        (state, _, Check::Routine) => state,
    };
    // One that drains does not go OFFLINE, and is gone all the same.
    let changed = state != before.state || (state == ServerState::Draining && falls == FALL);
    let gone = match state {
        ServerState::Online => false,
        ServerState::Offline => outcome == Outcome::Unwell,
        ServerState::Draining => falls >= FALL,
    };
    if gone && !changed && removal == Removal::Allowed && now_ms - before.changed_at_ms >= REMOVE_MS
    {
        return Verdict::Remove;
    }
    // Who answers now and then is not gone, though it may never be ONLINE.
    let is_back = state == ServerState::Offline && outcome == Outcome::Well;
    Verdict::Keep(Health {
        state,
        rises,
        falls,
        changed_at_ms: if changed || is_back {
            now_ms
        } else {
            before.changed_at_ms
        },
        next_check_at_ms: now_ms + pause_ms(state, rises, falls, changed, jitter),
    })
}

/// A server on its way up or down is followed closely, one that stays as it is is not.
fn pause_ms(state: ServerState, rises: i64, falls: i64, changed: bool, jitter: f64) -> i64 {
    let undecided = match state {
        ServerState::Online => falls > 0,
        ServerState::Offline => rises > 0,
        ServerState::Draining => (1..FALL).contains(&falls),
    };
    if changed || undecided {
        return with_jitter(CHECK_SOON_MS, jitter);
    }
    let steps = (rises - STABLE_AFTER).max(0);
    let pause_ms = CHECK_MS.saturating_add(CHECK_STEP_MS.saturating_mul(steps));
    with_jitter(pause_ms.min(CHECK_STABLE_MS), jitter)
}

/// A heartbeat is a success that the server reports itself.
pub fn heartbeat(before: Health, now_ms: i64, jitter: f64) -> Health {
    let removal = Removal::Suspended;
    match judge(
        before,
        Check::Routine,
        Outcome::Well,
        removal,
        now_ms,
        jitter,
    ) {
        Verdict::Keep(health) => health,
        Verdict::Remove => before,
    }
}

/// The health of a server that has just registered and was not checked yet. One that was trusted
/// and registers again keeps working until its check says otherwise.
pub fn registered(before: ServerState, now_ms: i64) -> Health {
    Health {
        state: before,
        rises: 0,
        falls: 0,
        changed_at_ms: now_ms,
        next_check_at_ms: now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(state: ServerState, rises: i64, falls: i64) -> Health {
        Health {
            state,
            rises,
            falls,
            changed_at_ms: 0,
            next_check_at_ms: 0,
        }
    }

    #[test]
    fn rg2_rise_and_fall() {
        use Check::{Registration, Routine};
        use Outcome::{Unwell, Well};
        use ServerState::{Draining, Offline, Online};
        for (before, check, outcome, expected, soon) in [
            (at(Offline, 0, 0), Registration, Well, Online, true),
            (at(Offline, 0, 0), Registration, Unwell, Offline, false),
            (at(Online, 9, 0), Registration, Unwell, Offline, true),
            (at(Offline, 0, 3), Routine, Well, Offline, true),
            (at(Offline, 1, 0), Routine, Well, Online, true),
            (at(Online, 1, 0), Routine, Well, Online, false),
            (at(Online, 5, 0), Routine, Unwell, Online, true),
            (at(Online, 0, 1), Routine, Unwell, Online, true),
            (at(Online, 0, 2), Routine, Unwell, Offline, true),
            (at(Draining, 0, 0), Routine, Well, Draining, false),
        ] {
            let verdict = judge(before, check, outcome, Removal::Allowed, 1_000, 0.5);
            let Verdict::Keep(health) = verdict else {
                panic!("removed: {before:?}")
            };
            assert_eq!(health.state, expected, "{before:?} {check:?} {outcome:?}");
            let pause_ms = if soon { CHECK_SOON_MS } else { CHECK_MS };
            assert_eq!(
                health.next_check_at_ms,
                1_000 + pause_ms,
                "{before:?} {check:?} {outcome:?}"
            );
        }
    }

    fn pause_of(before: Health, outcome: Outcome, jitter: f64) -> i64 {
        match judge(before, Check::Routine, outcome, Removal::Allowed, 0, jitter) {
            Verdict::Keep(health) => health.next_check_at_ms,
            Verdict::Remove => panic!("removed: {before:?}"),
        }
    }

    #[test]
    fn rg2_a_stable_server_is_checked_ever_less_often() {
        use Outcome::{Unwell, Well};
        for (rises, jitter, expected_ms) in [
            (0, 0.5, 20_000),
            (2, 0.5, 20_000),
            (3, 0.5, 25_000),
            (5, 0.5, 35_000),
            (8, 0.5, 50_000),
            (1_000, 0.5, 50_000),
            (i64::MAX, 0.5, 50_000),
            (2, 0.0, 18_000),
            (2, 1.0, 22_000),
            (9, 0.0, 45_000),
            (9, 1.0, CHECK_LONGEST_MS),
        ] {
            let before = at(ServerState::Online, rises, 0);
            assert_eq!(
                pause_of(before, Well, jitter),
                expected_ms,
                "{rises} {jitter}"
            );
            assert_eq!(pause_of(before, Unwell, 0.5), CHECK_SOON_MS, "{rises}");
        }
        let offline = at(ServerState::Offline, 0, 9);
        assert_eq!(pause_of(offline, Unwell, 0.5), CHECK_MS);
    }

    #[test]
    fn rg2_a_draining_server_stays_draining() {
        use Outcome::{Unwell, Well};
        let draining = at(ServerState::Draining, 0, 0);
        assert_eq!(heartbeat(draining, 1, 0.5).state, ServerState::Draining);
        for (check, outcome) in [
            (Check::Registration, Well),
            (Check::Registration, Unwell),
            (Check::Routine, Unwell),
        ] {
            let verdict = judge(draining, check, outcome, Removal::Allowed, REMOVE_MS, 0.5);
            assert!(
                matches!(verdict, Verdict::Keep(health) if health.state == ServerState::Draining),
                "{check:?} {outcome:?}"
            );
        }
    }

    #[test]
    fn rg3_an_answer_while_offline_begins_the_three_minutes_anew() {
        let offline = at(ServerState::Offline, 0, 9);
        let health = heartbeat(offline, REMOVE_MS, 0.5);
        assert_eq!(health.state, ServerState::Offline, "once is not enough");
        let later_ms = 2 * REMOVE_MS - 1;
        for (now_ms, removed) in [(later_ms, false), (later_ms + 1, true)] {
            let verdict = judge(
                health,
                Check::Routine,
                Outcome::Unwell,
                Removal::Allowed,
                now_ms,
                0.5,
            );
            assert_eq!(verdict == Verdict::Remove, removed, "{now_ms}");
        }
    }

    #[test]
    fn rg3_gone_for_three_minutes_is_removed() {
        use Outcome::{Unwell, Well};
        use Removal::{Allowed, Suspended};
        use ServerState::{Draining, Offline, Online};
        for (before, after_ms, outcome, removal, removed) in [
            (at(Offline, 0, 3), REMOVE_MS - 1, Unwell, Allowed, false),
            (at(Offline, 0, 3), REMOVE_MS, Unwell, Allowed, true),
            (at(Offline, 0, 3), REMOVE_MS, Unwell, Suspended, false),
            (at(Offline, 0, 3), REMOVE_MS, Well, Allowed, false),
            (at(Online, 0, 0), REMOVE_MS * 9, Unwell, Allowed, false),
            (at(Online, 0, 2), REMOVE_MS * 9, Unwell, Allowed, false),
            // Since it fell, and not since it began to drain.
            (at(Draining, 0, 1), REMOVE_MS * 9, Unwell, Allowed, false),
            (at(Draining, 0, 2), REMOVE_MS * 9, Unwell, Allowed, false),
            (at(Draining, 0, 3), REMOVE_MS - 1, Unwell, Allowed, false),
            (at(Draining, 0, 3), REMOVE_MS, Unwell, Allowed, true),
            (at(Draining, 0, 3), REMOVE_MS, Unwell, Suspended, false),
        ] {
            let verdict = judge(before, Check::Routine, outcome, removal, after_ms, 0.5);
            let found = verdict == Verdict::Remove;
            assert_eq!(
                found, removed,
                "{before:?} {after_ms} {outcome:?} {removal:?}"
            );
        }
    }
}
