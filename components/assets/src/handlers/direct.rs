//! Uploads straight to the object storage (AS3): `POST /api/assets/presign` gives a link,
//! `POST /api/assets/complete` looks at what came before anybody else sees it.

use std::collections::BTreeMap;
use std::rc::Rc;

use guest::{Answer, Call, Db};
use http::StatusCode;
use identity::Action;
use media::digest::Sha256;
use media::range::Range;
use media::sniff;
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use store::assets::{self, AssetRow, ObjectRow, ObjectState};
use store::uploads::{self, Finished, Kind, UploadRow};
use utoipa::ToSchema;

use super::upload::too_large;
use crate::settings::{Settings, settings};
use crate::storage::{Failed, ObjectStorage};
use crate::view::Asset;
use crate::{after, intake, store_failed};

const BODY_BYTES: usize = 4 * 1024;
/// A promised file comes within a day, or not at all. The link itself is good for an hour.
const STAYS_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PresignRequest {
    project: String,
    size: i64,
    /// Of the whole file, in hex.
    sha256: String,
    /// What the file is said to be; its bytes decide.
    #[serde(default)]
    media_type: String,
}

#[derive(Serialize, ToSchema)]
struct Presigned {
    upload: String,
    /// Where to PUT the file, as one body.
    url: String,
    /// What the PUT must have.
    headers: BTreeMap<&'static str, String>,
    /// Where to say that it is there.
    complete: &'static str,
    expires_at_ms: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CompleteRequest {
    upload: String,
}

/// Get a link to upload a file straight to the object storage
#[utoipa::path(post, path = "/api/assets/presign", operation_id = "presignAsset", tag = "assets",
    request_body = PresignRequest,
    responses(
        (status = 201, description = "The link", body = Presigned),
        (status = 422, description = "There is no object storage that clients may use")))]
pub async fn presign(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    let request: PresignRequest = call.json(BODY_BYTES).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let project =
        guest::access::project(&database, &claims, Action::WriteProject, &request.project).await?;
    let settings = settings().await?;
    let objects = storage(&settings)?;
    let wrong = |detail: &str| Problem::new(Slug::BadRequest, detail);
    if !assets::is_asset_id(&request.sha256) {
        return Err(wrong("sha256: 64 digits of hex, in lower case"));
    }
    if request.size < 1 {
        return Err(wrong("size: at least 1"));
    }
    if request.size as u64 > settings.max_upload_bytes {
        return Err(too_large(settings.max_upload_bytes));
    }
    if request.media_type.len() > 255 {
        return Err(wrong("media_type: at most 255 bytes"));
    }
    let now_ms = guest::now_ms();
    let upload = UploadRow {
        id: guest::new_id("u"),
        kind: Kind::Presigned,
        project_id: project.id,
        tenant: project.tenant,
        created_by: claims.sub,
        length: Some(request.size),
        received: 0,
        hash: None,
        metadata: String::new(),
        sha256: Some(request.sha256.clone()),
        asset_id: None,
        created_at_ms: now_ms,
        expires_at_ms: now_ms + STAYS_MS,
    };
    uploads::insert(&database, &upload)
        .await
        .map_err(store_failed)?;
    let key = objects.incoming_key(&upload.tenant, &upload.id);
    let (url, headers) = objects.put_link(&key, &request.sha256);
    let presigned = Presigned {
        upload: upload.id,
        url,
        headers: BTreeMap::from(headers),
        complete: "/api/assets/complete",
        expires_at_ms: now_ms + STAYS_MS,
    };
    Ok(guest::json(StatusCode::CREATED, &presigned))
}

/// Make an asset of a file that was put into the object storage
#[utoipa::path(post, path = "/api/assets/complete", operation_id = "completeAsset", tag = "assets",
    request_body = CompleteRequest,
    responses(
        (status = 201, description = "The project has a new asset", body = Asset),
        (status = 200, description = "The project had these bytes already", body = Asset),
        (status = 409, description = "The file is not there, or another call completes it"),
        (status = 422, description = "The file is not what was promised")))]
pub async fn complete(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    guest::access::in_tenant(&claims, Action::ReadProject)?;
    let request: CompleteRequest = call.json(BODY_BYTES).await?;
    let settings: Rc<Settings> = settings().await?;
    let objects = storage(&settings)?;
    let database = Db::open().await.map_err(store_failed)?;
    let unknown = || guest::access::unknown(format!("upload {}", request.upload));
    let upload = uploads::find(&database, &request.upload)
        .await
        .map_err(store_failed)?
        .filter(|upload| {
            upload.kind == Kind::Presigned
                && upload.created_by == claims.sub
                && upload.tenant == claims.tenant
        })
        .ok_or_else(unknown)?;
    let project = &upload.project_id;
    guest::access::project(&database, &claims, Action::WriteProject, project).await?;
    if let Some(id) = &upload.asset_id {
        let known = assets::find(&database, project, id)
            .await
            .map_err(store_failed)?;
        let known = known.ok_or_else(unknown)?;
        return Ok(guest::json(StatusCode::OK, &Asset::from(known)));
    }
    let media_type = accept(&database, objects, &upload).await?;
    let now_ms = guest::now_ms();
    let row = AssetRow {
        project_id: upload.project_id.clone(),
        id: upload.sha256.clone().unwrap_or_default(),
        media_type: media_type.to_owned(),
        size: upload.length.unwrap_or(0),
        created_by: claims.sub,
        created_at_ms: now_ms,
    };
    let bytes = uploads::Bytes::Object {
        upload_id: &upload.id,
    };
    let finished = uploads::finish(&database, &row, bytes, upload.expires_at_ms)
        .await
        .map_err(store_failed)?;
    let status = match finished {
        Finished::Created => StatusCode::CREATED,
        Finished::Known => StatusCode::OK,
        Finished::Overtaken => return Err(intake::overtaken()),
        Finished::NoProject => return Err(guest::access::unknown(format!("project {project}"))),
    };
    after::work_on(upload.tenant.clone(), row.id.clone());
    Ok(guest::json(status, &Asset::from(row)))
}

/// Looks whether the file is what was promised, and puts it to where assets are. The media type is
/// that of its bytes.
async fn accept(
    database: &Db,
    objects: &ObjectStorage,
    upload: &UploadRow,
) -> Result<&'static str, Problem> {
    let (tenant, id) = (&upload.tenant, upload.sha256.clone().unwrap_or_default());
    let from = objects.incoming_key(tenant, &upload.id);
    let facts = objects.head(&from).await.map_err(|error| match error {
        error if error.is_not_found() => {
            Problem::new(Slug::Conflict, "the file has not been put there yet")
        }
        error => failed(error),
    })?;
    let not_promised =
        |what: &str| Problem::new(Slug::Unprocessable, format!("the file has another {what}"));
    let size = u64::try_from(upload.length.unwrap_or(0)).unwrap_or(0);
    if facts.size != size {
        return Err(not_promised("size"));
    }
    let is_right = match &facts.sha256 {
        Some(found) => *found == crate::storage::base64_of(&id),
        // A storage that keeps no checksums: then it is computed here.
        None => hash_of(objects, &from, size).await? == id,
    };
    if !is_right {
        return Err(not_promised("sha256"));
    }
    let head = Range {
        first: 0,
        length: size.min(sniff::NEEDED_BYTES as u64),
    };
    let mut streamed = objects.get(&from, head).await.map_err(failed)?;
    let mut first = Vec::new();
    while first.len() < sniff::NEEDED_BYTES
        && let Some(bytes) = streamed.chunk().await.map_err(|e| failed(e.into()))?
    {
        first.extend_from_slice(&bytes);
    }
    // Noted before it is there, so that it is removed if nobody makes an asset of it.
    let mut object = ObjectRow {
        tenant: tenant.clone(),
        asset_id: id.clone(),
        state: ObjectState::Moving,
        upload_id: None,
        etags: Vec::new(),
    };
    let now_ms = guest::now_ms();
    assets::put_garbage(database, tenant, &id, now_ms)
        .await
        .map_err(store_failed)?;
    let known = assets::object(database, tenant, &id)
        .await
        .map_err(store_failed)?;
    match known.map(|object| object.state) {
        Some(ObjectState::Stored) => return Ok(sniff::media_type(&first)),
        Some(ObjectState::Leaving) => {
            let detail = "the same bytes are being removed; try again";
            return Err(Problem::new(Slug::Unavailable, detail));
        }
        Some(ObjectState::Moving) => {}
        None => {
            assets::put_object(database, &object)
                .await
                .map_err(store_failed)?;
        }
    }
    let to = objects.key(tenant, &id);
    objects
        .copy(&from, &to, &facts.etag)
        .await
        .map_err(failed)?;
    object.state = ObjectState::Stored;
    assets::put_object(database, &object)
        .await
        .map_err(store_failed)?;
    Ok(sniff::media_type(&first))
}

async fn hash_of(objects: &ObjectStorage, key: &str, size: u64) -> Result<String, Problem> {
    let mut streamed = objects.get(key, Range::whole(size)).await.map_err(failed)?;
    let mut hash = Sha256::default();
    while let Some(bytes) = streamed.chunk().await.map_err(|e| failed(e.into()))? {
        hash.update(&bytes);
    }
    Ok(hash.hex())
}

fn storage(settings: &Settings) -> Result<&ObjectStorage, Problem> {
    let objects = settings.objects.as_ref();
    objects
        .filter(|objects| objects.is_presigning)
        .ok_or_else(|| {
            let detail = "there is no object storage that clients may use; POST to /api/uploads";
            Problem::new(Slug::Unprocessable, detail)
        })
}

fn failed(error: Failed) -> Problem {
    guest::log_error("object storage", &error);
    Problem::new(
        Slug::UpstreamFailed,
        "the object storage could not do this; try again",
    )
}
