//! Medians, percentiles, and the figure that a row of the table shows.

use std::time::Duration;

/// One measured thing. Only `value` is always there; its unit is the row's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figure {
    pub value: f64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Processor time of the server for one request or ack, which other processes on the machine
    /// distort less than times of the clock.
    pub cpu_us: Option<f64>,
    /// The most memory that the server had resident meanwhile.
    pub peak_mb: Option<f64>,
    /// How much of one processor the generator used. It has one thread: near 1 it is the limit.
    pub generator: Option<f64>,
}

impl Figure {
    pub fn of(value: f64) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }

    /// A rate with the latencies behind it.
    pub fn rate(mut latencies_us: Vec<u32>, window: Duration) -> Self {
        latencies_us.sort_unstable();
        let at = |share| percentile(&latencies_us, share).map(|us| f64::from(us) / 1_000.0);
        Self {
            value: latencies_us.len() as f64 / window.as_secs_f64(),
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            ..Self::default()
        }
    }

    /// Adds what the server used of the processors for `count` requests or acks.
    pub fn with_cpu(mut self, used: Option<Duration>, count: u64) -> Self {
        self.cpu_us = used
            .filter(|_| count > 0)
            .map(|used| used.as_secs_f64() * 1e6 / count as f64);
        self
    }
}

/// The value that `share` of a sorted list is at or under.
fn percentile(sorted: &[u32], share: f64) -> Option<u32> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The middle one, or the mean of the middle two; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (length, half) if length % 2 == 1 => sorted[half],
        (_, half) => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

/// A latency as it is collected: in microseconds, of which 32 bits hold over an hour.
pub fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pf1_percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<u32> = (1..=100).collect();
        for (sorted, share, expected) in [
            (&hundred[..], 0.50, Some(50)),
            (&hundred[..], 0.99, Some(99)),
            (&hundred[..1], 0.99, Some(1)),
            (&hundred[..0], 0.50, None),
        ] {
            assert_eq!(percentile(sorted, share), expected);
        }
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
