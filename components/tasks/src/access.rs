//! Who may see, change and report on which task (GW3, GW9).

use guest::access;
use identity::{Action, Claims, Object, Role};
use problem::{Problem, Slug};
use store::tasks::TaskRow;
use store::{Database, tasks};

use crate::store_failed;

/// A task of a project that the caller may use for `action`.
pub async fn task(
    database: &impl Database,
    claims: &Claims,
    action: Action,
    id: &str,
) -> Result<TaskRow, Problem> {
    let found = tasks::find(database, id).await.map_err(store_failed)?;
    let row = found.ok_or_else(|| unknown(id))?;
    let what = || format!("task {id}");
    access::in_project(database, claims, action, &row.project_id, &row.tenant, what).await?;
    Ok(row)
}

/// A task on which the caller may report: an admin's own tenant's, or one that is assigned to a
/// server of the caller.
pub async fn own_task(
    database: &impl Database,
    claims: &Claims,
    id: &str,
) -> Result<TaskRow, Problem> {
    access::in_tenant(claims, Action::ManageOwnServer)?;
    let found = tasks::find_for_report(database, id)
        .await
        .map_err(store_failed)?;
    if matches!(claims.role, Role::Admin | Role::Service) {
        let (row, _) = found.ok_or_else(|| unknown(id))?;
        let what = || format!("task {id}");
        let action = Action::ManageServers;
        access::in_project(database, claims, action, &row.project_id, &row.tenant, what).await?;
        return Ok(row);
    }
    // Servers of the operator work for every tenant, so what counts is the assignment alone;
    // and a server does not learn which other tasks exist.
    let foreign = || {
        Problem::new(
            Slug::Forbidden,
            format!("task {id} is not assigned to a server of {}", claims.sub),
        )
    };
    let (row, owner) = found.ok_or_else(foreign)?;
    let object = Object::Server {
        tenant: &claims.tenant,
        owner: &owner.ok_or_else(foreign)?,
    };
    match identity::may(claims, Action::ManageOwnServer, object) {
        Ok(()) => Ok(row),
        Err(_) => Err(foreign()),
    }
}

fn unknown(id: &str) -> Problem {
    access::unknown(format!("task {id}"))
}
