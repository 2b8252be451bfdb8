//! The tests of rooms once more, over the stand-in with libSQL's limits (see `common`).
#![allow(clippy::duplicate_mod, reason = "each file brings the same `common`")]

#[path = "backup.rs"]
mod backup;
#[path = "document.rs"]
mod document;
#[path = "follow.rs"]
mod follow;
#[path = "forged.rs"]
mod forged;
#[path = "history.rs"]
mod history;
#[path = "hostile.rs"]
mod hostile;
#[path = "large.rs"]
mod large;
#[path = "processor.rs"]
mod processor;
#[path = "rights.rs"]
mod rights;
#[path = "rollback.rs"]
mod rollback;
#[path = "simulation.rs"]
mod simulation;
#[path = "ticks.rs"]
mod ticks;
#[path = "turns.rs"]
mod turns;
