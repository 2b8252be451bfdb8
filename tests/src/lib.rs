//! What the end-to-end tests stand on: a stack as a real process, a client of its HTTP routes, a
//! member of its rooms, and a provider that misbehaves on command.
//!
//! Everything here panics when the world is not as a test needs it: a helper's failure is the
//! test's failure. It knows the wire (SPEC.md) and the command line, and no crate of the inside.

pub mod account;
pub mod api;
pub mod events;
pub mod files;
pub mod member;
pub mod provider;
pub mod stack;

use std::time::{Duration, Instant};

pub use account::Account;
pub use api::{Api, Reply};
pub use events::Events;
pub use member::Member;
pub use provider::Provider;
pub use stack::{Setup, Stack};

/// Asks again and again until there is an answer, and says what was waited for if none comes.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
