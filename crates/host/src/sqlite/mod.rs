//! `spin:sqlite`: databases in files of this machine.
//!
//! A connection runs one statement at a time. Four things are better than in a plain
//! implementation without being different to a guest: connections are kept warm behind `open`
//! (`connection`), write transactions queue fairly for each file instead of racing for SQLite's
//! lock (`database`), commits reach the disk together (`durable`), and statements that are quick
//! need no thread of their own (`statement`).

mod classify;
mod connection;
mod database;
mod durable;
mod host;
mod output;
mod pace;
mod statement;

pub(crate) use crate::bindings::sqlite::{Error, RowResult, Value};
pub(crate) use database::Database;
pub use host::Connection;

/// How long a statement waits for a lock, as in Spin.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// SQLite's own words for a lock that did not come free in time.
const LOCKED: &str = "database is locked";

/// What one row, or one collected result, may hold, as in Spin.
const MAX_RESULT_BYTES: usize = 128 << 20;

fn io_error(error: impl std::fmt::Display) -> Error {
    Error::Io(error.to_string())
}
