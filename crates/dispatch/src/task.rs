//! A task as the life cycle sees it: each state holds only what is valid in it.

use crate::{Failure, Kind};

#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub id: String,
    pub kind: Kind,
    /// Raised by every write; a write presents the version that it has read (TK6).
    pub version: i64,
    /// Attempts begun so far: with the id, what tells one submission from another.
    pub attempt: u32,
    /// Attempts that failed. One that a provider put off has not.
    pub failures: u32,
    pub state: State,
}

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Waiting {
        next_action_at_ms: i64,
        /// Since when no server serves the kind, without a break.
        unserved_since_ms: Option<i64>,
        /// Why the attempt before failed.
        last_failure: Option<Failure>,
    },
    Processing {
        /// The registered server whose slot the task holds; `None` for the fallback provider.
        server_id: Option<String>,
        started_at_ms: i64,
        lease_expires_at_ms: i64,
        next_action_at_ms: i64,
        /// Calls in a row without a usable answer in this phase.
        misses: u32,
        /// It costs money where it is made: what may have been begun is not begun again.
        is_paid: bool,
        phase: Phase,
    },
    Finished {
        server_id: Option<String>,
        started_at_ms: i64,
        ended_at_ms: i64,
        result: String,
        asset_id: Option<String>,
    },
    Failed {
        server_id: Option<String>,
        started_at_ms: Option<i64>,
        ended_at_ms: i64,
        failure: Failure,
    },
    Cancelled {
        server_id: Option<String>,
        started_at_ms: Option<i64>,
        ended_at_ms: i64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// A slot is taken; the provider has certainly not been asked yet.
    Reserve,
    /// The intent is written; whether the provider has it is not known.
    Submit,
    /// The provider works on it: under its own id, or under ours and then only its callback will
    /// tell of it.
    Running {
        external_id: Option<String>,
        progress: f64,
    },
    /// The provider's result is written; its media are being fetched.
    Settling {
        external_id: Option<String>,
        result: String,
    },
}

/// The state without what it holds, as the API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateName {
    Waiting,
    Processing,
    Finished,
    Failed,
    Cancelled,
}

impl StateName {
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Processing,
        Self::Finished,
        Self::Failed,
        Self::Cancelled,
    ];
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Processing => "PROCESSING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Waiting | Self::Processing => false,
            Self::Finished | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl State {
    pub fn name(&self) -> StateName {
        match self {
            Self::Waiting { .. } => StateName::Waiting,
            Self::Processing { .. } => StateName::Processing,
            Self::Finished { .. } => StateName::Finished,
            Self::Failed { .. } => StateName::Failed,
            Self::Cancelled { .. } => StateName::Cancelled,
        }
    }
    /// The server that works on the task or ended it.
    pub fn server_id(&self) -> Option<&str> {
        match self {
            Self::Waiting { .. } => None,
            Self::Processing { server_id, .. }
            | Self::Finished { server_id, .. }
            | Self::Failed { server_id, .. }
            | Self::Cancelled { server_id, .. } => server_id.as_deref(),
        }
    }
    /// When the latest attempt began.
    pub fn started_at_ms(&self) -> Option<i64> {
        match self {
            Self::Waiting { .. } => None,
            Self::Processing { started_at_ms, .. } | Self::Finished { started_at_ms, .. } => {
                Some(*started_at_ms)
            }
            Self::Failed { started_at_ms, .. } | Self::Cancelled { started_at_ms, .. } => {
                *started_at_ms
            }
        }
    }
}
