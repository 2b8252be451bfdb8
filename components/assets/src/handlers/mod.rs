//! One file per capability.

pub mod catalogue;
pub mod direct;
pub mod health;
pub mod link;
pub mod serve;
pub mod tick;
pub mod tus;
pub mod upload;
