//! One handler per file.

pub mod backup;
pub mod document;
pub mod health;
pub mod history;
pub mod poke;
pub mod tick;
pub mod turn;
pub mod versions;
pub mod wake;
