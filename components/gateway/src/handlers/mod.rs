//! One file per capability.

pub mod health;
pub mod projects;
pub mod tick;
