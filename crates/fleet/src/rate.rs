//! How often something may be submitted, as a generic cell rate algorithm: one time in the row of
//! the server says until when its submissions of the past count.

/// Never more than `per_min` submissions in any 60 s, of which a quarter may come at once.
///
/// A burst of b and one more every s leave at most b - 1 + 60 s / s of them in 60 s, rounded up. So
/// s is 60 s / (per_min - b + 1), and longer rather than shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    spacing_ms: i64,
    burst: i64,
}

const MINUTE_MS: i64 = 60_000;

impl Rate {
    /// A rate under one a minute is one a minute.
    pub fn of(per_min: i64) -> Self {
        let per_min = per_min.max(1);
        let burst = (per_min / 4).max(1);
        let steady = per_min - burst + 1;
        let whole = MINUTE_MS / steady;
        Self {
            spacing_ms: whole + i64::from(MINUTE_MS % steady != 0),
            burst,
        }
    }

    /// How far a submission moves `rate_until_ms`.
    pub fn spacing_ms(&self) -> i64 {
        self.spacing_ms
    }

    /// How far ahead of now `rate_until_ms` may be for another submission.
    pub fn tolerance_ms(&self) -> i64 {
        (self.burst - 1).saturating_mul(self.spacing_ms)
    }

    /// Whether another submission may go out now.
    pub fn allows(&self, rate_until_ms: i64, now_ms: i64) -> bool {
        let ahead_ms = rate_until_ms.saturating_sub(now_ms);
        ahead_ms <= self.tolerance_ms() || self.is_of_another_clock(ahead_ms)
    }

    /// Further ahead than any submission can have moved it: from before the clock was set back, or
    /// from before the rate was raised.
    fn is_of_another_clock(&self, ahead_ms: i64) -> bool {
        ahead_ms > self.tolerance_ms().saturating_add(self.spacing_ms)
    }

    /// `rate_until_ms` after a submission, as `servers/reserve.sql` sets it.
    pub fn after(&self, rate_until_ms: i64, now_ms: i64) -> i64 {
        let base_ms = match self.is_of_another_clock(rate_until_ms.saturating_sub(now_ms)) {
            // Nobody knows how many went out: as if it were the whole burst.
            true => now_ms.saturating_add(self.tolerance_ms()),
            false => rate_until_ms.max(now_ms),
        };
        base_ms.saturating_add(self.spacing_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk10_the_spacing_and_the_burst_of_a_rate() {
        for (per_min, spacing_ms, tolerance_ms) in [
            (0, 60_000, 0),
            (1, 60_000, 0),
            (2, 30_000, 0),
            (4, 15_000, 0),
            (8, 8_572, 8_572),
            (60, 1_305, 14 * 1_305),
            (100_000, 1, 24_999),
        ] {
            let rate = Rate::of(per_min);
            let found = (rate.spacing_ms(), rate.tolerance_ms());
            assert_eq!(found, (spacing_ms, tolerance_ms), "{per_min}");
        }
    }

    /// Greedy callers are the worst case; others try now and then.
    #[test]
    fn tk10_no_minute_holds_more_than_the_rate() {
        let mut seed = 1_u64;
        for per_min in (1..=130).chain([240, 997, 6_000, 60_000, 100_000]) {
            let rate = Rate::of(per_min);
            for most_ms in [1, 3, 700, 20_000] {
                let (mut until_ms, mut now_ms, mut sent) = (0, 1_000_000, Vec::new());
                while now_ms < 1_400_000 && sent.len() < 400_000 {
                    while rate.allows(until_ms, now_ms) {
                        until_ms = rate.after(until_ms, now_ms);
                        sent.push(now_ms);
                    }
                    // A linear congruential generator of Knuth's.
                    seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    now_ms += 1 + ((seed >> 33) as i64) % most_ms;
                }
                let mut first = 0;
                for (at, time) in sent.iter().enumerate() {
                    while time - sent[first] >= MINUTE_MS {
                        first += 1;
                    }
                    let held = (at - first + 1) as i64;
                    assert!(held <= per_min, "{held} of {per_min} before {time}");
                }
                // And it is not just slow: whoever asks each millisecond gets two thirds of it,
                // as long as milliseconds are fine enough.
                if most_ms == 1 && per_min <= 6_000 {
                    let fair = (per_min * 400_000 / MINUTE_MS) * 2 / 3;
                    assert!(sent.len() as i64 >= fair, "{} of {per_min}", sent.len());
                }
            }
        }
    }

    #[test]
    fn tk10_a_clock_that_is_set_back_does_not_stop_a_rate() {
        let rate = Rate::of(60);
        let hour_ahead_ms = 3_600_000;
        assert!(rate.allows(hour_ahead_ms, 0));
        let after_ms = rate.after(hour_ahead_ms, 0);
        assert!(!rate.allows(after_ms, 0), "the burst counts as used");
        assert!(rate.allows(after_ms, rate.spacing_ms()));
    }
}
