//! Health checks: when, and what follows from their outcome.

use crate::ServerState;

/// Between checks of a server that stays as it is (RG2), and its jitter as a share.
pub const CHECK_MS: i64 = 20_000;
const JITTER: f64 = 0.1;

/// The furthest that a check is ever put off, [`CHECK_MS`] with its jitter. A time further ahead is
/// from before the clock was set back.
pub const CHECK_LONGEST_MS: i64 = CHECK_MS + CHECK_MS / 10;

/// After a change, and after a failed check of a server that is still trusted.
pub const CHECK_SOON_MS: i64 = 5_000;

/// A server answers within this time or the check has failed.
pub const CHECK_TIMEOUT_MS: u64 = 5_000;

/// Successes in a row that bring a server back, and failures in a row that put it out.
pub const RISE: i64 = 2;
pub const FALL: i64 = 3;

/// OFFLINE for this long: removed (RG3).
pub const REMOVE_MS: i64 = 180_000;

/// What is known of a server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: ServerState,
    /// Successes in a row, and failures in a row.
    pub rises: i64,
    pub falls: i64,
    /// The last change of state, or the last registration.
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

/// What a check leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep(Health),
    /// Gone for too long.
    Remove,
}

/// The health after a check; `jitter` is uniform in 0..1.
pub fn judge(before: Health, check: Check, outcome: Outcome, now_ms: i64, jitter: f64) -> Verdict {
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
    let changed = state != before.state;
    if !changed
        && state != ServerState::Online
        && outcome == Outcome::Unwell
        && now_ms - before.changed_at_ms >= REMOVE_MS
    {
        return Verdict::Remove;
    }
    // A server on its way up or down is followed closely, one that stays away is not.
    let undecided = matches!(
        (state, outcome),
        (ServerState::Online, Outcome::Unwell) | (ServerState::Offline, Outcome::Well)
    );
    let pause_ms = match changed || undecided {
        true => CHECK_SOON_MS,
        false => with_jitter(CHECK_MS, jitter),
    };
    Verdict::Keep(Health {
        state,
        rises,
        falls,
        changed_at_ms: if changed {
            now_ms
        } else {
            before.changed_at_ms
        },
        next_check_at_ms: now_ms + pause_ms,
    })
}

/// A heartbeat is a success that the server reports itself.
pub fn heartbeat(before: Health, now_ms: i64, jitter: f64) -> Health {
    match judge(before, Check::Routine, Outcome::Well, now_ms, jitter) {
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

fn with_jitter(pause_ms: i64, jitter: f64) -> i64 {
    let factor = 1.0 + JITTER * (2.0 * jitter.clamp(0.0, 1.0) - 1.0);
    (pause_ms as f64 * factor) as i64
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
            (at(Online, 5, 0), Routine, Well, Online, false),
            (at(Online, 5, 0), Routine, Unwell, Online, true),
            (at(Online, 0, 1), Routine, Unwell, Online, true),
            (at(Online, 0, 2), Routine, Unwell, Offline, true),
            (at(Draining, 0, 0), Routine, Well, Draining, false),
        ] {
            let verdict = judge(before, check, outcome, 1_000, 0.5);
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

    #[test]
    fn rg2_the_interval_has_ten_percent_of_jitter() {
        for (jitter, expected) in [(0.0, 18_000), (0.5, 20_000), (1.0, 22_000)] {
            let verdict = judge(
                at(ServerState::Online, 3, 0),
                Check::Routine,
                Outcome::Well,
                0,
                jitter,
            );
            assert!(
                matches!(verdict, Verdict::Keep(health) if health.next_check_at_ms == expected)
            );
        }
    }

    #[test]
    fn rg3_offline_for_three_minutes_is_removed_unless_it_answers() {
        use Outcome::{Unwell, Well};
        for (after_ms, outcome, removed) in [
            (REMOVE_MS - 1, Unwell, false),
            (REMOVE_MS, Unwell, true),
            (REMOVE_MS, Well, false),
        ] {
            let verdict = judge(
                at(ServerState::Offline, 0, 3),
                Check::Routine,
                outcome,
                after_ms,
                0.5,
            );
            assert_eq!(
                verdict == Verdict::Remove,
                removed,
                "{after_ms} {outcome:?}"
            );
        }
        let verdict = judge(
            at(ServerState::Online, 0, 0),
            Check::Routine,
            Unwell,
            REMOVE_MS * 9,
            0.5,
        );
        assert!(matches!(verdict, Verdict::Keep(_)));
    }
}
