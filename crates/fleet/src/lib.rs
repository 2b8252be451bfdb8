//! Which server is well, and which one gets the next task (RG2–RG4).
//!
//! Pure: time and randomness are inputs.

mod choice;
mod health;

pub use choice::{Candidate, Choice, choose};
pub use health::{
    CHECK_LONGEST_MS, CHECK_MS, CHECK_SOON_MS, CHECK_TIMEOUT_MS, FALL, REMOVE_MS, RISE,
};
pub use health::{Check, Health, Outcome, Verdict, heartbeat, judge, registered};

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
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Offline => "OFFLINE",
            Self::Draining => "DRAINING",
        }
    }
}
