//! Projects: create, list, read, rename, delete.

use guest::{Db, Request, Response};
use http::StatusCode;
use identity::{Action, Claims, may};
use problem::{Problem, Slug};
use protocol::ProjectId;
use serde::{Deserialize, Serialize};
use store::projects::{self, ProjectRow};

use crate::store_failed;

/// A project's JSON is a few hundred bytes.
const BODY_BYTES: usize = 16 * 1024;
/// Characters of a name.
const NAME_CHARACTERS: usize = 200;
/// Projects in one listing; cursors come with the entrance's full conventions.
const LIST_LIMIT: i64 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    id: Option<ProjectId>,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    name: String,
}

#[derive(Serialize)]
struct Project {
    id: String,
    name: String,
    tenant: String,
    created_at_ms: i64,
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            tenant: row.tenant,
            created_at_ms: row.created_at_ms,
        }
    }
}

pub async fn create(request: Request) -> Result<Response, Problem> {
    let claims = allowed(&request, Action::CreateProject).await?;
    let body: Create = guest::read_json(request, BODY_BYTES).await?;
    let id = match body.id {
        Some(id) => id.as_str().to_owned(),
        None => guest::new_id("p").replace('_', "-"),
    };
    // A token that names its projects makes only those.
    if !claims.may_see(&id, &claims.tenant) {
        return Err(Problem::new(
            Slug::Forbidden,
            format!("the token does not open project {id}"),
        ));
    }
    let project = ProjectRow {
        id,
        tenant: claims.tenant,
        name: checked_name(body.name)?,
        created_by: claims.sub,
        created_at_ms: guest::now_ms(),
    };
    let database = Db::open().await.map_err(store_failed)?;
    if !projects::insert(&database, &project)
        .await
        .map_err(store_failed)?
    {
        return Err(Problem::new(
            Slug::Conflict,
            format!("the project id {} is taken", project.id),
        ));
    }
    let location = format!("/api/projects/{}", project.id);
    let mut response = guest::json(StatusCode::CREATED, &Project::from(project));
    if let Ok(location) = location.parse() {
        response
            .headers_mut()
            .insert(http::header::LOCATION, location);
    }
    Ok(response)
}

pub async fn list(request: Request) -> Result<Response, Problem> {
    let claims = allowed(&request, Action::ReadProject).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let rows = projects::list(
        &database,
        &claims.tenant,
        claims.projects.as_deref(),
        LIST_LIMIT,
    )
    .await
    .map_err(store_failed)?;
    let projects: Vec<Project> = rows.into_iter().map(Project::from).collect();
    Ok(guest::json(
        StatusCode::OK,
        &serde_json::json!({ "projects": projects }),
    ))
}

pub async fn get(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = allowed(&request, Action::ReadProject).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let project = find(&database, &claims, id).await?;
    Ok(guest::json(StatusCode::OK, &Project::from(project)))
}

pub async fn rename(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = allowed(&request, Action::WriteProject).await?;
    let body: Rename = guest::read_json(request, BODY_BYTES).await?;
    let name = checked_name(body.name)?;
    let database = Db::open().await.map_err(store_failed)?;
    let mut project = find(&database, &claims, id).await?;
    if !projects::rename(&database, id, &name)
        .await
        .map_err(store_failed)?
    {
        return Err(no_project(id));
    }
    project.name = name;
    Ok(guest::json(StatusCode::OK, &Project::from(project)))
}

pub async fn delete(request: Request, id: &str) -> Result<Response, Problem> {
    let claims = allowed(&request, Action::DeleteProject).await?;
    let database = Db::open().await.map_err(store_failed)?;
    find(&database, &claims, id).await?;
    if !projects::delete(&database, id)
        .await
        .map_err(store_failed)?
    {
        return Err(no_project(id));
    }
    Ok(guest::empty(StatusCode::NO_CONTENT))
}

/// The project, if it exists and is this principal's to see; 404 in every other case (GW9).
pub async fn find(database: &Db, claims: &Claims, id: &str) -> Result<ProjectRow, Problem> {
    let project = projects::find(database, id).await.map_err(store_failed)?;
    project
        .filter(|project| claims.may_see(&project.id, &project.tenant))
        .ok_or_else(|| no_project(id))
}

async fn allowed(request: &Request, action: Action) -> Result<Claims, Problem> {
    let claims = guest::authenticate(request.headers()).await?;
    if may(&claims, action) {
        Ok(claims)
    } else {
        Err(Problem::new(
            Slug::Forbidden,
            "your role does not allow this",
        ))
    }
}

fn checked_name(name: String) -> Result<String, Problem> {
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

fn no_project(id: &str) -> Problem {
    Problem::new(Slug::NotFound, format!("there is no project {id}"))
}
