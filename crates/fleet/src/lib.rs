//! Which server is well, which one gets the next task, and how much of it (RG2–RG4, TK10).
//!
//! Pure: time and randomness are inputs. Accounts at providers are servers, too.

mod choice;
mod drain;
mod health;
mod preservation;
mod rate;
mod standing;

pub use choice::{Candidate, Choice, Model, SLOW_START_MS, Wish, choose, model_of};
pub use drain::{Word, told};
pub use health::{
    CHECK_LONGEST_MS, CHECK_MS, CHECK_SOON_MS, CHECK_STABLE_MS, CHECK_TIMEOUT_MS, FALL, REMOVE_MS,
    RISE,
};
pub use health::{Check, Health, Outcome, Removal, Verdict, heartbeat, judge, registered};
pub use preservation::removal;
pub use rate::Rate;
pub use standing::{
    CREDIT_MS, CallOutcome, Cooldown, EJECT_AFTER, EJECTION_LONGEST_MS, EJECTION_MS, Standing,
    TOO_FAST_MS, after_call, is_cooling,
};

/// What may be sent to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    Online,
    Offline,
    /// Finishes what it has and gets nothing new.
    Draining,
}

impl ServerState {
    pub const ALL: [Self; 3] = [Self::Online, Self::Offline, Self::Draining];
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Offline => "OFFLINE",
            Self::Draining => "DRAINING",
        }
    }
}

/// A tenth more or less, so that what happened together does not happen together again; `jitter`
/// is uniform in 0..1.
fn with_jitter(pause_ms: i64, jitter: f64) -> i64 {
    const SHARE: f64 = 0.1;
    let factor = 1.0 + SHARE * (2.0 * jitter.clamp(0.0, 1.0) - 1.0);
    (pause_ms as f64 * factor) as i64
}
