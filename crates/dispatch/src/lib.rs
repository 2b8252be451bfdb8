//! The life of a task (TK4–TK7): states, transitions, retries, leases.
//!
//! Pure: time and randomness are inputs, nothing is read or written. [`decide`] answers what a
//! command does to a task; the caller writes the new task by compare-and-set, together with the
//! effect that the decision names, in one transaction. A slot is held by being PROCESSING.

mod command;
mod decide;
mod failure;
mod kind;
pub mod policy;
mod retry;
mod task;

pub use command::{Command, Decision, Rejection};
pub use decide::decide;
pub use failure::{ErrorClass, Failure};
pub use kind::{Kind, Yield};
pub use task::{Phase, State, StateName, Task};
