//! Projects: create, list, read, rename, delete.

use guest::{Answer, Call, Db, Page, access};
use http::StatusCode;
use identity::{Action, Object, Role};
use problem::{Problem, Slug};
use protocol::ProjectId;
use serde::{Deserialize, Serialize};
use store::projects::{self, ProjectRow};
use utoipa::ToSchema;

use crate::store_failed;

/// A project's JSON is a few hundred bytes.
const BODY_BYTES: usize = 16 * 1024;
/// Characters of a name.
const NAME_CHARACTERS: usize = 200;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProject {
    /// 1 to 128 of a-z, 0-9, `-` and `_`; one is made when it is left out.
    #[schema(value_type = Option<String>)]
    id: Option<ProjectId>,
    /// 1 to 200 characters.
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectChange {
    /// 1 to 200 characters.
    name: String,
}

#[derive(Serialize, ToSchema)]
struct Project {
    id: String,
    name: String,
    tenant: String,
    created_by: String,
    created_at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct ProjectList {
    projects: Vec<Project>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            tenant: row.tenant,
            created_by: row.created_by,
            created_at_ms: row.created_at_ms,
        }
    }
}

/// Create a project, and its room
///
/// Whoever creates it is its first member, as its admin.
#[utoipa::path(post, path = "/api/projects", operation_id = "createProject", tag = "projects",
    request_body = NewProject,
    responses(
        (status = 201, description = "Created", body = Project),
        (status = 409, description = "The id is taken")))]
pub async fn create(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    access::in_tenant(&claims, Action::CreateProject)?;
    let own_id = call.new_id("p").replace('_', "-");
    let may_be_repeated = call.may_be_repeated();
    let body: NewProject = call.json(BODY_BYTES).await?;
    let id = body.id.map_or(own_id, |id| id.as_str().to_owned());
    // A token that names its projects makes only those.
    let object = Object::Project {
        id: &id,
        tenant: &claims.tenant,
        membership: Some(Role::Admin),
    };
    if identity::may(&claims, Action::ReadProject, object).is_err() {
        return Err(Problem::new(
            Slug::Forbidden,
            format!("the token does not open project {id}"),
        ));
    }
    let project = ProjectRow {
        id,
        tenant: claims.tenant.clone(),
        name: checked_name(body.name)?,
        created_by: claims.sub.clone(),
        created_at_ms: guest::now_ms(),
    };
    let database = Db::open().await.map_err(store_failed)?;
    let project = if projects::insert(&database, &project)
        .await
        .map_err(store_failed)?
    {
        project
    } else {
        // The first try of the same request may have made it.
        let found = projects::find(&database, &project.id)
            .await
            .map_err(store_failed)?;
        let own = found.filter(|found| {
            may_be_repeated
                && found.tenant == project.tenant
                && found.created_by == project.created_by
                && found.name == project.name
        });
        own.ok_or_else(|| {
            Problem::new(
                Slug::Conflict,
                format!("the project id {} is taken", project.id),
            )
        })?
    };
    let location = format!("/api/projects/{}", project.id);
    let mut response = guest::json(StatusCode::CREATED, &Project::from(project));
    if let Ok(location) = location.parse() {
        response
            .headers_mut()
            .insert(http::header::LOCATION, location);
    }
    Ok(response)
}

/// List projects, the oldest first
#[utoipa::path(get, path = "/api/projects", operation_id = "listProjects", tag = "projects",
    params(
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "Projects that the caller may see", body = ProjectList)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    access::in_tenant(claims, Action::ReadProject)?;
    let page = Page::of(&call)?;
    let only = projects::Only {
        tenant: &claims.tenant,
        listed: claims.projects.as_deref(),
        member: (claims.member && claims.role != Role::Admin).then_some(claims.sub.as_str()),
    };
    let database = Db::open().await.map_err(store_failed)?;
    let rows = projects::list(&database, only, page.cursor.as_ref(), page.limit + 1)
        .await
        .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.id.clone()));
    let projects = rows.into_iter().map(Project::from).collect();
    let list = ProjectList {
        projects,
        next_cursor,
    };
    Ok(guest::json(StatusCode::OK, &list))
}

/// Show a project
#[utoipa::path(get, path = "/api/projects/{id}", operation_id = "getProject", tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The project", body = Project)))]
pub async fn get(call: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let (claims, id) = (call.claims()?, call.param("id"));
    let project = access::project(&database, claims, Action::ReadProject, id).await?;
    guest::etagged(&call, &Project::from(project))
}

/// Rename a project
///
/// With `If-Match`, only the version that the caller knows is renamed.
#[utoipa::path(patch, path = "/api/projects/{id}", operation_id = "renameProject", tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    request_body = ProjectChange,
    responses(
        (status = 200, description = "The project as it is now", body = Project),
        (status = 412, description = "It is no longer the version of If-Match")))]
pub async fn rename(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    let id = call.param("id").to_owned();
    let database = Db::open().await.map_err(store_failed)?;
    let action = Action::WriteProject;
    let project = access::project(&database, &claims, action, &id).await?;
    let before = project.name.clone();
    guest::require_match(&call, &Project::from(project))?;
    let body: ProjectChange = call.json(BODY_BYTES).await?;
    let name = checked_name(body.name)?;
    if !projects::rename(&database, &id, &before, &name)
        .await
        .map_err(store_failed)?
    {
        return Err(Problem::new(
            Slug::Conflict,
            format!("project {id} was changed by somebody else at this moment"),
        ));
    }
    let project = access::project(&database, &claims, action, &id).await?;
    Ok(guest::json(StatusCode::OK, &Project::from(project)))
}

/// Delete a project, with its room, tasks and assets
#[utoipa::path(delete, path = "/api/projects/{id}", operation_id = "deleteProject", tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 204, description = "It is gone")))]
pub async fn delete(call: Call) -> Answer {
    let database = Db::open().await.map_err(store_failed)?;
    let (claims, id) = (call.claims()?, call.param("id"));
    access::project(&database, claims, Action::DeleteProject, id).await?;
    if !projects::delete(&database, id)
        .await
        .map_err(store_failed)?
    {
        return Err(access::unknown(format!("project {id}")));
    }
    guest::edge::rights_moved();
    Ok(guest::empty(StatusCode::NO_CONTENT))
}

pub fn checked_name(name: String) -> Result<String, Problem> {
    let name = name.trim();
    let characters = name.chars().count();
    if characters == 0 || characters > NAME_CHARACTERS || name.chars().any(char::is_control) {
        let detail = format!(
            "name must have 1 to {NAME_CHARACTERS} characters, none of them a control character"
        );
        return Err(Problem::new(Slug::BadRequest, detail));
    }
    Ok(name.to_owned())
}
