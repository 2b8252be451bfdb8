//! From a waiting task to its effect: dispatch, submission, polls, results, settlement, outbox.
//!
//! The rules are in the dispatch, fleet and providers crates; this crate puts them to work over a
//! [`store::Database`] and a [`World`], so that the same code runs in the tasks component and in
//! simulations that kill it between any two steps. What must survive is in the database before
//! the step that needs it; everything else may be lost at any time.

mod acquire;
mod answer;
mod apply;
mod batches;
mod begin;
mod effect;
mod follow;
mod order;
mod report;
mod row;
mod server;
mod settle;
mod sniff;
mod submit;
mod world;

pub use acquire::Taken;
pub use apply::Applied;
pub use follow::Tick;
pub use report::Reported;
pub use row::task_of;
pub use world::{Body, Bounds, NoAnswer, Settings, World};

use store::{Database, StoreError};

/// Tasks, servers or effects that one pass claims.
pub const BATCH: i64 = 64;

/// Waiting tasks of one kind that one pass looks at.
pub const PER_KIND: i64 = 32;

/// A write that finds the row changed reads it again; after this many times something is wrong.
const CONFLICTS: u32 = 8;

/// Passes of one dispatch: each takes what the pass before made possible.
const PASSES: u32 = 16;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("task {0} is written by too many at once")]
    Contention(String),
}

/// One connection and the world around it. Its methods run one after the other.
pub struct Pipeline<'a, D, W> {
    database: &'a D,
    world: &'a W,
    settings: &'a Settings,
}

impl<'a, D: Database, W: World> Pipeline<'a, D, W> {
    pub fn new(database: &'a D, world: &'a W, settings: &'a Settings) -> Self {
        Self {
            database,
            world,
            settings,
        }
    }
}
