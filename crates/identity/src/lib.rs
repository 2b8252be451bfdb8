//! Who asks: token claims, roles, and what a role may do. Pure: the clock is an argument.

pub mod access;
pub mod asset_link;
pub mod browser;
mod jwks;
pub mod key_address;
mod keys;
pub mod password;
mod raw;
mod secret;
pub mod token;
mod verifier;
pub mod webhook_link;

pub use access::{Action, Denial, OPERATOR_TENANT, Object, may};
pub use jwks::{KeySet, KeySetError};
pub use keys::Keys;
pub use secret::{WeakSecret, check_secret};
pub use token::{Claims, Role, TokenError};
pub use verifier::{Issuer, Verifier, needs_issuer};

/// Clocks of two machines may differ by this much.
pub const LEEWAY_S: i64 = raw::LEEWAY_S;
