//! One file per capability.

pub mod accounts;
pub mod assets;
pub mod health;
pub mod projects;
pub mod tick;
