//! One health check, and what it changes (RG2).

use bytes::Bytes;
use fleet::{Health, Outcome, ServerState};
use guest::CallError;
use providers::{Reach, Server, reach};
use store::DueAt;
use store::servers::ServerRow;

/// A health answer is not read, but must not be endless.
const ANSWER_BYTES: usize = 64 * 1024;

/// What `GET {url}/health` brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Well,
    Unwell(String),
    /// The deployment's own rules do not allow the call.
    Forbidden(String),
}

pub async fn ask(url: &str, token: Option<&str>) -> Found {
    let request = match providers::health_request(Server { url, token }) {
        Ok(request) => request.map(Bytes::from),
        Err(error) => return Found::Unwell(error.to_string()),
    };
    match guest::call(request, ANSWER_BYTES, fleet::CHECK_TIMEOUT_MS).await {
        Ok(response) if response.status().is_success() => Found::Well,
        Ok(response) => Found::Unwell(format!("health answered {}", response.status())),
        Err(CallError::Connection(error)) => match reach(&error) {
            (Reach::Forbidden, sentence) => Found::Forbidden(sentence),
            (Reach::Unreachable | Reach::Unknown, sentence) => Found::Unwell(sentence),
        },
        Err(error) => Found::Unwell(error.to_string()),
    }
}

impl Found {
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Well => Outcome::Well,
            Self::Unwell(_) | Self::Forbidden(_) => Outcome::Unwell,
        }
    }
    fn error(&self) -> Option<String> {
        match self {
            Self::Well => None,
            Self::Unwell(error) | Self::Forbidden(error) => Some(error.clone()),
        }
    }
}

pub fn health_of(server: &ServerRow) -> Health {
    Health {
        state: ServerState::parse(&server.state).unwrap_or(ServerState::Offline),
        rises: server.rises,
        falls: server.falls,
        changed_at_ms: server.changed_at_ms,
        next_check_at_ms: server.next_check_at_ms,
    }
}

/// When a check is due now.
pub fn due_at(now_ms: i64) -> DueAt {
    DueAt::new(now_ms, fleet::CHECK_LONGEST_MS)
}

/// The row after a check.
pub fn with_health(server: &ServerRow, health: Health, found: &Found, now_ms: i64) -> ServerRow {
    ServerRow {
        state: health.state.as_str().to_owned(),
        rises: health.rises,
        falls: health.falls,
        changed_at_ms: health.changed_at_ms,
        next_check_at_ms: health.next_check_at_ms,
        last_error: found.error(),
        last_seen_at_ms: match found {
            Found::Well => Some(now_ms),
            Found::Unwell(_) | Found::Forbidden(_) => server.last_seen_at_ms,
        },
        ..server.clone()
    }
}

/// Uniform in 0..1.
pub fn jitter() -> f64 {
    f64::from(u32::from_le_bytes(guest::random())) / (f64::from(u32::MAX) + 1.0)
}
