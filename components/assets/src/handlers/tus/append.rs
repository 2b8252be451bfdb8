//! `PATCH /api/uploads/{id}`: the next bytes.

use guest::{Answer, Call, Db};
use http::{StatusCode, header};
use media::tus;
use problem::{Problem, Slug};

use super::headers::{describe, insert, malformed, require_version, text, versioned};
use super::look::give_up;
use super::own;
use super::receive::{finish_if_complete, receive, requires_stream};
use crate::store_failed;
use crate::view::src;

/// Continue an upload (tus 1.0.0)
///
/// What came before a connection broke counts, unless Upload-Checksum has to confirm it. With the
/// last byte the asset is made; Asset-Id and Asset-Src name it.
#[utoipa::path(patch, path = "/api/uploads/{id}", operation_id = "appendUpload", tag = "uploads",
    params(
        ("id" = String, Path, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where the body goes on"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256` and the body's in base64")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "The bytes are durable"),
        (status = 409, description = "The upload is elsewhere; Upload-Offset says where"),
        (status = 412, description = "Another version of the protocol"),
        (status = 460, description = "The checksum is another; the body was not taken")))]
pub async fn append(call: Call) -> Answer {
    versioned(append_bytes(call).await)
}

/// PATCH and DELETE for clients behind proxies that know neither
#[utoipa::path(post, path = "/api/uploads/{id}", operation_id = "disguisedUpload", tag = "uploads",
    params(
        ("id" = String, Path, description = "The upload's id"),
        ("X-HTTP-Method-Override" = String, Header, description = "PATCH or DELETE")),
    responses(
        (status = 204, description = "As the other method"),
        (status = 405, description = "The header names neither"),
        (status = 409, description = "The upload is elsewhere; Upload-Offset says where"),
        (status = 412, description = "Another version of the protocol"),
        (status = 413, description = "More than the upload's length"),
        (status = 415, description = "The body is no application/offset+octet-stream"),
        (status = 460, description = "The checksum is another; the body was not taken")))]
pub async fn disguised(call: Call) -> Answer {
    let meant = text(call.request.headers(), "x-http-method-override");
    versioned(match meant {
        Some("PATCH") => append_bytes(call).await,
        Some("DELETE") => give_up(call).await,
        _ => Err(Problem::new(
            Slug::MethodNotAllowed,
            "this route takes DELETE, GET, HEAD, PATCH",
        )
        .with_header("allow", "DELETE, GET, HEAD, PATCH")),
    })
}

async fn append_bytes(call: Call) -> Answer {
    let headers = call.request.headers();
    require_version(headers)?;
    requires_stream(headers)?;
    let offset = tus::number("Upload-Offset", text(headers, "upload-offset")).map_err(malformed)?;
    let database = Db::open().await.map_err(store_failed)?;
    let upload = own(&database, call.claims()?, call.param("id")).await?;
    let upload = finish_if_complete(&database, upload).await?;
    if u64::try_from(upload.received) != Ok(offset) {
        let detail = format!("the upload is at offset {}", upload.received);
        let problem = Problem::new(Slug::Conflict, detail);
        return Err(problem.with_header("upload-offset", upload.received.to_string()));
    }
    // The last answer may have been lost: the same end again is the same asset.
    let upload = match upload.asset_id {
        Some(_) => upload,
        None => receive(&database, upload, call.request).await?,
    };
    let mut response = guest::empty(StatusCode::NO_CONTENT);
    describe(&mut response, &upload);
    if let Some(id) = &upload.asset_id {
        let location = src(&upload.project_id, id);
        insert(&mut response, header::LOCATION, &location);
    }
    Ok(response)
}
