//! The host, running real components.
//!
//! Names begin with the row of the mission that a test proves.

mod chaining;
mod cron;
mod guests;
mod http;
mod isolation;
mod key_value;
mod loading;
mod outbound;
mod sqlite;
mod sqlite_writers;
mod support;
