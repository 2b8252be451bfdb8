//! What the outcomes of real calls do to a server: passive ejection, and the pauses that providers
//! ask for (RG4).

use crate::with_jitter;

/// Failures in a row that eject a server.
pub const EJECT_AFTER: i64 = 5;

/// The first ejection; each further one is longer by that much, up to the longest.
pub const EJECTION_MS: i64 = 30_000;
pub const EJECTION_LONGEST_MS: i64 = 300_000;

/// Somebody has to pay first. Often enough to notice that they did.
pub const CREDIT_MS: i64 = 600_000;

/// When a provider says that it is called too fast, and not for how long.
pub const TOO_FAST_MS: i64 = 5_000;
const TOO_FAST_SHORTEST_MS: i64 = 1_000;

/// No cooldown is longer: a time further ahead is from before the clock was set back.
/// `servers/reserve.sql` has the same number.
const COOLDOWN_LONGEST_MS: i64 = 600_000;

/// What is remembered of a server's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Failures in a row.
    pub errors: i64,
    /// How often they have ejected it, less what it made good.
    pub ejections: i64,
    pub cooldown_until_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Answered,
    /// 5xx, no answer, nonsense.
    Failed,
    TooFast {
        retry_after_ms: Option<i64>,
    },
    OutOfCredit,
    /// Its key or its rights are refused.
    Unauthorized,
}

/// Why a server cools down: `cooldown_reason` of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cooldown {
    /// Ejected: see `Candidate::cooldown_is_ejection`.
    Failing,
    TooFast,
    OutOfCredit,
    Unauthorized,
}

impl Cooldown {
    pub const ALL: [Self; 4] = [
        Self::Failing,
        Self::TooFast,
        Self::OutOfCredit,
        Self::Unauthorized,
    ];
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::TooFast => "too-fast",
            Self::OutOfCredit => "out-of-credit",
            Self::Unauthorized => "unauthorized",
        }
    }
}

impl CallOutcome {
    /// The reason of a cooldown that this outcome begins or makes longer.
    pub fn cooldown(self) -> Option<Cooldown> {
        match self {
            Self::Answered => None,
            Self::Failed => Some(Cooldown::Failing),
            Self::TooFast { .. } => Some(Cooldown::TooFast),
            Self::OutOfCredit => Some(Cooldown::OutOfCredit),
            Self::Unauthorized => Some(Cooldown::Unauthorized),
        }
    }
}

/// Whether a cooldown until then is under way.
pub fn is_cooling(cooldown_until_ms: i64, now_ms: i64) -> bool {
    let left_ms = cooldown_until_ms.saturating_sub(now_ms);
    (1..=COOLDOWN_LONGEST_MS).contains(&left_ms)
}

/// What an outcome of a real call does; `jitter` is uniform in 0..1. When it moved
/// `cooldown_until_ms`, the reason is [`CallOutcome::cooldown`].
pub fn after_call(before: Standing, outcome: CallOutcome, now_ms: i64, jitter: f64) -> Standing {
    let cools = is_cooling(before.cooldown_until_ms, now_ms);
    let cooling_for = |pause_ms: i64| match cools {
        // A shorter reason never ends a longer one.
        true => before.cooldown_until_ms.max(now_ms + pause_ms),
        false => now_ms + pause_ms,
    };
    match outcome {
        // Answers to what was asked before the cooldown prove nothing yet.
        CallOutcome::Answered if cools => Standing {
            errors: 0,
            ..before
        },
        CallOutcome::Answered => Standing {
            errors: 0,
            ejections: (before.ejections - 1).max(0),
            ..before
        },
        // While it cools it is called about what it has already, and cannot fall any deeper.
        CallOutcome::Failed if cools || before.errors + 1 < EJECT_AFTER => Standing {
            errors: before.errors.saturating_add(1),
            ..before
        },
        CallOutcome::Failed => {
            let ejections = before.ejections.saturating_add(1);
            let pause_ms = EJECTION_MS.saturating_mul(ejections);
            let pause_ms = with_jitter(pause_ms.min(EJECTION_LONGEST_MS), jitter);
            Standing {
                errors: 0,
                ejections,
                cooldown_until_ms: cooling_for(pause_ms.min(EJECTION_LONGEST_MS)),
            }
        }
        CallOutcome::TooFast { retry_after_ms } => {
            let asked_ms = retry_after_ms.unwrap_or(TOO_FAST_MS);
            let pause_ms = asked_ms.clamp(TOO_FAST_SHORTEST_MS, COOLDOWN_LONGEST_MS);
            Standing {
                cooldown_until_ms: cooling_for(pause_ms),
                ..before
            }
        }
        CallOutcome::OutOfCredit | CallOutcome::Unauthorized => Standing {
            cooldown_until_ms: cooling_for(CREDIT_MS),
            ..before
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CallOutcome::{Answered, Failed, OutOfCredit, TooFast};

    const NOW_MS: i64 = 1_000_000;

    fn standing(errors: i64, ejections: i64, cooldown_ms: i64) -> Standing {
        Standing {
            errors,
            ejections,
            cooldown_until_ms: NOW_MS + cooldown_ms,
        }
    }

    #[test]
    fn rg4_outcomes_of_calls_by_a_table() {
        let wait = |retry_after_ms| TooFast { retry_after_ms };
        for (name, before, outcome, after) in [
            (
                "the fourth failure",
                standing(3, 0, -1),
                Failed,
                standing(4, 0, -1),
            ),
            (
                "the fifth",
                standing(4, 0, -1),
                Failed,
                standing(0, 1, 30_000),
            ),
            (
                "ejected again",
                standing(4, 1, -1),
                Failed,
                standing(0, 2, 60_000),
            ),
            (
                "at most five minutes",
                standing(4, 40, -1),
                Failed,
                standing(0, 41, 300_000),
            ),
            (
                "while it cools",
                standing(4, 1, 9),
                Failed,
                standing(5, 1, 9),
            ),
            (
                "and after that",
                standing(5, 1, 0),
                Failed,
                standing(0, 2, 60_000),
            ),
            (
                "a late answer",
                standing(4, 1, 9),
                Answered,
                standing(0, 1, 9),
            ),
            (
                "an answer makes good",
                standing(4, 2, -9),
                Answered,
                standing(0, 1, -9),
            ),
            (
                "there is nothing to make good",
                standing(0, 0, -9),
                Answered,
                standing(0, 0, -9),
            ),
            (
                "too fast",
                standing(2, 1, -1),
                wait(None),
                standing(2, 1, 5_000),
            ),
            (
                "it says how long",
                standing(0, 0, -1),
                wait(Some(42_000)),
                standing(0, 0, 42_000),
            ),
            (
                "it says nonsense",
                standing(0, 0, -1),
                wait(Some(i64::MAX)),
                standing(0, 0, 600_000),
            ),
            (
                "it says at once",
                standing(0, 0, -1),
                wait(Some(0)),
                standing(0, 0, 1_000),
            ),
            (
                "no credit",
                standing(1, 0, -1),
                OutOfCredit,
                standing(1, 0, 600_000),
            ),
            (
                "the longer one counts",
                standing(0, 0, 400_000),
                wait(None),
                standing(0, 0, 400_000),
            ),
            (
                "a cooldown of another clock",
                standing(0, 0, 600_001),
                wait(None),
                standing(0, 0, 5_000),
            ),
        ] {
            assert_eq!(after_call(before, outcome, NOW_MS, 0.5), after, "{name}");
        }
    }

    #[test]
    fn rg4_ejections_have_jitter_and_a_cap() {
        for (ejections, jitter, pause_ms) in [
            (0, 0.0, 27_000),
            (0, 1.0, 33_000),
            (9, 0.0, 270_000),
            (9, 1.0, 300_000),
        ] {
            let after = after_call(standing(4, ejections, -1), Failed, NOW_MS, jitter);
            assert_eq!(after.cooldown_until_ms - NOW_MS, pause_ms);
        }
    }

    #[test]
    fn rg4_a_cooldown_has_an_end_and_a_reason() {
        for (left_ms, cools) in [
            (-1, false),
            (0, false),
            (1, true),
            (600_000, true),
            (600_001, false),
        ] {
            assert_eq!(is_cooling(NOW_MS + left_ms, NOW_MS), cools, "{left_ms}");
        }
        for reason in Cooldown::ALL {
            assert_eq!(Cooldown::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(Failed.cooldown(), Some(Cooldown::Failing));
        assert_eq!(Answered.cooldown(), None);
    }
}
