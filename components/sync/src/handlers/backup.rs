//! A project to take away and to bring back (RM14): everything but the bytes of its assets.

use guest::{Answer, Call, access};
use http::{StatusCode, header};
use identity::Action;
use problem::{Problem, Slug};
use rooms::backup::{self, Backup, Taken};
use serde::{Deserialize, Serialize};
use store::assets;
use store::history::Span;
use store::projects::ProjectRow;
use store::versions::{Kind, Version};
use utoipa::ToSchema;

use super::versions::VersionView;
use crate::outside::Outside;
use crate::state::{Lent, warm};
use crate::{after, encoding, rooms_failed};

/// The format that is written and read.
const FORMAT: u32 = 1;
/// A backup as JSON: a document of forty megabytes, which fills an instance's memory when it is open.
const BACKUP_BYTES: usize = 64 * 1024 * 1024;
/// Assets read at once.
const PAGE: i64 = 4_096;

/// A project without the bytes of its assets and without its tasks
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectBackup {
    /// 1.
    format: u32,
    project: ProjectOfBackup,
    made_at_ms: i64,
    /// The document with its whole history: a Loro snapshot in base64.
    document: String,
    /// A Loro update in base64: what waits for its dependencies.
    pending: Option<String>,
    /// The document's version vector in base64.
    version: String,
    versions: Vec<VersionOfBackup>,
    /// Who wrote which operations.
    #[schema(value_type = Vec<SpanOfBackup>)]
    history: Vec<Span>,
    /// The project's assets. Nothing is done with them when a backup is brought back: their bytes are
    /// uploaded.
    #[serde(default)]
    assets: Vec<AssetOfBackup>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectOfBackup {
    id: String,
    name: String,
    created_at_ms: i64,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VersionOfBackup {
    id: String,
    /// `auto` or `named`.
    kind: String,
    name: Option<String>,
    /// Loro frontiers in base64.
    at: String,
    created_by: String,
    created_at_ms: i64,
}

/// Operations [from, to) of a Loro peer.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes what store::history::Span writes")]
struct SpanOfBackup {
    peer: String,
    from: i32,
    to: i32,
    actor: String,
    first_at_ms: i64,
    last_at_ms: i64,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AssetOfBackup {
    /// The sha256 of its bytes in hex.
    id: String,
    media_type: String,
    size: i64,
}

#[derive(Serialize, ToSchema)]
struct RestoredProject {
    project: String,
    /// The document's version vector as it was in the backup, in base64.
    version: String,
    versions: usize,
}

/// Back up a project
///
/// The document with its whole history, its versions, who wrote what, and the list of its assets,
/// all of one moment. The assets' bytes are downloaded one by one; `clash backup` makes one file of
/// everything. Tasks, members and the audit log are not in it.
#[utoipa::path(get, path = "/api/projects/{id}/backup", operation_id = "backUpProject", tag = "history",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The project", body = ProjectBackup)))]
pub async fn give(call: Call) -> Answer {
    let id = call.param("id");
    let database = Lent::take().await?;
    let project = access::project(&*database, call.claims()?, Action::BackUpProject, id).await?;
    let given = backup::give(&*database, &warm(), &Outside::default(), id)
        .await
        .map_err(rooms_failed)?
        .ok_or_else(|| access::unknown(format!("project {id}")))?;
    let assets = all_assets(&database, id).await?;
    database.give_back();
    let body = written(project, given, assets);
    let mut response = guest::json(StatusCode::OK, &body);
    let name = format!("attachment; filename=\"{id}.json\"");
    if let Ok(name) = name.parse() {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Make a project of a backup
///
/// The project exists and its room was never written. Everything is restored or nothing. Then media
/// get the name that they have in this project, and nodes that waited for a task are idle: that is an
/// edit of the caller.
#[utoipa::path(post, path = "/api/projects/{id}/restore", operation_id = "restoreProject", tag = "history",
    params(("id" = String, Path, description = "The project's id")),
    request_body = ProjectBackup,
    responses(
        (status = 200, description = "Restored", body = RestoredProject),
        (status = 409, description = "The project's room was written before"),
        (status = 422, description = "It is no whole backup; the detail names the part")))]
pub async fn take(call: Call) -> Answer {
    let id = call.param("id").to_owned();
    let claims = call.claims()?.clone();
    let database = Lent::take().await?;
    access::project(&*database, &claims, Action::BackUpProject, &id).await?;
    let body: ProjectBackup = call.json(BACKUP_BYTES).await?;
    let from = body.project.id.clone();
    let checked = backup::check(read(body)?).map_err(|wrong| unprocessable(wrong.to_string()))?;
    let version = encoding::base64(&checked.backup.version);
    let versions = checked.backup.versions.len();
    let now_ms = guest::now_ms();
    let taken = backup::take(&*database, &id, checked, &from, &claims.sub, now_ms)
        .await
        .map_err(rooms_failed)?;
    database.give_back();
    match taken {
        Taken::Made(head_seq) => after::changed(id.clone(), head_seq),
        Taken::NotEmpty => {
            let detail = format!("project {id} was written before; restore into a new one");
            return Err(Problem::new(Slug::Conflict, detail));
        }
        Taken::NoProject => return Err(access::unknown(format!("project {id}"))),
    }
    let body = RestoredProject {
        project: id,
        version,
        versions,
    };
    Ok(guest::json(StatusCode::OK, &body))
}

async fn all_assets(database: &Lent, project: &str) -> Result<Vec<AssetOfBackup>, Problem> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = assets::list(&**database, project, after.as_ref(), PAGE)
            .await
            .map_err(guest::store_failed)?;
        let is_last = (page.len() as i64) < PAGE;
        after = page.last().map(|row| (row.created_at_ms, row.id.clone()));
        all.extend(page.into_iter().map(|row| AssetOfBackup {
            id: row.id,
            media_type: row.media_type,
            size: row.size,
        }));
        if is_last {
            return Ok(all);
        }
    }
}

fn written(project: ProjectRow, given: Backup, assets: Vec<AssetOfBackup>) -> ProjectBackup {
    let versions = given.versions.into_iter().map(VersionView::from);
    ProjectBackup {
        format: FORMAT,
        project: ProjectOfBackup {
            id: project.id,
            name: project.name,
            created_at_ms: project.created_at_ms,
        },
        made_at_ms: guest::now_ms(),
        document: encoding::base64(&given.document),
        pending: given.pending.as_deref().map(encoding::base64),
        version: encoding::base64(&given.version),
        versions: versions
            .map(|version| VersionOfBackup {
                id: version.id,
                kind: version.kind.to_owned(),
                name: version.name,
                at: version.at,
                created_by: version.created_by,
                created_at_ms: version.created_at_ms,
            })
            .collect(),
        history: given.spans,
        assets,
    }
}

fn read(body: ProjectBackup) -> Result<Backup, Problem> {
    if body.format != FORMAT {
        let detail = format!("format: {}, but only {FORMAT} can be read", body.format);
        return Err(unprocessable(detail));
    }
    let bytes = |name: &str, text: &str| {
        encoding::from_base64(text).ok_or_else(|| unprocessable(format!("{name}: not base64")))
    };
    let mut versions = Vec::with_capacity(body.versions.len());
    for (at, version) in body.versions.into_iter().enumerate() {
        let name = format!("versions[{at}]");
        versions.push(Version {
            kind: Kind::parse(&version.kind)
                .ok_or_else(|| unprocessable(format!("{name}: of an unknown kind")))?,
            frontiers: bytes(&name, &version.at)?,
            id: version.id,
            name: version.name,
            // The log begins anew.
            seq: 1,
            created_by: version.created_by,
            created_at_ms: version.created_at_ms,
        });
    }
    Ok(Backup {
        document: bytes("document", &body.document)?,
        pending: match &body.pending {
            Some(pending) => Some(bytes("pending", pending)?),
            None => None,
        },
        version: bytes("version", &body.version)?,
        versions,
        spans: body.history,
    })
}

fn unprocessable(detail: String) -> Problem {
    Problem::new(Slug::Unprocessable, detail)
}
