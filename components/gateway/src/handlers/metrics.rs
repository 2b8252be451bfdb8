//! `/metrics` in the text format of Prometheus, for the operator (GW12).

use std::fmt::Write;

use guest::{Answer, Call, Db, access};
use http::{HeaderValue, header};
use identity::{Action, Object};
use store::metrics;

use crate::entrance;
use crate::store_failed;

const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Name, type and meaning of what is measured.
const FAMILIES: [(&str, &str, &str); 19] = [
    (
        "clash_asset_bytes",
        "gauge",
        "Bytes of all assets, before deduplication",
    ),
    ("clash_assets", "gauge", "Assets of all projects"),
    (
        "clash_effects_oldest_timestamp_seconds",
        "gauge",
        "When the task ended whose effect has waited longest",
    ),
    (
        "clash_effects_pending",
        "gauge",
        "Effects of tasks that have not reached their room",
    ),
    (
        "clash_http_request_duration_seconds",
        "histogram",
        "Time to the head of an answer",
    ),
    (
        "clash_http_requests_total",
        "counter",
        "Requests by method, route and status",
    ),
    (
        "clash_last_tick_timestamp_seconds",
        "gauge",
        "When the scheduler ticked last",
    ),
    ("clash_projects", "gauge", "Projects"),
    ("clash_queue_depth", "gauge", "Waiting tasks by kind"),
    (
        "clash_queue_oldest_timestamp_seconds",
        "gauge",
        "When the oldest waiting task of a kind was made",
    ),
    (
        "clash_rooms_unprocessed",
        "gauge",
        "Rooms whose nodes wait to be looked at",
    ),
    (
        "clash_server_cooldown_until_timestamp_seconds",
        "gauge",
        "Until when a server gets nothing new",
    ),
    ("clash_server_slots", "gauge", "Slots of a server"),
    (
        "clash_server_slots_used",
        "gauge",
        "Slots of servers that are taken",
    ),
    (
        "clash_server_used",
        "gauge",
        "Slots of a server that are taken",
    ),
    ("clash_servers", "gauge", "Servers by state"),
    ("clash_tasks", "gauge", "Live tasks by state"),
    (
        "clash_tasks_ended_last_hour",
        "gauge",
        "Tasks that ended in the last hour, by kind, state and class of the error",
    ),
    (
        "clash_tasks_processing",
        "gauge",
        "Tasks with a provider, by kind and phase",
    ),
];

/// Measure the platform
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "platform",
    responses((status = 200, description = "The text format of Prometheus", content_type = "text/plain", body = String)))]
pub async fn metrics(call: Call) -> Answer {
    access::allow(
        call.claims()?,
        Action::ReadMetrics,
        Object::Deployment,
        || "deployment".into(),
    )?;
    entrance::flush().await.map_err(store_failed)?;
    let database = Db::open().await.map_err(store_failed)?;
    let mut samples = metrics::counters(&database).await.map_err(store_failed)?;
    let gauges = metrics::gauges(&database, guest::now_ms()).await;
    samples.extend(gauges.map_err(store_failed)?);
    let mut text = String::new();
    for (name, kind, meaning) in FAMILIES {
        let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
        for (series, value) in &samples {
            if belongs(series, name) {
                let _ = writeln!(text, "{series} {value}");
            }
        }
    }
    let mut response = http::Response::new(guest::full(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}

fn belongs(series: &str, family: &str) -> bool {
    let name = series.split('{').next().unwrap_or(series);
    let base = ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    name == family || base == Some(family)
}
