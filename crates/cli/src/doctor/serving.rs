//! Checks of a stack that runs, or of the place where one would.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use std::collections::BTreeMap;

use super::Finding;
use crate::state_dir::StateDir;

/// A health check of a stack on this machine takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Two ticks of the scheduler, as for [`FIRST_TICK`].
const LATE_TICK_MS: i64 = 10_000;
const FIRST_TICK: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
struct Health {
    version: String,
    components: BTreeMap<String, Component>,
    database: Component,
}

#[derive(Debug, Deserialize)]
struct Component {
    state: String,
    #[serde(default)]
    last_tick_age_ms: Option<i64>,
}

/// The address that the state directory names, else the one that `clash up` would take.
pub async fn look(state: &StateDir, listen: SocketAddr) -> Vec<(&'static str, Finding)> {
    if let Some(url) = state.address() {
        return match health(&url).await {
            Ok(health) => {
                let tick = tick(&health, state.serving_for());
                vec![("health", judge(&url, health)), ("scheduler", tick)]
            }
            Err(Silence::NoAnswer) => vec![
                (
                    "stack",
                    Finding::NotYet(format!("none runs; the last one, at {url}, was killed")),
                ),
                ("port", port(listen).await),
            ],
            Err(Silence::Odd(why)) => vec![("health", odd(&url, &why))],
        };
    }
    let url = format!("http://{listen}");
    match health(&url).await {
        Ok(health) => {
            let tick = tick(&health, None);
            vec![("health", judge(&url, health)), ("scheduler", tick)]
        }
        Err(_) => vec![("port", port(listen).await)],
    }
}

enum Silence {
    NoAnswer,
    Odd(String),
}

async fn health(url: &str) -> Result<Health, Silence> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .build();
    let client = client.map_err(|error| Silence::Odd(error.to_string()))?;
    let response = client
        .get(format!("{url}/api/health"))
        .send()
        .await
        .map_err(|error| {
            if error.is_connect() {
                Silence::NoAnswer
            } else {
                Silence::Odd(format!("it does not answer: {error}"))
            }
        })?;
    let status = response.status();
    response
        .json()
        .await
        .map_err(|_| Silence::Odd(format!("/api/health answers {status} and no health")))
}

fn odd(url: &str, why: &str) -> Finding {
    Finding::wrong(
        format!("{url}: {why}"),
        "stop what listens there, or restart the stack",
    )
}

fn judge(url: &str, health: Health) -> Finding {
    let parts = health
        .components
        .iter()
        .map(|(name, part)| (name.as_str(), part));
    let parts = parts.chain([("database", &health.database)]);
    // The scheduler has a line of its own.
    let unwell: Vec<_> = parts
        .filter(|(name, part)| *name != "scheduler" && part.state != "ok")
        .map(|(name, part)| format!("{name} is {}", part.state))
        .collect();
    match unwell.as_slice() {
        [] => Finding::Well(format!(
            "{url} serves version {}, and every component is well",
            health.version
        )),
        unwell => Finding::wrong(
            format!("{url}: {}", unwell.join(", ")),
            "look into the logs in the state directory, then restart the stack",
        ),
    }
}

fn tick(health: &Health, serving_for: Option<Duration>) -> Finding {
    let age_ms = health
        .components
        .get("scheduler")
        .and_then(|scheduler| scheduler.last_tick_age_ms);
    match age_ms {
        Some(age_ms) if age_ms <= LATE_TICK_MS => {
            Finding::Well(format!("ticked {:.1} s ago", age_ms as f64 / 1e3))
        }
        // It had no time yet: the last tick is from before the start.
        _ if serving_for.is_some_and(|time| time < FIRST_TICK) => {
            Finding::NotYet("ticks for the first time within ten seconds of a start".into())
        }
        Some(age_ms) => Finding::wrong(
            format!("has not ticked for {:.0} s", age_ms as f64 / 1e3),
            "restart the stack, or let the edge tick: clash edge --tick 5s",
        ),
        None => Finding::wrong(
            "has never ticked",
            "wait ten seconds after a start; then restart the stack",
        ),
    }
}

async fn port(listen: SocketAddr) -> Finding {
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => Finding::Well(format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::wrong(
            format!("{listen} is taken by something that is not this stack"),
            "stop it, or choose another port: clash up --listen 127.0.0.1:0",
        ),
        Err(error) => Finding::wrong(
            format!("{listen}: {error}"),
            "choose another address with --listen",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Health {
        serde_json::from_str(text).expect("a health")
    }

    #[test]
    fn ai4_what_is_unwell_is_named() {
        let well = r#"{"status":"ok","version":"0.1.0","components":{"gateway":{"state":"ok"},
            "scheduler":{"state":"ok","last_tick_at_ms":1,"last_tick_age_ms":900}},"database":{"state":"ok","schema":1}}"#;
        assert!(matches!(judge("u", parse(well)), Finding::Well(_)));
        assert_eq!(
            tick(&parse(well), None),
            Finding::Well("ticked 0.9 s ago".into())
        );
        let unwell = well
            .replace(
                r#""gateway":{"state":"ok"}"#,
                r#""gateway":{"state":"down"}"#,
            )
            .replace("900", "60000");
        match (judge("u", parse(&unwell)), tick(&parse(&unwell), None)) {
            (Finding::Wrong { what, .. }, Finding::Wrong { what: tick, .. }) => {
                assert!(what.contains("gateway is down"), "{what}");
                assert!(tick.contains("60 s"), "{tick}");
            }
            other => panic!("{other:?}"),
        }
    }
}
