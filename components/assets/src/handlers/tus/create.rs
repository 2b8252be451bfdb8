//! `OPTIONS` and `POST /api/uploads`: what the server can do, and a new upload.

use guest::{Answer, Call, Db};
use http::{HeaderName, StatusCode, header};
use identity::Action;
use media::{digest, tus};
use problem::{Problem, Slug};
use store::uploads::{self, Kind, UploadRow};

use super::STAYS_MS;
use super::headers::{describe, insert, malformed, not_kept, require_version, text, versioned};
use super::receive::{receive, requires_stream};
use crate::handlers::upload::too_large;
use crate::settings::settings;
use crate::store_failed;

/// Uploads that one principal may have open: their bytes take space before anybody sees them.
const OPEN: i64 = 256;

/// Say what the protocol of resumable uploads can do here
#[utoipa::path(options, path = "/api/uploads", operation_id = "uploadAbilities", tag = "uploads",
    responses((status = 204, description = "Versions, extensions and limits, in headers")))]
pub async fn abilities(_: Call) -> Answer {
    let settings = settings().await?;
    let mut response = guest::empty(StatusCode::NO_CONTENT);
    for (name, value) in [
        ("tus-version", tus::VERSION),
        ("tus-extension", tus::EXTENSIONS),
        ("tus-checksum-algorithm", digest::ALGORITHMS),
        ("tus-max-size", &settings.max_upload_bytes.to_string()),
    ] {
        insert(&mut response, HeaderName::from_static(name), value);
    }
    versioned(Ok(response))
}

/// Begin a resumable upload (tus 1.0.0)
///
/// The project is the query parameter, or the key `project` of Upload-Metadata. With the media type
/// `application/offset+octet-stream` the body is already the beginning of the file.
#[utoipa::path(post, path = "/api/uploads", operation_id = "createUpload", tag = "uploads",
    params(
        ("project" = Option<String>, Query, description = "The project that the asset will belong to"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "The file's size"),
        ("Upload-Metadata" = Option<String>, Header, description = "Keys with base64 values: project, filename")),
    responses(
        (status = 201, description = "The upload is at Location"),
        (status = 412, description = "Another version of the protocol")))]
pub async fn create(call: Call) -> Answer {
    versioned(create_upload(call).await)
}

async fn create_upload(call: Call) -> Answer {
    let headers = call.request.headers();
    require_version(headers)?;
    let settings = settings().await?;
    if headers.contains_key("upload-defer-length") {
        return Err(Problem::new(
            Slug::BadRequest,
            "an upload must say its length when it begins",
        ));
    }
    let length = tus::number("Upload-Length", text(headers, "upload-length")).map_err(malformed)?;
    if length == 0 {
        return Err(Problem::new(Slug::BadRequest, "an empty file is no asset"));
    }
    if length > settings.max_upload_bytes {
        return Err(too_large(settings.max_upload_bytes));
    }
    let metadata = text(headers, "upload-metadata")
        .unwrap_or_default()
        .to_owned();
    let named = tus::metadata(&metadata, "project").map_err(malformed)?;
    let project = call.query("project").map(|project| project.into_owned());
    let project = project.or(named).filter(|project| !project.is_empty());
    let project = project.ok_or_else(|| {
        let detail = "the project is missing, in the query or as a key of Upload-Metadata";
        Problem::new(Slug::BadRequest, detail)
    })?;
    let has_body = headers.contains_key(header::CONTENT_TYPE);
    if has_body {
        requires_stream(headers)?;
    }
    let claims = call.claims()?;
    let database = Db::open().await.map_err(store_failed)?;
    let project = guest::access::project(&database, claims, Action::WriteProject, &project).await?;
    let open = uploads::count_open(&database, &claims.tenant, &claims.sub)
        .await
        .map_err(store_failed)?;
    if open >= OPEN {
        let detail = format!("{OPEN} uploads are open; finish or end some of them first");
        return Err(Problem::new(Slug::TooManyRequests, detail).with_header("retry-after", "60"));
    }
    let now_ms = guest::now_ms();
    let upload = UploadRow {
        // Not by `Call::new_id`: a repeated creation begins anew, and the older one expires.
        id: guest::new_id("u"),
        kind: Kind::Resumable,
        project_id: project.id,
        tenant: claims.tenant.clone(),
        created_by: claims.sub.clone(),
        length: Some(i64::try_from(length).unwrap_or(i64::MAX)),
        received: 0,
        hash: None,
        metadata,
        sha256: None,
        asset_id: None,
        created_at_ms: now_ms,
        expires_at_ms: now_ms + STAYS_MS,
    };
    uploads::insert(&database, &upload)
        .await
        .map_err(store_failed)?;
    let upload = match has_body {
        true => receive(&database, upload, call.request).await?,
        false => upload,
    };
    let mut response = guest::empty(StatusCode::CREATED);
    describe(&mut response, &upload);
    not_kept(&mut response);
    let location = format!("/api/uploads/{}", upload.id);
    insert(&mut response, header::LOCATION, &location);
    Ok(response)
}
