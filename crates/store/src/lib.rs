//! SQL of Master Clash: named statements in `sql/`, row mapping, transactions, migrations.
//!
//! Everything is written against [`Database`], so the same functions run inside a component
//! (Spin's SQLite, see the `guest` crate) and natively in tests ([`native`]). This crate knows
//! no HTTP, no clock and no randomness.

pub mod accounts;
pub mod assets;
pub mod attempts;
pub mod audit;
pub mod buckets;
pub mod database;
pub mod dead_letters;
mod due;
pub mod effects;
pub mod entry_links;
#[cfg(feature = "native")]
pub mod faulty;
pub mod history;
pub mod idempotency;
pub mod invitations;
pub mod members;
pub mod metrics;
pub mod migrate;
#[cfg(feature = "native")]
pub mod native;
pub mod operations;
pub mod projects;
pub mod retries;
pub mod revocations;
pub mod rooms;
pub mod servers;
pub mod sessions;
#[cfg(feature = "native")]
mod stand_in;
pub mod tasks;
pub mod tenants;
pub mod ticks;
pub mod uploads;
pub mod value;
pub mod versions;
pub mod wal;
pub mod webhooks;

/// A place in a list that is sorted by time and id.
pub type Cursor = (i64, String);

pub use database::{Database, StoreError, Transaction, begin, or_rollback, read_one};
pub use due::DueAt;
pub use value::{Row, Rows, Value};

/// The text of a named statement: `sql!("tasks/claim_due")` is `sql/tasks/claim_due.sql`.
#[macro_export]
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $name, ".sql"))
    };
}
