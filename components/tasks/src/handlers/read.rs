//! `GET /api/tasks`, `GET /api/tasks/{id}` (TK4).

use guest::{Answer, Call};
use http::StatusCode;
use identity::{Action, Role};
use serde::Serialize;
use store::tasks;
use utoipa::ToSchema;

use crate::filters::Filters;
use crate::view::{Task, view};
use crate::world::Platform;
use crate::{access, store_failed};

#[derive(Serialize, ToSchema)]
struct TaskList {
    tasks: Vec<Task>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Show a task
#[utoipa::path(get, path = "/api/tasks/{id}", operation_id = "getTask", tag = "tasks",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, description = "The task", body = Task)))]
pub async fn get(call: Call) -> Answer {
    let platform = Platform::open().await?;
    let (claims, id) = (call.claims()?, call.param("id"));
    let row = access::task(&platform.database, claims, Action::ReadProject, id).await?;
    Ok(guest::json(StatusCode::OK, &view(&row, &platform.world)))
}

/// List tasks, the newest first
#[utoipa::path(get, path = "/api/tasks", operation_id = "listTasks", tag = "tasks",
    params(
        ("project" = Option<String>, Query, description = "Only those of this project"),
        ("state" = Option<String>, Query, description = "Only those in this state"),
        ("kind" = Option<String>, Query, description = "Only those of this kind"),
        ("class" = Option<String>, Query, description = "Only those whose error is of this class"),
        ("node" = Option<String>, Query, description = "Only those of this node"),
        ("since_ms" = Option<i64>, Query, description = "Only those that ended at this time or later"),
        ("until_ms" = Option<i64>, Query, description = "Only those that ended before this time"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "Tasks of projects that the caller may see", body = TaskList)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    guest::access::in_tenant(claims, Action::ReadProject)?;
    let filters = Filters::of(&call)?;
    let page = guest::Page::of(&call)?;
    let platform = Platform::open().await?;
    let database = &platform.database;
    if let Some(project) = &filters.project {
        guest::access::project(database, claims, Action::ReadProject, project).await?;
    }
    let only = tasks::Only {
        tenant: (claims.role != Role::Service).then_some(claims.tenant.as_str()),
        projects: claims.projects.as_deref(),
        member: (claims.member && claims.role != Role::Admin).then_some(claims.sub.as_str()),
        ..filters.only()
    };
    let rows = tasks::list(database, only, page.cursor.as_ref(), page.limit + 1)
        .await
        .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.id.clone()));
    let tasks = rows.iter().map(|row| view(row, &platform.world)).collect();
    Ok(guest::json(
        StatusCode::OK,
        &TaskList { tasks, next_cursor },
    ))
}
