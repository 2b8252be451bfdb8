//! One file per capability.

pub mod accounts;
pub mod audit;
pub mod description;
pub mod health;
pub mod invitations;
pub mod members;
pub mod metrics;
pub mod projects;
pub mod tenants;
pub mod tick;
