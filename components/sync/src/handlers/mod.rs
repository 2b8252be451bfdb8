//! One handler per file.

pub mod backup;
pub mod document;
pub mod follow;
pub mod health;
pub mod history;
pub mod nodes;
pub mod operations;
pub mod poke;
pub mod retry;
pub mod tick;
pub mod turn;
pub mod updates;
pub mod versions;
pub mod wake;
