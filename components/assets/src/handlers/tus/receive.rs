//! Taking bytes of a resumable upload, and making the asset of it at the end.

use guest::{Db, Request};
use http::{HeaderMap, header};
use media::digest::Sha256;
use media::{sniff, tus};
use problem::{Problem, Slug};
use store::assets::AssetRow;
use store::uploads::{self, Finished, UploadRow};

use super::STAYS_MS;
use super::headers::{malformed, text};
use crate::body::{Incoming, Stop};
use crate::intake::{Intake, overtaken};
use crate::{after, store_failed};

/// Refuses bodies of another media type than the protocol's.
pub fn requires_stream(headers: &HeaderMap) -> Result<(), Problem> {
    match text(headers, header::CONTENT_TYPE.as_str()) {
        Some(tus::MEDIA_TYPE) => Ok(()),
        _ => Err(Problem::new(
            Slug::UnsupportedMediaType,
            format!("the body must be {}", tus::MEDIA_TYPE),
        )),
    }
}

/// Takes a body from where the upload is, and finishes it with the last byte. What came of a body
/// that broke off counts, and is no error of ours to tell: nobody listens any more.
pub async fn receive(
    database: &Db,
    mut upload: UploadRow,
    request: Request,
) -> Result<UploadRow, Problem> {
    let headers = request.headers();
    let expected = text(headers, "upload-checksum").map(tus::checksum);
    let mut expected = expected.transpose().map_err(malformed)?;
    let most = upload.length.unwrap_or(0) - upload.received;
    let announced = text(headers, "content-length").and_then(|length| length.parse::<i64>().ok());
    if announced.is_some_and(|announced| announced > most) {
        return Err(too_long(&upload));
    }
    let mut intake = Intake::begin(database, &upload, STAYS_MS, expected.is_none()).await?;
    let mut incoming = Incoming::body(request);
    let mut left = most;
    let broken = loop {
        let piece = match incoming.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break None,
            Err(stop) => break Some(stop),
        };
        left -= piece.len() as i64;
        if left < 0 {
            return Err(too_long(&upload));
        }
        if let Some((checksum, _)) = &mut expected {
            checksum.update(&piece);
        }
        intake.take(database, &piece).await?;
    };
    match (expected, broken) {
        (None, broken) => {
            if intake.writer.pending() > 0 {
                intake.flush(database).await?;
            }
            if let Some(Stop::Refused(problem)) = broken {
                return Err(problem);
            }
        }
        (Some(_), Some(stop)) => return Err(stop.into()),
        (Some((checksum, wanted)), None) => {
            if !checksum.is(&wanted) {
                let detail = "the body has another checksum; nothing of it was taken";
                return Err(Problem::new(Slug::ChecksumMismatch, detail));
            }
            if most != left {
                intake.confirm(database).await?;
            }
        }
    }
    upload.received = intake.writer.length();
    upload.expires_at_ms = guest::now_ms() + STAYS_MS;
    if Some(upload.received) == upload.length {
        return finish(database, upload, intake.hash, intake.writer.name()).await;
    }
    Ok(upload)
}

/// Makes the asset of an upload whose last request ended between its last byte and its end.
pub async fn finish_if_complete(database: &Db, upload: UploadRow) -> Result<UploadRow, Problem> {
    let is_complete = Some(upload.received) == upload.length && upload.asset_id.is_none();
    if !is_complete {
        return Ok(upload);
    }
    let intake = Intake::begin(database, &upload, STAYS_MS, true).await?;
    finish(database, upload, intake.hash, intake.writer.name()).await
}

async fn finish(
    database: &Db,
    mut upload: UploadRow,
    hash: Sha256,
    writer: &str,
) -> Result<UploadRow, Problem> {
    let head = uploads::first_bytes(database, &upload.id, sniff::NEEDED_BYTES)
        .await
        .map_err(store_failed)?;
    let now_ms = guest::now_ms();
    let asset = AssetRow {
        project_id: upload.project_id.clone(),
        id: hash.hex(),
        media_type: sniff::media_type(&head).to_owned(),
        size: upload.received,
        created_by: upload.created_by.clone(),
        created_at_ms: now_ms,
    };
    let bytes = uploads::Bytes::Chunks {
        upload_id: &upload.id,
        writer,
    };
    let keep_until_ms = now_ms + STAYS_MS;
    let finished = uploads::finish(database, &asset, bytes, keep_until_ms)
        .await
        .map_err(store_failed)?;
    match finished {
        Finished::Created | Finished::Known => {
            after::work_on(upload.tenant.clone(), asset.id.clone());
            upload.asset_id = Some(asset.id);
            upload.expires_at_ms = keep_until_ms;
            Ok(upload)
        }
        Finished::Overtaken => Err(overtaken()),
        Finished::NoProject => Err(guest::access::unknown(format!(
            "project {}",
            upload.project_id
        ))),
    }
}

fn too_long(upload: &UploadRow) -> Problem {
    let length = upload.length.unwrap_or(0);
    Problem::new(
        Slug::PayloadTooLarge,
        format!("the upload was announced with {length} bytes"),
    )
}
