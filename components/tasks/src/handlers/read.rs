//! `GET /api/tasks`, `GET /api/tasks/{id}` (TK4).

use dispatch::StateName;
use guest::{Request, Response};
use http::StatusCode;
use identity::{Action, Role};
use problem::{Problem, Slug};
use serde_json::{Value, json};
use store::tasks;

use crate::view::view;
use crate::world::Platform;
use crate::{access, store_failed};

const LIMIT: i64 = 100;
const LIMIT_MAX: i64 = 1000;

pub async fn get(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    let platform = Platform::open().await?;
    let row = access::task(&platform.database, &claims, Action::ReadProject, id).await?;
    Ok(guest::json(StatusCode::OK, &view(&row, &platform.world)))
}

/// The newest first, narrowed by `project` and `state`.
pub async fn list(request: Request) -> Result<Response, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    access::require(&claims, Action::ReadProject)?;
    let uri = request.uri();
    let wrong = |what: &str| Problem::new(Slug::BadRequest, what);
    let state = match guest::query(uri, "state") {
        Some(text) => Some(
            StateName::parse(&text)
                .ok_or_else(|| wrong("state: unknown"))?
                .as_str(),
        ),
        None => None,
    };
    let limit = match guest::query(uri, "limit") {
        Some(text) => text
            .parse::<i64>()
            .ok()
            .filter(|limit| (1..=LIMIT_MAX).contains(limit)),
        None => Some(LIMIT),
    };
    let limit = limit.ok_or_else(|| wrong("limit: 1 to 1000"))?;
    let project = guest::query(uri, "project");
    let platform = Platform::open().await?;
    if let Some(project) = &project {
        access::project_tenant(&platform.database, &claims, Action::ReadProject, project).await?;
    }
    let tenant = (claims.role != Role::Service).then_some(claims.tenant.as_str());
    let rows = tasks::list(&platform.database, tenant, project.as_deref(), state, limit)
        .await
        .map_err(store_failed)?;
    let tasks: Vec<Value> = rows
        .iter()
        .filter(|row| claims.may_see(&row.project_id, &row.tenant))
        .map(|row| view(row, &platform.world))
        .collect();
    Ok(guest::json(StatusCode::OK, &json!({"tasks": tasks})))
}
