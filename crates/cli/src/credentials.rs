//! Tokens: signed here with a stack's secret, or given by the caller.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use identity::{Claims, Keys, Role};

use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;

/// How long the tokens live that commands sign for themselves. They are signed anew for each call.
const OWN_TOKEN_TTL: Duration = Duration::from_secs(600);

pub use client::TokenSource;

pub fn now_s() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The keys of the stack whose state directory this is.
pub fn keys(secret: &[u8], state: &StateDir) -> Outcome<Keys> {
    Keys::from_secret(secret).map_err(|error| {
        let path = state.secret_path();
        Failure::failed(format!("{}: {error}", path.display()))
            .help("stop the stack, remove the file, and start again: a new secret is made (tokens given out before end)")
    })
}

/// Signs a fresh token at each call.
pub fn signing(keys: Keys, sub: &str, role: Role) -> TokenSource {
    signing_in(keys, sub, role, "default")
}

/// The same for a tenant.
pub fn signing_in(keys: Keys, sub: &str, role: Role, tenant: &str) -> TokenSource {
    let (sub, tenant) = (sub.to_owned(), tenant.to_owned());
    let ttl_s = OWN_TOKEN_TTL.as_secs() as i64;
    Arc::new(move || {
        let claims = Claims {
            tenant: tenant.clone(),
            ..Claims::access(&sub, role, now_s(), ttl_s)
        };
        keys.sign(&claims).map_err(|error| error.to_string())
    })
}

/// The same token at each call.
pub fn given(token: String) -> TokenSource {
    Arc::new(move || Ok(token.clone()))
}
