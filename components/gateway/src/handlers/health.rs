//! `GET /api/health`: every component by name, its state, and the last tick.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures::future::join_all;
use guest::{Answer, Call, Db, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// The scheduler ticks every 5 s; two missed ticks in a row make it late.
const TICK_LATE_MS: i64 = 15_000;
/// How long an answer of the components and the database holds: probes of several load balancers
/// then cost little more than one, and a failure is still seen within a second.
const KEPT_MS: i64 = 1_000;
/// The components that are asked.
const ASKED: [&str; 4] = ["sync", "tasks", "registry", "assets"];

#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
    version: &'static str,
    #[schema(value_type = std::collections::HashMap<String, Component>)]
    components: BTreeMap<&'static str, Component>,
    database: Database,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ComponentHealth)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = DatabaseHealth)]
struct Database {
    state: &'static str,
    schema: Option<i64>,
}

/// What was found out at a moment; ages are counted anew in every answer.
#[derive(Clone)]
struct Findings {
    at_ms: i64,
    asked: [(&'static str, bool); ASKED.len()],
    schema: Option<i64>,
    database_is_well: bool,
    last_tick_at_ms: Option<i64>,
}

thread_local! {
    static FINDINGS: RefCell<Option<Findings>> = const { RefCell::new(None) };
}

/// Say how the platform is
///
/// Every component by name, the database, and when the scheduler ticked last.
#[utoipa::path(get, path = "/api/health", operation_id = "getHealth", tag = "platform",
    responses(
        (status = 200, description = "All is well", body = Health),
        (status = 503, description = "Something failed; the body says what", body = Health)))]
pub async fn health(_: Call) -> Answer {
    let now_ms = guest::now_ms();
    let kept = FINDINGS.with_borrow(|kept| {
        let kept = kept.as_ref()?;
        (kept.at_ms..kept.at_ms + KEPT_MS)
            .contains(&now_ms)
            .then(|| kept.clone())
    });
    let findings = match kept {
        Some(findings) => findings,
        None => {
            let findings = find_out(now_ms).await;
            FINDINGS.with_borrow_mut(|kept| *kept = Some(findings.clone()));
            findings
        }
    };
    Ok(answer(&findings))
}

async fn find_out(at_ms: i64) -> Findings {
    let (asked, database) = futures::future::join(
        join_all(ASKED.map(|name| async move { (name, ask(name).await) })),
        read_database(),
    )
    .await;
    let (database_is_well, schema, last_tick_at_ms) = match database {
        Ok((schema, last)) => (true, schema, last),
        Err(error) => {
            guest::log_error("health", &error);
            (false, None, None)
        }
    };
    let mut states = ASKED.map(|name| (name, false));
    states.copy_from_slice(&asked);
    Findings {
        at_ms,
        asked: states,
        schema,
        database_is_well,
        last_tick_at_ms,
    }
}

fn answer(findings: &Findings) -> Response {
    let mut components: BTreeMap<_, _> = findings
        .asked
        .iter()
        .map(|(name, well)| (*name, Component::plain(if *well { "ok" } else { "failed" })))
        .collect();
    components.insert("gateway", Component::plain("ok"));
    components.insert("scheduler", scheduler(findings.last_tick_at_ms));
    let failed = !findings.database_is_well || findings.asked.iter().any(|(_, well)| !well);
    let health = Health {
        status: if failed { "failed" } else { "ok" },
        version: env!("CARGO_PKG_VERSION"),
        components,
        database: Database {
            state: if findings.database_is_well {
                "ok"
            } else {
                "failed"
            },
            schema: findings.schema,
        },
    };
    // Whatever stands in front may answer as many probes as come within a second by itself.
    let (status, caching) = if failed {
        (StatusCode::SERVICE_UNAVAILABLE, "no-store")
    } else {
        (StatusCode::OK, "public, max-age=1")
    };
    let mut response = guest::json(status, &health);
    let caching = HeaderValue::from_static(caching);
    response.headers_mut().insert(CACHE_CONTROL, caching);
    response
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
