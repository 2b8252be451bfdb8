//! Who asks: token claims, roles, and what a role may do. Pure: the clock is an argument.

pub mod access;
pub mod asset_link;
pub mod token;

pub use access::{Action, Denial, Object, may};
pub use token::{Claims, Keys, Role, TokenError, WeakSecret};
