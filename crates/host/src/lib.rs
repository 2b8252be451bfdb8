//! An embedded host for Spin applications.
//!
//! It reads `spin.toml` (version 2) and runs HTTP and cron triggers on wasmtime with the
//! interfaces that Spin gives its components: SQLite, key-value stores, variables, outbound HTTP
//! under an allowlist, service chaining. It knows nothing of any particular application.
//!
//! A request goes: [`Application::handle`] → route → admission → a worker of the component
//! (`worker`) → the guest, whose own requests leave through `outbound`.

mod admission;
mod application;
mod bindings;
mod cache;
mod cron;
mod engine;
mod error;
mod files;
mod guest;
mod headers;
mod hosts;
mod key_value;
mod load;
mod logs;
mod manifest;
mod networks;
mod options;
mod outbound;
mod patience;
mod response;
mod routes;
mod serve;
mod sqlite;
mod variables;
mod worker;

pub use application::Application;
pub use error::LoadError;
pub use load::compile::compile;
pub use manifest::database_file;
pub use options::{Limits, Options, Progress, ProgressCallback};

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's or response's body.
pub type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError>;
