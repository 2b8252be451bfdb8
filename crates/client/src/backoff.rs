//! How long to wait before the next attempt.

use std::time::Duration;

/// The first wait: a server that restarts is back within a second or two.
const FIRST: Duration = Duration::from_millis(250);

/// The longest wait: a person who watches should not wait longer for a server that is back.
const LONGEST: Duration = Duration::from_secs(5);

/// Doubling waits with jitter, so that clients of one server do not come back all at once.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next wait: between half of the doubled time and all of it.
    pub fn next(&mut self) -> Duration {
        let whole = FIRST
            .saturating_mul(1 << self.attempts.min(10))
            .min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        whole.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rm13_waits_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        for expected_ms in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000] {
            let wait_ms = backoff.next().as_millis();
            assert!(
                (expected_ms / 2..=expected_ms).contains(&wait_ms),
                "{wait_ms} of {expected_ms}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
