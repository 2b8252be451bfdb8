//! Who may see, change and report on which task (GW3, GW9).

use identity::{Action, Claims, may};
use problem::{Problem, Slug};
use store::tasks::TaskRow;
use store::{Database, projects, servers, tasks};

use crate::store_failed;

/// The tenant of a project that the caller may use for `action`; a project that is not the
/// caller's to see does not exist.
pub async fn project_tenant(
    database: &impl Database,
    claims: &Claims,
    action: Action,
    project: &str,
) -> Result<String, Problem> {
    require(claims, action)?;
    let found = projects::find(database, project)
        .await
        .map_err(store_failed)?;
    match found {
        Some(row) if claims.may_see(&row.id, &row.tenant) => Ok(row.tenant),
        Some(_) | None => Err(Problem::new(
            Slug::NotFound,
            format!("there is no project {project}"),
        )),
    }
}

/// A task of a project that the caller may use for `action`.
pub async fn task(
    database: &impl Database,
    claims: &Claims,
    action: Action,
    id: &str,
) -> Result<TaskRow, Problem> {
    require(claims, action)?;
    let found = tasks::find(database, id).await.map_err(store_failed)?;
    match found {
        Some(row) if claims.may_see(&row.project_id, &row.tenant) => Ok(row),
        Some(_) | None => Err(unknown(id)),
    }
}

/// A task on which the caller may report: an admin's own tenant's, or one that is assigned to a
/// server of the caller.
pub async fn own_task(
    database: &impl Database,
    claims: &Claims,
    id: &str,
) -> Result<TaskRow, Problem> {
    require(claims, Action::ManageOwnServer)?;
    let found = tasks::find(database, id).await.map_err(store_failed)?;
    if may(claims, Action::ManageServers) {
        return match found {
            Some(row) if claims.may_see(&row.project_id, &row.tenant) => Ok(row),
            Some(_) | None => Err(unknown(id)),
        };
    }
    // Servers of the operator work for every tenant, so what counts is the assignment alone;
    // and a server does not learn which other tasks exist.
    let foreign = || {
        Problem::new(
            Slug::Forbidden,
            format!("task {id} is not assigned to a server of {}", claims.sub),
        )
    };
    let row = found.ok_or_else(foreign)?;
    let server_id = row.server_id.as_deref().ok_or_else(foreign)?;
    let server = servers::find(database, server_id)
        .await
        .map_err(store_failed)?;
    match server {
        Some(server) if server.owner == claims.sub => Ok(row),
        Some(_) | None => Err(foreign()),
    }
}

pub fn require(claims: &Claims, action: Action) -> Result<(), Problem> {
    match may(claims, action) {
        true => Ok(()),
        false => Err(Problem::new(
            Slug::Forbidden,
            "your role does not allow this",
        )),
    }
}

fn unknown(id: &str) -> Problem {
    Problem::new(Slug::NotFound, format!("there is no task {id}"))
}
