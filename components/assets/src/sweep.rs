//! Removes what nobody needs: bytes that no project has any more, uploads whose time is over. A few
//! rows at a time, so that nobody waits for the lock.

use guest::Db;
use problem::Problem;
use store::assets::{self, Garbage, Sweep};
use store::uploads::{self, Kind, UploadRow};

use crate::settings::Settings;
use crate::store_failed;

/// Rows of 512 KiB that one transaction removes.
const PARTS: i64 = 32;
/// Notes and uploads that one tick looks at.
const BATCH: i64 = 64;

/// Removes superfluous bytes until `end_ms`; gives how many notes were settled.
pub async fn garbage(database: &Db, settings: &Settings, end_ms: i64) -> Result<usize, Problem> {
    let before_ms = guest::now_ms() - settings.grace_ms;
    let mut settled = 0;
    let notes = Garbage::old(database, before_ms, BATCH)
        .await
        .map_err(store_failed)?;
    for mut note in notes {
        let tenant_needs_it = loop {
            if guest::now_ms() > end_ms {
                return Ok(settled);
            }
            match assets::sweep(database, &mut note, PARTS)
                .await
                .map_err(store_failed)?
            {
                Sweep::Removed => {}
                Sweep::Done { tenant_needs_it } => break tenant_needs_it,
            }
        };
        if !tenant_needs_it && !object_is_gone(database, settings, &note).await? {
            continue;
        }
        note.forget(database).await.map_err(store_failed)?;
        settled += 1;
    }
    Ok(settled)
}

/// Removes the tenant's object; false when that has to wait.
async fn object_is_gone(
    database: &Db,
    settings: &Settings,
    note: &Garbage,
) -> Result<bool, Problem> {
    let (tenant, id) = (&note.tenant, &note.asset_id);
    let object = assets::leave_object(database, tenant, id)
        .await
        .map_err(store_failed)?;
    let (Some(object), Some(objects)) = (object.as_ref(), &settings.objects) else {
        // Without the storage's address nothing can be removed from it.
        return Ok(object.is_none());
    };
    let key = objects.key(tenant, id);
    let removed = async {
        if let Some(upload_id) = &object.upload_id {
            objects.abort(&key, upload_id).await?;
        }
        objects.delete(&key).await
    };
    if let Err(error) = removed.await {
        guest::log_error("object storage", &error);
        return Ok(false);
    }
    assets::delete_object(database, tenant, id)
        .await
        .map_err(store_failed)?;
    Ok(true)
}

/// Removes uploads whose time is over until `end_ms`; gives how many.
pub async fn expired(database: &Db, settings: &Settings, end_ms: i64) -> Result<usize, Problem> {
    let mut removed = 0;
    let expired = uploads::claim_expired(database, guest::now_ms(), BATCH)
        .await
        .map_err(store_failed)?;
    for upload in expired {
        while !uploads::remove_chunks(database, &upload, PARTS)
            .await
            .map_err(store_failed)?
        {
            if guest::now_ms() > end_ms {
                return Ok(removed);
            }
        }
        if upload.kind == Kind::Presigned && !incoming_is_gone(settings, &upload).await {
            continue;
        }
        uploads::delete(database, &upload.id)
            .await
            .map_err(store_failed)?;
        removed += 1;
    }
    Ok(removed)
}

async fn incoming_is_gone(settings: &Settings, upload: &UploadRow) -> bool {
    let Some(objects) = &settings.objects else {
        return false;
    };
    let key = objects.incoming_key(&upload.tenant, &upload.id);
    match objects.delete(&key).await {
        Ok(()) => true,
        Err(error) => {
            guest::log_error("object storage", &error);
            false
        }
    }
}
