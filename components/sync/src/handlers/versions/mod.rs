//! Versions of a project's document (RM9): list, name, look at, compare, go back.

pub mod catalogue;
pub mod create;
pub mod look;
pub mod restore;

use guest::{Call, Db, access};
use identity::Action;
use problem::{Problem, Slug};
use serde::Serialize;
use store::versions::{self, Version};
use utoipa::ToSchema;

use crate::encoding;

/// A name and perhaps a point: a few hundred bytes.
const BODY_BYTES: usize = 16 * 1024;
/// Characters of a name.
const NAME_CHARACTERS: usize = 200;

/// A version as callers see it.
#[derive(Serialize, ToSchema)]
pub struct VersionView {
    pub id: String,
    /// `named`, or `auto` for one that was made as time passed.
    pub kind: &'static str,
    /// Named versions have it.
    pub name: Option<String>,
    /// Where in the document's history it is: Loro frontiers, in base64.
    pub at: String,
    pub created_by: String,
    pub created_at_ms: i64,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            id: version.id,
            kind: version.kind.as_str(),
            name: version.name,
            at: encoding::base64(&version.frontiers),
            created_by: version.created_by,
            created_at_ms: version.created_at_ms,
        }
    }
}

/// The version that the path names, for a caller who may do this in its project.
async fn named(database: &Db, call: &Call, action: Action) -> Result<Version, Problem> {
    let id = call.param("id");
    access::project(database, call.claims()?, action, id).await?;
    find(database, id, call.param("version")).await
}

async fn find(database: &Db, project: &str, id: &str) -> Result<Version, Problem> {
    versions::find(database, project, id)
        .await
        .map_err(guest::store_failed)?
        .ok_or_else(|| no_version(id))
}

fn no_version(id: &str) -> Problem {
    access::unknown(format!("version {id}"))
}

fn checked_name(name: &str) -> Result<String, Problem> {
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
