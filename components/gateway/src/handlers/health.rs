//! `GET /api/health`: every component by name, its state, and the last tick.

use std::collections::BTreeMap;

use futures::future::join_all;
use guest::{Db, Response};
use http::{Method, StatusCode};
use problem::Problem;
use serde::Serialize;

/// The scheduler ticks every 5 s; two missed ticks in a row make it late.
const TICK_LATE_MS: i64 = 15_000;
/// The components that are asked.
const ASKED: [&str; 3] = ["sync", "tasks", "registry"];

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    components: BTreeMap<&'static str, Component>,
    database: Database,
}

#[derive(Serialize)]
struct Component {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tick_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tick_age_ms: Option<i64>,
}

impl Component {
    fn plain(state: &'static str) -> Self {
        Self {
            state,
            last_tick_at_ms: None,
            last_tick_age_ms: None,
        }
    }
}

#[derive(Serialize)]
struct Database {
    state: &'static str,
    schema: Option<i64>,
}

pub async fn get() -> Result<Response, Problem> {
    let states = join_all(ASKED.map(|name| async move { (name, ask(name).await) })).await;
    let mut components: BTreeMap<_, _> = states
        .into_iter()
        .map(|(name, well)| (name, Component::plain(if well { "ok" } else { "failed" })))
        .collect();
    components.insert("gateway", Component::plain("ok"));

    let (database, last_tick_at_ms) = match read_database().await {
        Ok((schema, last)) => (
            Database {
                state: "ok",
                schema,
            },
            last,
        ),
        Err(error) => {
            guest::log_error("health", &error);
            let state = "failed";
            (
                Database {
                    state,
                    schema: None,
                },
                None,
            )
        }
    };
    components.insert("scheduler", scheduler(last_tick_at_ms));

    let failed = database.state == "failed"
        || components
            .values()
            .any(|component| component.state == "failed");
    let health = Health {
        status: if failed { "failed" } else { "ok" },
        version: env!("CARGO_PKG_VERSION"),
        components,
        database,
    };
    let status = if failed {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    Ok(guest::json(status, &health))
}

async fn ask(component: &str) -> bool {
    let answer = guest::call_component(
        component,
        Method::GET,
        "/internal/v1/health",
        &serde_json::Value::Null,
    )
    .await;
    match answer {
        Ok(response) => response.status().is_success(),
        Err(error) => {
            guest::log_error("health", &format!("{component}: {error}"));
            false
        }
    }
}

async fn read_database() -> Result<(Option<i64>, Option<i64>), store::StoreError> {
    let database = Db::open().await?;
    let last = store::ticks::last_at_ms(&database).await?;
    Ok((store::migrate::current(&database).await?, last))
}

fn scheduler(last_tick_at_ms: Option<i64>) -> Component {
    let age = last_tick_at_ms.map(|at| guest::now_ms().saturating_sub(at).max(0));
    Component {
        state: match age {
            None => "never",
            Some(age) if age > TICK_LATE_MS => "late",
            Some(_) => "ok",
        },
        last_tick_at_ms,
        last_tick_age_ms: age,
    }
}
