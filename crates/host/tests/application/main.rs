//! The host, running real components.
//!
//! Names begin with the row of the mission that a test proves.

mod captured;
mod chaining;
mod cron;
mod guestbook;
mod guests;
mod http;
mod isolation;
mod key_value;
mod loading;
mod misdeeds;
mod outbound;
mod refused;
mod refused_cases;
mod routing;
mod serving;
mod sqlite;
mod sqlite_more;
mod sqlite_writers;
mod streaming;
mod support;
mod upstream;
