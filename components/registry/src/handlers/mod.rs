//! One handler per file: parse, authorise, load, decide, save, answer.

pub mod change;
pub mod cleanup;
pub mod delete;
pub mod health;
pub mod heartbeat;
pub mod read;
pub mod register;
pub mod tick;
