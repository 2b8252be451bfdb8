//! Uploads that go on where a connection broke: tus 1.0.0 (AS1). An upload is its maker's own;
//! whatever offset is told is durable.

mod append;
mod create;
mod headers;
mod look;
mod receive;

pub use append::{__path_append, __path_disguised, append, disguised};
pub use create::{__path_abilities, __path_create, abilities, create};
pub use look::{__path_end, __path_look, end, look};

use guest::Db;
use identity::{Action, Claims};
use problem::Problem;
use store::uploads::{self, Kind, UploadRow};

use crate::store_failed;

/// How long an upload waits for its next bytes.
const STAYS_MS: i64 = 24 * 60 * 60 * 1000;

/// An upload of the caller's own, in a project that the caller may still write.
async fn own(database: &Db, claims: &Claims, id: &str) -> Result<UploadRow, Problem> {
    let unknown = || guest::access::unknown(format!("upload {id}"));
    let found = uploads::find(database, id).await.map_err(store_failed)?;
    let upload = found
        .filter(|upload| {
            upload.kind == Kind::Resumable
                && upload.created_by == claims.sub
                && upload.tenant == claims.tenant
                && upload.expires_at_ms > guest::now_ms()
        })
        .ok_or_else(unknown)?;
    guest::access::project(database, claims, Action::WriteProject, &upload.project_id).await?;
    Ok(upload)
}
