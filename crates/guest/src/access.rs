//! Loads what somebody wants to use, and asks whether they may (GW3, GW9).

use identity::{Action, Claims, Denial, Object, Role, may};
use problem::{Problem, Slug};
use store::members::Circle;
use store::projects::{self, ProjectRow};
use store::{Database, StoreError, members};

use crate::store_failed;

/// The answer to a denial; `what` names the thing as in "there is no project p1".
pub fn allow(
    claims: &Claims,
    action: Action,
    object: Object<'_>,
    what: impl FnOnce() -> String,
) -> Result<(), Problem> {
    may(claims, action, object).map_err(|denial| match denial {
        Denial::Hidden => unknown(what()),
        Denial::Forbidden => Problem::new(Slug::Forbidden, "your role does not allow this"),
    })
}

/// Asks for something of the caller's own tenant as a whole.
pub fn in_tenant(claims: &Claims, action: Action) -> Result<(), Problem> {
    allow(claims, action, Object::Tenant(&claims.tenant), || {
        format!("tenant {}", claims.tenant)
    })
}

/// The project, if it exists and is the caller's to see (404 in every other case), and the caller
/// may do this to it.
pub async fn project(
    database: &impl Database,
    claims: &Claims,
    action: Action,
    id: &str,
) -> Result<ProjectRow, Problem> {
    let found = projects::find(database, id).await.map_err(store_failed)?;
    let project = found.ok_or_else(|| unknown(format!("project {id}")))?;
    let what = || format!("project {id}");
    in_project(database, claims, action, id, &project.tenant, what).await?;
    Ok(project)
}

/// Asks for something in a project whose tenant is known.
pub async fn in_project(
    database: &impl Database,
    claims: &Claims,
    action: Action,
    project: &str,
    tenant: &str,
    what: impl FnOnce() -> String,
) -> Result<(), Problem> {
    let membership = membership(database, claims, project)
        .await
        .map_err(store_failed)?;
    let object = Object::Project {
        id: project,
        tenant,
        membership,
    };
    allow(claims, action, object, what)
}

/// The caller's own role in a project, where that is what counts.
pub async fn membership(
    database: &impl Database,
    claims: &Claims,
    project: &str,
) -> Result<Option<Role>, StoreError> {
    if !claims.member {
        return Ok(None);
    }
    let role = members::role(database, Circle::Project(project), &claims.sub).await?;
    Ok(role.and_then(|role| role.parse().ok()))
}

/// 404, in the same words for what is not there and for what is not the caller's.
pub fn unknown(what: impl std::fmt::Display) -> Problem {
    Problem::new(Slug::NotFound, format!("there is no {what}"))
}
