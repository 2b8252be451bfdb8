//! Checks of a stack that runs, or of the place where one would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::{Finding, providers};
use crate::state_dir::StateDir;

/// A health check of a stack on this machine takes milliseconds.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The leeway that tokens have (SPEC section 2).
const MOST_SKEW_MS: u64 = 30_000;
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

/// A stack of this directory, if one runs; else the place where one would.
pub async fn look(state: &StateDir, listen: SocketAddr) -> Vec<(&'static str, Finding)> {
    let Some(url) = state.address() else {
        return vec![("port", port(listen).await)];
    };
    match health(&url).await {
        Ok(answer) => {
            let mut findings = vec![
                ("scheduler", tick(&answer.health, state.serving_for())),
                ("clock", clock(answer.date_ms, now_ms())),
                ("providers", providers::look(&url, state).await),
            ];
            findings.insert(0, ("health", judge(&url, answer.health)));
            findings
        }
        Err(Silence::NoAnswer) => vec![
            (
                "stack",
                Finding::NotYet(format!("none runs; the last one, at {url}, was killed")),
            ),
            ("port", port(listen).await),
        ],
        Err(Silence::Odd(why)) => vec![("health", odd(&url, &why))],
    }
}

struct Answer {
    health: Health,
    /// The stack's clock when it answered, to the second.
    date_ms: Option<i64>,
}

enum Silence {
    NoAnswer,
    Odd(String),
}

async fn health(url: &str) -> Result<Answer, Silence> {
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
    let date = response.headers().get(reqwest::header::DATE);
    let date = date.and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    let health = response.json().await;
    Ok(Answer {
        health: health
            .map_err(|_| Silence::Odd(format!("/api/health answers {status} and no health")))?,
        date_ms: date.map(ms_of),
    })
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

fn clock(date_ms: Option<i64>, now_ms: i64) -> Finding {
    let Some(date_ms) = date_ms else {
        return Finding::NotYet("the stack does not say what time it has".into());
    };
    let skew_ms = date_ms.abs_diff(now_ms);
    let which = if date_ms > now_ms {
        "ahead of"
    } else {
        "behind"
    };
    match skew_ms {
        0..MOST_SKEW_MS => Finding::Well("the stack's and this machine's agree".into()),
        _ => Finding::wrong(
            format!(
                "the stack's is {} s {which} this machine's: tokens signed here are refused there",
                skew_ms / 1_000
            ),
            "set both clocks by NTP (timedatectl set-ntp true)",
        ),
    }
}

fn ms_of(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

fn now_ms() -> i64 {
    ms_of(SystemTime::now())
}

async fn port(listen: SocketAddr) -> Finding {
    let remedy = "stop it, or choose another port: clash up --listen 127.0.0.1:0";
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => Finding::Well(format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            match health(&format!("http://{listen}")).await {
                Ok(_) => Finding::wrong(
                    format!("{listen} is taken by a running stack of another state directory"),
                    format!("name its directory with --state-dir; or {remedy}"),
                ),
                Err(_) => Finding::wrong(
                    format!("{listen} is taken by something that is not this stack"),
                    remedy,
                ),
            }
        }
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

    #[test]
    fn op2_a_clock_that_is_wrong_is_named() {
        for (date_ms, words) in [
            (Some(1_000_000), None),
            (Some(1_029_000), None),
            (Some(1_030_000), Some("30 s ahead of")),
            (Some(-2_600_000), Some("3600 s behind")),
        ] {
            match (clock(date_ms, 1_000_000), words) {
                (Finding::Well(_), None) => {}
                (Finding::Wrong { what, remedy }, Some(words)) => {
                    assert!(what.contains(words), "{what}");
                    assert!(remedy.contains("NTP"), "{remedy}");
                }
                (finding, _) => panic!("{date_ms:?}: {finding:?}"),
            }
        }
        assert!(matches!(clock(None, 1), Finding::NotYet(_)));
    }
}
