//! Token buckets in memory: how much a connection or a room may do in a second, with a burst.

/// What a bucket allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub per_second: f64,
    /// What may come at once after a rest.
    pub burst: f64,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    left: f64,
    filled_at_ms: u64,
}

impl Bucket {
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            left: rate.burst,
            filled_at_ms: 0,
        }
    }

    /// Takes `amount` if it is there. More than a whole burst is never there.
    pub fn take(&mut self, amount: f64, now_ms: u64) -> bool {
        let rested_ms = now_ms.saturating_sub(self.filled_at_ms);
        self.filled_at_ms = self.filled_at_ms.max(now_ms);
        let filled = self.left + self.rate.per_second * rested_ms as f64 / 1_000.0;
        self.left = filled.min(self.rate.burst);
        let is_there = self.left >= amount;
        if is_there {
            self.left -= amount;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rm5_a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(Rate {
            per_second: 10.0,
            burst: 3.0,
        });
        for (now_ms, amount, is_there) in [
            (5_000, 1.0, true),
            (5_000, 2.0, true),
            (5_000, 1.0, false),
            (5_099, 1.0, false),
            (5_100, 1.0, true),
            (5_100, 1.0, false),
            // A clock that goes back gives nothing.
            (4_000, 1.0, false),
            (5_150, 1.0, false),
            (5_200, 1.0, true),
            // Never more than the burst, however long the rest.
            (90_000, 3.5, false),
            (90_000, 3.0, true),
            (90_000, 0.5, false),
        ] {
            assert_eq!(bucket.take(amount, now_ms), is_there, "{now_ms} {amount}");
        }
    }
}
