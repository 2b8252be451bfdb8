//! The numbers of the life cycle, and the two formulas.

use crate::Kind;

/// How long an acquired task may stay without a sign of life (TK6).
pub const LEASE_MS: i64 = 180_000;

/// An attempt that a provider still calls running after this time is given up, whatever its
/// signs of life: longer than any published provider takes for a clip.
pub const ATTEMPT_MS: i64 = 30 * 60_000;

/// A call that is answered without work takes at most this long.
pub const CALL_MS: i64 = 10_000;

/// A submission without an answer is made again after this time, with the same key. Longer than
/// a call may take, so that it is repeated only when whoever made it is gone.
pub const SUBMIT_HOLD_MS: i64 = 15_000;

/// A call whose answer is the result takes as long as the work: at most this long (TK12).
pub const WORK_CALL_MS: i64 = 10 * 60_000;

/// Whoever waits for such an answer says so this often, and holds the task for this long each time.
pub const HEARTBEAT_MS: i64 = 30_000;
pub const WORK_HOLD_MS: i64 = 3 * HEARTBEAT_MS;

/// A task whose slot is taken is handed on again after this time.
pub const RESERVE_HOLD_MS: i64 = 10_000;

/// A task waits at most so long for others to go out with (TK11).
pub const BATCH_WAIT_MS: i64 = 30_000;

/// The first pause before a doubtful submission is looked up, and the longest.
pub const DOUBT_FIRST_MS: i64 = 2_000;
pub const DOUBT_CAP_MS: i64 = 30_000;

/// Doubts in a row before the attempt is given up: half an hour of them.
pub const DOUBTS: u32 = 62;

/// An attempt that was put off so often is a failure all the same.
pub const DEFERRALS: u32 = 200;

/// The pause of a task that a provider put off, unless it says how long.
pub const DEFER_MS: i64 = 2_000;

/// The same for fetching a result; whoever fetches renews it as bytes arrive.
pub const SETTLE_HOLD_MS: i64 = 15_000;

/// A claimed poll that nobody finished is due again after this time.
pub const POLL_HOLD_MS: i64 = 15_000;

/// Polling starts at the pace of Kling's documents and slows down with the age of the attempt.
pub const POLL_FIRST_MS: i64 = 5_000;
pub const POLL_LAST_MS: i64 = 20_000;

/// Calls in a row without a usable answer before the attempt fails.
pub const MISSES: u32 = 3;

/// The first pause before another attempt, and the longest.
pub const BACKOFF_BASE_MS: i64 = 1_000;
pub const BACKOFF_CAP_MS: i64 = 30_000;

/// The longest pause that a provider's Retry-After can ask for.
pub const RETRY_AFTER_CAP_MS: i64 = 10 * 60_000;

/// The furthest that the next look at a task is ever put off, in WAITING and in PROCESSING. A time
/// further ahead is from before the clock was set back.
pub const WAITING_PAUSE_MS: i64 = RETRY_AFTER_CAP_MS + BACKOFF_BASE_MS;
pub const PROCESSING_PAUSE_MS: i64 = LEASE_MS;

/// A look that comes later than this after its time says that nobody looked for a while: three
/// ticks. That time does not count as waited.
pub const LATE_LOOK_MS: i64 = 15_000;

/// A task that no server can take is looked at again after this time, unless a server comes first.
pub const UNSERVED_CHECK_MS: i64 = 2_000;

/// Attempts that a task of a kind may have.
pub fn attempts(kind: Kind) -> u32 {
    match kind {
        Kind::ImageGen
        | Kind::VideoGen
        | Kind::ImageDesc
        | Kind::VideoDesc
        | Kind::TextGen
        | Kind::Assemble => 3,
    }
}

/// Exponential backoff with full jitter: between nothing and `base * 2^(failures - 1)`, capped.
/// `jitter` is uniform in 0..1.
pub fn backoff_ms(failures: u32, jitter: f64) -> i64 {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = (BACKOFF_BASE_MS << doublings).min(BACKOFF_CAP_MS);
    (ceiling as f64 * jitter.clamp(0.0, 1.0)) as i64
}

/// The pause until the next poll of an attempt of this age: a quarter of it, within bounds.
pub fn poll_interval_ms(age_ms: i64) -> i64 {
    (age_ms / 4).clamp(POLL_FIRST_MS, POLL_LAST_MS)
}
