//! What may be asked of a task, and what is answered.

use crate::{Failure, StateName, Task};

/// What is asked of a task. `attempt` fences out whoever speaks of an earlier attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A server (or, without an id, the fallback provider) is chosen.
    Acquire {
        server_id: Option<String>,
        /// It is asked at once, and asking it again does no harm. Otherwise only its slot is taken,
        /// and [`Command::Send`] comes before the call.
        sends: bool,
        is_paid: bool,
    },
    /// The provider is about to be asked.
    Send {
        attempt: u32,
        /// How long the call may take.
        hold_ms: i64,
    },
    /// A server serves the kind, but all slots are taken.
    Busy,
    /// No server serves the kind.
    NoServer {
        timeout_ms: i64,
    },
    /// The provider accepted the task; without an id it cannot be asked how it stands.
    Submitted {
        attempt: u32,
        external_id: Option<String>,
    },
    /// The provider did not begin: all its slots are taken, or calls come too fast. Not a failure.
    Defer {
        attempt: u32,
        failure: Failure,
        retry_after_ms: Option<i64>,
    },
    /// Whether a paid call was received is to be found out later, by asking the provider.
    Doubt {
        attempt: u32,
        failure: Failure,
    },
    /// The provider, or its heartbeat, says that it works.
    Progress {
        attempt: u32,
        progress: Option<f64>,
    },
    /// A call of this phase brought no usable answer; the same call is made again later.
    Miss {
        attempt: u32,
        failure: Failure,
    },
    /// The provider refused to begin.
    Refuse {
        attempt: u32,
        failure: Failure,
        retry_after_ms: Option<i64>,
    },
    /// The attempt failed.
    Fail {
        attempt: u32,
        failure: Failure,
        retry_after_ms: Option<i64>,
    },
    /// The provider's result, by callback or poll; a callback may not know its attempt.
    Result {
        attempt: Option<u32>,
        result: String,
    },
    /// The answer held the result, which is stored.
    Complete {
        attempt: u32,
        result: String,
        asset_id: Option<String>,
    },
    /// The result's media are stored.
    Settled {
        attempt: u32,
        asset_id: Option<String>,
    },
    /// Nothing was heard for the length of the lease.
    ExpireLease,
    Cancel,
    /// Begin again what has failed or was cancelled.
    Retry,
}

/// What to write in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The task afterwards; its version is still the one that was read.
    pub task: Task,
    /// The node must hear of it: the task has ended.
    pub update_node: bool,
}

/// Why a command does nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the task is already {}", .0.as_str())]
    Ended(StateName),
    #[error("the task is {}, which does not allow this", .0.as_str())]
    WrongState(StateName),
    #[error("this speaks of attempt {spoken_of}, the task is at attempt {current}")]
    StaleAttempt { spoken_of: u32, current: u32 },
    #[error("this result is known already")]
    SameResult,
    #[error("the task already has another result")]
    OtherResult,
    #[error("the lease has not expired")]
    LeaseHolds,
    #[error("nothing changes")]
    NoChange,
}
