//! Work after the answer, best effort: what is lost here is found by the next tick.

use guest::Db;
use problem::Problem;
use store::assets::{Job, JobKind};

use crate::settings::settings;
use crate::storage::mover;
use crate::{store_failed, thumbnails};

/// How long a claimed job is nobody else's. Longer than a thumbnail takes, and than one part takes
/// to the object storage.
pub const HOLD_MS: i64 = 60_000;

/// Makes thumbnails and brings the bytes to the object storage.
pub fn work_on(tenant: String, asset_id: String) {
    guest::spawn(async move {
        for kind in [JobKind::Thumbnails, JobKind::Move] {
            let job = Job {
                kind,
                tenant: tenant.clone(),
                asset_id: asset_id.clone(),
            };
            if let Err(problem) = work(job).await {
                guest::log_error("asset", &problem);
            }
        }
    });
}

async fn work(job: Job) -> Result<(), Problem> {
    let settings = settings().await?;
    if job.kind == JobKind::Move && settings.objects.is_none() {
        return Ok(());
    }
    let database = Db::open().await.map_err(store_failed)?;
    let now_ms = guest::now_ms();
    let claimed = store::assets::claim_job(&database, &job, now_ms, now_ms + HOLD_MS)
        .await
        .map_err(store_failed)?;
    match (claimed, &settings.objects) {
        (Some(row), _) if row.job.kind == JobKind::Thumbnails => {
            thumbnails::work(&database, &settings, &row).await
        }
        (Some(row), Some(objects)) => mover::work(&database, objects, &row).await,
        _ => Ok(()),
    }
}
