//! Clock, randomness and tasks after the answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{Either, select};

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

/// Seconds since the Unix epoch.
pub fn now_s() -> i64 {
    now_ms() / 1000
}

/// Random bytes of the host's secure source.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // WASI's random source does not fail; if it did, going on with zeros would make ids and
    // jitter predictable, so the request is given up instead.
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("no random bytes: {error}");
    }
    bytes
}

/// An id that is always the same for the same seed.
pub(crate) fn id_of(prefix: &str, seed: &[u8]) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(seed);
    let (bits, _) = hash.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    format!("{prefix}_{}", digits(u128::from_be_bytes(*bits)))
}

/// A new id such as `t_01j9…`: 48 bits of time and 80 of randomness in lower-case base 32, so
/// that ids sort by the time they were made.
pub fn new_id(prefix: &str) -> String {
    let random: [u8; 10] = random();
    let mut value = (now_ms().max(0) as u128) << 80;
    for (at, byte) in random.iter().enumerate() {
        value |= u128::from(*byte) << (72 - 8 * at);
    }
    format!("{prefix}_{}", digits(value))
}

fn digits(value: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digits = (0..26).rev();
    digits
        .map(|at| ALPHABET[((value >> (5 * at)) & 31) as usize] as char)
        .collect()
}

/// Runs work after the answer, best effort: whatever must happen is also an effect in the store.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    spin_sdk::wasip3::spawn(work);
}

/// Waits.
pub async fn sleep_ms(ms: u64) {
    spin_sdk::time::sleep(Duration::from_millis(ms)).await;
}

/// The result of `work`, or nothing when it takes longer.
pub async fn within<T>(ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let work = std::pin::pin!(work);
    let timer = std::pin::pin!(sleep_ms(ms));
    match select(work, timer).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// Logs a fault once, where it happened; the caller gets a sentence without its cause.
pub fn log_error(what: &str, cause: &dyn std::fmt::Display) {
    eprintln!(
        "{}",
        serde_json::json!({"level": "error", "at_ms": now_ms(), "what": what, "cause": cause.to_string()})
    );
}
