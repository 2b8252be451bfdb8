//! The host, running real components.
//!
//! Names begin with the row of the mission that a test proves.

mod captured;
mod chaining;
mod cron;
mod guests;
mod http;
mod isolation;
mod key_value;
mod loading;
mod misdeeds;
mod outbound;
mod sqlite;
mod sqlite_writers;
mod support;
mod upstream;
