//! `POST /api/assets`: a file in one request (AS1). Nobody sees anything of it before its end.

use bytes::Bytes;
use guest::{Answer, Call, Db};
use http::{HeaderValue, StatusCode, header};
use identity::Action;
use media::digest::Sha256;
use media::sniff;
use problem::{Problem, Slug};
use store::assets::AssetRow;
use store::projects::ProjectRow;
use store::uploads::{self, Finished, Kind, UploadRow};

use super::catalogue::project_of;
use crate::body::Incoming;
use crate::intake::{HELD_BYTES, Intake, overtaken};
use crate::settings::settings;
use crate::view::{Asset, src};
use crate::{after, store_failed};

/// An upload in one request that writes nothing for this long has lost its writer.
const STAYS_MS: i64 = 60 * 60 * 1000;

/// Upload a file in one request
///
/// The body is the file itself, or a form whose first file it is. Its media type is told by its
/// bytes. Larger files go by `/api/uploads`, which goes on where a connection broke.
#[utoipa::path(post, path = "/api/assets", operation_id = "uploadAsset", tag = "assets",
    params(("project" = String, Query, description = "The project that it will belong to")),
    request_body(content((Vec<u8> = "application/octet-stream"), (Vec<u8> = "multipart/form-data"))),
    responses(
        (status = 201, description = "The project has a new asset", body = Asset),
        (status = 200, description = "The project had these bytes already", body = Asset)))]
pub async fn upload(call: Call) -> Answer {
    let project = project_of(&call)?;
    let claims = call.claims()?.clone();
    let settings = settings().await?;
    let database = Db::open().await.map_err(store_failed)?;
    let project =
        guest::access::project(&database, &claims, Action::WriteProject, &project).await?;
    let limit = settings.max_upload_bytes;
    let is_form = call
        .request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"multipart/"));
    let length = call.request.headers().get(header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    if !is_form && length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let incoming = Incoming::file(call.request, limit).await?;
    let taken = take(&database, &project, &claims.sub, incoming, limit).await?;
    let tenant = project.tenant.clone();
    let (row, finished) = show(&database, &project.id, &claims.sub, taken).await?;
    let status = match finished {
        Finished::Created => StatusCode::CREATED,
        Finished::Known => StatusCode::OK,
        Finished::Overtaken => return Err(overtaken()),
        Finished::NoProject => {
            return Err(guest::access::unknown(format!("project {}", project.id)));
        }
    };
    after::work_on(tenant, row.id.clone());
    let location = src(&row.project_id, &row.id).replacen("/assets/", "/api/assets/", 1);
    let mut response = guest::json(status, &Asset::from(row));
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A file that came to its end.
struct Taken {
    size: i64,
    media_type: &'static str,
    kept: Kept,
}

enum Kept {
    Held(Vec<u8>),
    Written { upload_id: String, intake: Intake },
}

/// Reads the file to its end; what is left of one that is refused or cut off is removed by tick.
async fn take(
    database: &Db,
    project: &ProjectRow,
    sub: &str,
    mut incoming: Incoming,
    limit: u64,
) -> Result<Taken, Problem> {
    let mut held: Vec<u8> = Vec::new();
    let mut written: Option<(String, Intake)> = None;
    let mut media_type = None;
    let mut size: u64 = 0;
    let outcome = loop {
        let piece = match incoming.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break Ok(()),
            Err(stop) => break Err(Problem::from(stop)),
        };
        size += piece.len() as u64;
        if size > limit {
            break Err(too_large(limit));
        }
        if let Err(problem) = keep(database, project, sub, &mut held, &mut written, &piece).await {
            break Err(problem);
        }
        if media_type.is_none() && written.is_none() && held.len() >= sniff::NEEDED_BYTES {
            media_type = Some(sniff::media_type(&held));
        }
    };
    if outcome.is_ok() && size == 0 {
        return Err(Problem::new(Slug::BadRequest, "an empty file is no asset"));
    }
    let kept = match (outcome, written) {
        (Ok(()), None) => Kept::Held(held),
        (Ok(()), Some((upload_id, mut intake))) => {
            intake.flush(database).await?;
            Kept::Written { upload_id, intake }
        }
        (Err(problem), written) => {
            if let Some((upload_id, _)) = written {
                uploads::end(database, &upload_id)
                    .await
                    .map_err(store_failed)?;
            }
            return Err(problem);
        }
    };
    let media_type = match (&kept, media_type) {
        (_, Some(media_type)) => media_type,
        (Kept::Held(bytes), None) => sniff::media_type(bytes),
        // A first piece that was larger than what is held.
        (Kept::Written { upload_id, .. }, None) => {
            let head = uploads::first_bytes(database, upload_id, sniff::NEEDED_BYTES)
                .await
                .map_err(store_failed)?;
            sniff::media_type(&head)
        }
    };
    Ok(Taken {
        size: i64::try_from(size).unwrap_or(i64::MAX),
        media_type,
        kept,
    })
}

/// Holds small files; a larger one becomes an upload of its own, which others do not see.
async fn keep(
    database: &Db,
    project: &ProjectRow,
    sub: &str,
    held: &mut Vec<u8>,
    written: &mut Option<(String, Intake)>,
    piece: &Bytes,
) -> Result<(), Problem> {
    if let Some((_, intake)) = written {
        return intake.take(database, piece).await;
    }
    held.extend_from_slice(piece);
    if held.len() < HELD_BYTES {
        return Ok(());
    }
    let now_ms = guest::now_ms();
    let upload = UploadRow {
        id: guest::new_id("u"),
        kind: Kind::Whole,
        project_id: project.id.clone(),
        tenant: project.tenant.clone(),
        created_by: sub.to_owned(),
        length: None,
        received: 0,
        hash: None,
        metadata: String::new(),
        sha256: None,
        asset_id: None,
        created_at_ms: now_ms,
        expires_at_ms: now_ms + STAYS_MS,
    };
    uploads::insert(database, &upload)
        .await
        .map_err(store_failed)?;
    let intake = Intake::begin(database, &upload, STAYS_MS, true).await?;
    let (_, intake) = written.insert((upload.id, intake));
    intake.take(database, held).await?;
    held.clear();
    Ok(())
}

/// Makes it visible.
async fn show(
    database: &Db,
    project: &str,
    sub: &str,
    taken: Taken,
) -> Result<(AssetRow, Finished), Problem> {
    let now_ms = guest::now_ms();
    let row = |id: String| AssetRow {
        project_id: project.to_owned(),
        id,
        media_type: taken.media_type.to_owned(),
        size: taken.size,
        created_by: sub.to_owned(),
        created_at_ms: now_ms,
    };
    let (row, finished) = match taken.kept {
        Kept::Held(bytes) => {
            let mut hash = Sha256::default();
            hash.update(&bytes);
            let row = row(hash.hex());
            let bytes = uploads::Bytes::Held(&bytes);
            let finished = uploads::finish(database, &row, bytes, 0).await;
            (row, finished.map_err(store_failed)?)
        }
        Kept::Written { upload_id, intake } => {
            let row = row(intake.hash.hex());
            let bytes = uploads::Bytes::Chunks {
                upload_id: &upload_id,
                writer: intake.writer.name(),
            };
            // Nobody asks for this upload again: its row goes with the next tick.
            let finished = uploads::finish(database, &row, bytes, 0).await;
            (row, finished.map_err(store_failed)?)
        }
    };
    let known = match finished {
        Finished::Known => store::assets::find(database, project, &row.id)
            .await
            .map_err(store_failed)?,
        _ => None,
    };
    Ok((known.unwrap_or(row), finished))
}

pub fn too_large(limit: u64) -> Problem {
    Problem::new(
        Slug::PayloadTooLarge,
        format!("a file may have {limit} bytes"),
    )
}
