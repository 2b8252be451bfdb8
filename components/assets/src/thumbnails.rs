//! Thumbnails of pictures (AS4): made after the upload, by tick, or when somebody asks first.

use std::cell::Cell;

use guest::Db;
use media::thumbnail::{self, MAX_FILE_BYTES, NoThumbnail};
use problem::{Problem, Slug};
use store::assets::{self, AssetRow, JobRow, ThumbnailRow};

use crate::settings::Settings;
use crate::storage::Source;
use crate::store_failed;

/// A picture that took the instance with it this often is not tried again.
const TRIES: i64 = 3;

thread_local! {
    /// A decoded picture may take a quarter of an instance's memory: one at a time.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

struct Busy;

impl Busy {
    fn take() -> Option<Self> {
        (!IS_BUSY.replace(true)).then_some(Self)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        IS_BUSY.set(false);
    }
}

/// Does a job; what cannot be done now stays for the next tick.
pub async fn work(database: &Db, settings: &Settings, row: &JobRow) -> Result<(), Problem> {
    let (tenant, id) = (&row.job.tenant, &row.job.asset_id);
    let asset = assets::in_tenant(database, tenant, id)
        .await
        .map_err(store_failed)?;
    let is_made = assets::has_thumbnails(database, id)
        .await
        .map_err(store_failed)?;
    if let Some(asset) = asset.filter(|_| !is_made) {
        if row.tries > TRIES {
            let reason = "making it failed several times".to_owned();
            assets::put_thumbnails(database, id, Err(reason))
                .await
                .map_err(store_failed)?;
        } else if make(database, settings, tenant, &asset).await? == Made::Busy {
            return Ok(());
        }
    }
    assets::delete_job(database, &row.job)
        .await
        .map_err(store_failed)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    Done,
    /// Another picture is being made smaller here.
    Busy,
}

/// Makes and keeps an asset's thumbnails, or the reason why there are none.
pub async fn make(
    database: &Db,
    settings: &Settings,
    tenant: &str,
    asset: &AssetRow,
) -> Result<Made, Problem> {
    let size = asset.size.max(0) as u64;
    let made = if !thumbnail::is_possible(&asset.media_type) {
        Err(NoThumbnail::NotAPicture)
    } else if size > MAX_FILE_BYTES {
        Err(NoThumbnail::FileTooLarge)
    } else {
        let Some(_busy) = Busy::take() else {
            return Ok(Made::Busy);
        };
        let source = Source::of(database, settings, tenant, &asset.id).await?;
        let file = source.whole(size).await.map_err(|cause| {
            guest::log_error("thumbnail", &cause);
            Problem::new(Slug::Unavailable, "the asset's bytes cannot be read now")
        })?;
        thumbnail::make(&file)
    };
    let rows = made.map(|made| made.into_iter().map(row).collect());
    assets::put_thumbnails(
        database,
        &asset.id,
        rows.map_err(|reason| reason.to_string()),
    )
    .await
    .map_err(store_failed)?;
    Ok(Made::Done)
}

fn row(made: thumbnail::Thumbnail) -> ThumbnailRow {
    ThumbnailRow {
        side: made.side.into(),
        media_type: made.media_type.to_owned(),
        width: made.width.into(),
        height: made.height.into(),
        bytes: made.bytes,
    }
}
