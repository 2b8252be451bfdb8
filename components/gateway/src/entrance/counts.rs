//! Counts of requests (GW12). Each instance counts by itself and adds what it has to the shared
//! counters about once a second, after an answer: a scrape may be late by that, and an instance
//! that is killed takes the counts of its last second with it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use guest::Db;
use http::StatusCode;
use store::metrics::{self, Sample};

use super::visit::Visit;

/// Time between two additions of an instance.
const FLUSH_MS: i64 = 1_000;
/// Series that an instance holds between two additions: routes times statuses.
const SERIES: usize = 2_048;
/// Upper ends of the histogram's buckets, in milliseconds.
const BUCKETS_MS: [i64; 9] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000];

thread_local! {
    static COUNTED: RefCell<HashMap<String, f64>> = RefCell::new(HashMap::new());
    static FLUSHED_AT_MS: Cell<i64> = const { Cell::new(0) };
}

/// Counts an answer; `route` is the template of its path.
pub fn count(visit: &Visit, route: &str, status: StatusCode) {
    let now_ms = guest::now_ms();
    let took_ms = now_ms.saturating_sub(visit.began_at_ms).max(0);
    let method = match visit.method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    };
    COUNTED.with_borrow_mut(|counted| {
        let mut add = |series: String, value: f64| {
            if counted.len() < SERIES || counted.contains_key(&series) {
                *counted.entry(series).or_default() += value;
            }
        };
        let status = status.as_u16();
        add(
            format!(
                "clash_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
            ),
            1.0,
        );
        let name = "clash_http_request_duration_seconds";
        for end_ms in BUCKETS_MS.into_iter().filter(|end_ms| took_ms <= *end_ms) {
            let end_s = end_ms as f64 / 1e3;
            add(format!("{name}_bucket{{route=\"{route}\",le=\"{end_s}\"}}"), 1.0);
        }
        add(format!("{name}_bucket{{route=\"{route}\",le=\"+Inf\"}}"), 1.0);
        add(format!("{name}_count{{route=\"{route}\"}}"), 1.0);
        add(format!("{name}_sum{{route=\"{route}\"}}"), took_ms as f64 / 1e3);
    });
    if now_ms - FLUSHED_AT_MS.get() >= FLUSH_MS {
        FLUSHED_AT_MS.set(now_ms);
        guest::spawn(async {
            if let Err(error) = flush().await {
                guest::log_error("metrics", &error);
            }
        });
    }
}

/// Adds what this instance has counted.
pub async fn flush() -> Result<(), store::StoreError> {
    let counted = COUNTED.take();
    if counted.is_empty() {
        return Ok(());
    }
    let samples: Vec<Sample> = counted.into_iter().collect();
    let database = Db::open().await?;
    metrics::add(&database, &samples).await
}
