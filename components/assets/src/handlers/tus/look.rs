//! `HEAD` and `DELETE /api/uploads/{id}`: how far an upload is, and its end.

use guest::{Answer, Call, Db};
use http::{HeaderName, StatusCode};
use serde::Serialize;
use store::uploads;
use utoipa::ToSchema;

use super::headers::{describe, insert, not_kept, require_version, versioned};
use super::own;
use super::receive::finish_if_complete;
use crate::store_failed;

#[derive(Serialize, ToSchema)]
struct Upload {
    id: String,
    project: String,
    length: Option<i64>,
    /// Bytes that are durable.
    offset: i64,
    /// The asset that it has become.
    asset: Option<String>,
    expires_at_ms: i64,
}

/// Show how far an upload is (HEAD in the protocol, GET for people)
#[utoipa::path(get, path = "/api/uploads/{id}", operation_id = "getUpload", tag = "uploads",
    params(
        ("id" = String, Path, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = 200, description = "Its state, in headers too", body = Upload),
        (status = 409, description = "Another request works on it"),
        (status = 412, description = "Another version of the protocol")))]
pub async fn look(call: Call) -> Answer {
    versioned(show(call).await)
}

async fn show(call: Call) -> Answer {
    require_version(call.request.headers())?;
    let database = Db::open().await.map_err(store_failed)?;
    let upload = own(&database, call.claims()?, call.param("id")).await?;
    // Whoever was cut off between the last byte and the end finds the asset made.
    let upload = finish_if_complete(&database, upload).await?;
    let view = Upload {
        id: upload.id.clone(),
        project: upload.project_id.clone(),
        length: upload.length,
        offset: upload.received,
        asset: upload.asset_id.clone(),
        expires_at_ms: upload.expires_at_ms,
    };
    let mut response = guest::json(StatusCode::OK, &view);
    describe(&mut response, &upload);
    not_kept(&mut response);
    let mut say = |name: &'static str, value: &str| {
        insert(&mut response, HeaderName::from_static(name), value);
    };
    if let Some(length) = upload.length {
        say("upload-length", &length.to_string());
    }
    if !upload.metadata.is_empty() {
        say("upload-metadata", &upload.metadata);
    }
    Ok(response)
}

/// Give an upload up
#[utoipa::path(delete, path = "/api/uploads/{id}", operation_id = "endUpload", tag = "uploads",
    params(
        ("id" = String, Path, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = 204, description = "Its bytes are removed"),
        (status = 412, description = "Another version of the protocol")))]
pub async fn end(call: Call) -> Answer {
    versioned(give_up(call).await)
}

pub(super) async fn give_up(call: Call) -> Answer {
    require_version(call.request.headers())?;
    let database = Db::open().await.map_err(store_failed)?;
    let upload = own(&database, call.claims()?, call.param("id")).await?;
    uploads::end(&database, &upload.id)
        .await
        .map_err(store_failed)?;
    Ok(guest::empty(StatusCode::NO_CONTENT))
}
