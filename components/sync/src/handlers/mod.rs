//! One handler per file.

pub mod document;
pub mod health;
pub mod poke;
pub mod tick;
pub mod turn;
pub mod wake;
