//! From the database to the object storage. Every upload is durable in the database first; then its
//! bytes are moved in parts, each of which is noted, so that a move goes on after a crash where it
//! was. Readers see the one or the other, never half.

use bytes::{Bytes, BytesMut};
use guest::Db;
use problem::Problem;
use store::assets::{self, AssetRow, CHUNK_BYTES, JobRow, ObjectRow, ObjectState};

use super::objects::base64_of;
use super::{Failed, ObjectStorage};
use crate::after::HOLD_MS;
use crate::handlers::tick::LONGEST_PAUSE_MS;
use crate::store_failed;

/// A part: larger than the least that S3 takes (5 MiB), and small enough to be held.
const PART_CHUNKS: usize = 16;
const PART_BYTES: usize = PART_CHUNKS * CHUNK_BYTES;
/// The first pause after a failure; each further one is twice as long.
const PAUSE_MS: i64 = 5_000;

/// Moves an asset's bytes, or as much of them as works now.
pub async fn work(database: &Db, objects: &ObjectStorage, row: &JobRow) -> Result<(), Problem> {
    let (tenant, id) = (&row.job.tenant, &row.job.asset_id);
    let asset = assets::in_tenant(database, tenant, id)
        .await
        .map_err(store_failed)?;
    let moved = match asset {
        // What is there of it is removed with everything else that nobody needs.
        None => Ok(true),
        Some(asset) => move_asset(database, objects, row, &asset).await,
    };
    match moved {
        Ok(true) => assets::delete_job(database, &row.job)
            .await
            .map_err(store_failed),
        Ok(false) => pause(database, row).await,
        Err(Stop::Problem(problem)) => Err(problem),
        Err(Stop::Failed(error)) => {
            guest::log_error("object storage", &error);
            pause(database, row).await
        }
    }
}

async fn pause(database: &Db, row: &JobRow) -> Result<(), Problem> {
    let doublings = row.tries.clamp(1, 16) - 1;
    let pause_ms = (PAUSE_MS << doublings).min(LONGEST_PAUSE_MS / 2);
    assets::postpone_job(database, &row.job, guest::now_ms() + pause_ms)
        .await
        .map_err(store_failed)
}

enum Stop {
    Failed(Failed),
    Problem(Problem),
}

impl From<Failed> for Stop {
    fn from(error: Failed) -> Self {
        Self::Failed(error)
    }
}

impl From<store::StoreError> for Stop {
    fn from(error: store::StoreError) -> Self {
        Self::Problem(store_failed(error))
    }
}

/// True when it is there, false when it has to wait.
async fn move_asset(
    database: &Db,
    objects: &ObjectStorage,
    row: &JobRow,
    asset: &AssetRow,
) -> Result<bool, Stop> {
    let (tenant, id) = (&row.job.tenant, &row.job.asset_id);
    let known = assets::object(database, tenant, id).await?;
    let mut object = match known {
        Some(object) if object.state == ObjectState::Leaving => return Ok(false),
        Some(object) if object.state == ObjectState::Stored => {
            // Chunks that came after it are not needed.
            assets::put_garbage(database, tenant, id, 0).await?;
            return Ok(true);
        }
        Some(object) => object,
        None => ObjectRow {
            tenant: tenant.clone(),
            asset_id: id.clone(),
            state: ObjectState::Moving,
            upload_id: None,
            etags: Vec::new(),
        },
    };
    let key = objects.key(tenant, id);
    let size = usize::try_from(asset.size).unwrap_or(usize::MAX);
    if size <= PART_BYTES {
        let bytes = part(database, id, 0).await?;
        // Noted first, so that it is removed even when nobody hears that it has come.
        assets::put_object(database, &object).await?;
        objects.put(&key, bytes, &base64_of(id)).await?;
    } else {
        in_parts(database, objects, row, &mut object, size).await?;
    }
    let facts = objects.head(&key).await?;
    if facts.size != size as u64 {
        return Err(Failed::Nonsense("an upload").into());
    }
    object.state = ObjectState::Stored;
    object.upload_id = None;
    object.etags.clear();
    assets::put_object(database, &object).await?;
    assets::put_garbage(database, tenant, id, 0).await?;
    Ok(true)
}

async fn in_parts(
    database: &Db,
    objects: &ObjectStorage,
    row: &JobRow,
    object: &mut ObjectRow,
    size: usize,
) -> Result<(), Stop> {
    let key = objects.key(&object.tenant, &object.asset_id);
    let upload_id = match &object.upload_id {
        Some(upload_id) => upload_id.clone(),
        None => {
            let upload_id = objects.create_parts(&key).await?;
            object.upload_id = Some(upload_id.clone());
            object.etags.clear();
            assets::put_object(database, object).await?;
            upload_id
        }
    };
    let parts = size.div_ceil(PART_BYTES);
    while object.etags.len() < parts {
        let number = object.etags.len();
        let bytes = part(database, &object.asset_id, number).await?;
        let position = u16::try_from(number + 1).map_err(|_| Failed::Nonsense("so many parts"))?;
        let put = objects.put_part(&key, &upload_id, position, bytes).await;
        let etag = forget_if_lost(database, object, put).await?;
        object.etags.push(etag);
        assets::put_object(database, object).await?;
        let hold_ms = guest::now_ms() + HOLD_MS;
        assets::postpone_job(database, &row.job, hold_ms).await?;
    }
    let completed = objects
        .complete_parts(&key, &upload_id, &object.etags)
        .await;
    forget_if_lost(database, object, completed).await
}

/// An upload that the storage does not know any more is begun anew the next time.
async fn forget_if_lost<T>(
    database: &Db,
    object: &mut ObjectRow,
    outcome: Result<T, Failed>,
) -> Result<T, Stop> {
    if let Err(error) = &outcome
        && error.is_not_found()
    {
        object.upload_id = None;
        object.etags.clear();
        assets::put_object(database, object).await?;
    }
    outcome.map_err(Stop::from)
}

/// The chunks of a part, one after the other.
async fn part(database: &Db, id: &str, number: usize) -> Result<Bytes, Stop> {
    let mut bytes = BytesMut::new();
    for chunk in number * PART_CHUNKS..(number + 1) * PART_CHUNKS {
        match assets::chunk(database, id, chunk as i64).await? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok(bytes.freeze())
}
