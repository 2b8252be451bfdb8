//! Accounts (GW10): logging in and out, and managing who may.

pub mod enter;
pub mod log_in;
pub mod log_out;
pub mod me;
pub mod password;
mod presented;
pub mod refresh;
mod session;
mod throttle;
pub mod tokens;
pub mod user_changes;
pub mod users;

use guest::Db;
use problem::{Problem, Slug};
use store::{entry_links, revocations, sessions};

/// Logins, names and passwords: the largest is a password of 1 KiB, which JSON may escape.
const BODY_BYTES: usize = 16 * 1024;

/// A secret of 256 bits as text, and the hash by which it is kept.
struct Secret {
    text: String,
    hash: String,
}

impl Secret {
    fn new() -> Self {
        let text = hex::encode(guest::random::<32>());
        let hash = hash(&text);
        Self { text, hash }
    }
}

/// Secrets of 256 bits are not guessed: one round of a plain hash is enough.
pub fn hash(secret: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(secret))
}

/// Sessions, links and revocations that are of no use any more, some at a time and once a minute: a
/// tick comes every 5 s. Best effort, since the next minute comes.
pub async fn forget_old(database: &Db) {
    const EVERY_S: i64 = 60;
    const TICK_S: i64 = 5;
    let (now_ms, now_s) = (guest::now_ms(), guest::now_s());
    if now_s % EVERY_S >= TICK_S {
        return;
    }
    let forgotten = [
        sessions::delete_expired(database, now_ms).await,
        entry_links::delete_expired(database, now_ms).await,
        revocations::delete_expired(database, now_s).await,
    ];
    for error in forgotten.into_iter().filter_map(Result::err) {
        guest::log_error("old sessions", &error);
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Slug::Unauthorized, detail)
}
