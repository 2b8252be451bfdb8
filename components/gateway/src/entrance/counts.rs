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
/// Kinds of requests that an instance holds between two additions: routes times statuses.
const KINDS: usize = 256;
/// Upper ends of the histogram's buckets, in milliseconds.
const BUCKETS_MS: [i64; 9] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000];

/// Requests of one method to one route with one outcome.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Default)]
struct Counted {
    requests: u32,
    /// How many took no longer than the end of each bucket.
    within: [u32; BUCKETS_MS.len()],
    took_ms: i64,
}

thread_local! {
    static COUNTED: RefCell<HashMap<Kind, Counted>> = RefCell::new(HashMap::new());
    static FLUSHED_AT_MS: Cell<i64> = const { Cell::new(0) };
}

/// Counts an answer; `route` is the template of its path.
pub fn count(visit: &Visit, route: String, status: StatusCode) {
    let now_ms = guest::now_ms();
    let took_ms = now_ms.saturating_sub(visit.began_at_ms).max(0);
    let method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == visit.method.as_str());
    let kind = Kind {
        method: method.unwrap_or("other"),
        route,
        status: status.as_u16(),
    };
    COUNTED.with_borrow_mut(|counted| {
        if counted.len() >= KINDS && !counted.contains_key(&kind) {
            return;
        }
        let counted = counted.entry(kind).or_default();
        counted.requests += 1;
        counted.took_ms += took_ms;
        for (within, end_ms) in counted.within.iter_mut().zip(BUCKETS_MS) {
            *within += u32::from(took_ms <= end_ms);
        }
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
    // Several kinds may add to one series: the statement adds them up.
    let samples: Vec<Sample> = counted.into_iter().flat_map(series).collect();
    let database = Db::open().await?;
    metrics::add(&database, &samples).await
}

/// The samples of one kind of requests, in the text format of Prometheus.
fn series((kind, counted): (Kind, Counted)) -> Vec<Sample> {
    let Kind {
        method,
        route,
        status,
    } = kind;
    let requests = f64::from(counted.requests);
    let name = "clash_http_request_duration_seconds";
    let bucket = |end: &str| format!("{name}_bucket{{route=\"{route}\",le=\"{end}\"}}");
    let mut samples = vec![
        (
            format!(
                "clash_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
            ),
            requests,
        ),
        (bucket("+Inf"), requests),
        (format!("{name}_count{{route=\"{route}\"}}"), requests),
        (
            format!("{name}_sum{{route=\"{route}\"}}"),
            counted.took_ms as f64 / 1e3,
        ),
    ];
    for (end_ms, within) in BUCKETS_MS.into_iter().zip(counted.within) {
        if within > 0 {
            let end_s = end_ms as f64 / 1e3;
            samples.push((bucket(&end_s.to_string()), f64::from(within)));
        }
    }
    samples
}
