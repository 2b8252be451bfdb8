//! A task that has failed, or was cancelled, begins again under its own id (TK4).

use crate::command::{Decision, Rejection};
use crate::{State, Task};

/// WAITING again and due at once. The attempts go on counting: each of them is the provider's
/// idempotency key, and the one that has failed must not be repeated.
pub(crate) fn retry(task: &Task, now_ms: i64) -> Result<Decision, Rejection> {
    match &task.state {
        State::Failed { .. } | State::Cancelled { .. } => {}
        State::Waiting { .. } | State::Processing { .. } => {
            return Err(Rejection::WrongState(task.state.name()));
        }
        State::Finished { .. } => return Err(Rejection::Ended(task.state.name())),
    }
    let state = State::Waiting {
        next_action_at_ms: now_ms,
        unserved_since_ms: None,
        last_failure: None,
    };
    Ok(Decision {
        task: Task {
            state,
            failures: 0,
            ..task.clone()
        },
        update_node: false,
    })
}
