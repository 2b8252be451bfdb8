//! One line of log for each request (GW12), and the audit log of what changed something (GW11).

use guest::{Db, Request, store_failed};
use http::{Method, StatusCode};
use identity::Claims;
use problem::Problem;
use serde_json::json;
use store::audit::{self, Entry};

use super::visit::Visit;

/// Paths are cut in the logs.
const PATH_BYTES: usize = 256;

/// What a request is about, for the audit log.
pub struct Deed {
    action: String,
    object: String,
    project: Option<String>,
}

impl Deed {
    /// Of a request that may change something.
    pub fn of(request: &Request) -> Option<Self> {
        if matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        ) {
            return None;
        }
        let path = request.uri().path();
        let named = match guest::path_segments(path).as_slice() {
            ["api", "projects", id, ..] => Some((*id).to_owned()),
            _ => guest::query(request.uri(), "project").map(|project| project.into_owned()),
        };
        Some(Self {
            action: request.method().to_string(),
            object: cut(path),
            project: named,
        })
    }
}

/// Writes the deed down, if it was done or refused for who asked. Others changed nothing.
pub async fn audit(
    claims: &Claims,
    deed: Deed,
    status: StatusCode,
    location: Option<&str>,
    visit: &Visit,
) -> Result<(), Problem> {
    if !status.is_success() && status != StatusCode::FORBIDDEN {
        return Ok(());
    }
    let role = json!(claims.role);
    let entry = Entry {
        seq: 0,
        tenant: claims.tenant.clone(),
        sub: claims.sub.clone(),
        role: role.as_str().unwrap_or_default().to_owned(),
        action: deed.action,
        object: location.map_or(deed.object, cut),
        project_id: deed.project,
        status: i64::from(status.as_u16()),
        request_id: visit.request_id.clone(),
        at_ms: guest::now_ms(),
    };
    let database = Db::open().await.map_err(store_failed)?;
    audit::insert(&database, &entry).await.map_err(store_failed)
}

/// The line of log: no query (it may hold a signature), no body, no token.
pub fn log(visit: &Visit, claims: Option<&Claims>, status: StatusCode) {
    let line = json!({
        "level": "info",
        "what": "request",
        "at_ms": visit.began_at_ms,
        "method": visit.method.as_str(),
        "path": shown(&visit.path),
        "status": status.as_u16(),
        "duration_ms": guest::now_ms() - visit.began_at_ms,
        "sub": claims.map(|claims| &claims.sub),
        "tenant": claims.map(|claims| &claims.tenant),
        "role": claims.map(|claims| claims.role),
        "client": visit.client,
        "request_id": visit.request_id,
        "trace_id": visit.trace.id,
    });
    println!("{line}");
}

/// The path, without what in it lets somebody in.
fn shown(path: &str) -> String {
    match guest::path_segments(path).as_slice() {
        ["enter", ..] => "/enter/…".to_owned(),
        _ => cut(path),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(PATH_BYTES) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
