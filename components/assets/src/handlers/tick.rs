//! `POST /internal/v1/tick`: everything that is due (OP3, AS3).

use guest::{Answer, Call, Db};
use http::StatusCode;
use problem::Problem;
use serde_json::json;
use store::DueAt;
use store::assets::{self, JobKind};

use crate::after::HOLD_MS;
use crate::settings::{Settings, settings};
use crate::storage::mover;
use crate::{store_failed, sweep, thumbnails};

/// A tick ends well before its caller gives up on it.
const TICK_MS: i64 = 15_000;
/// The longest pause of a job.
pub const LONGEST_PAUSE_MS: i64 = 10 * 60 * 1000;
/// Pictures that are made smaller in one tick: one may take a second or two.
const PICTURES: i64 = 8;
/// Assets that are moved in one tick.
const MOVES: i64 = 16;
/// New notes of garbage that are given their time in one tick.
const NOTES: i64 = 1_000;

#[utoipa::path(post, path = "/internal/v1/tick", responses((status = 200)))]
pub async fn tick(_: Call) -> Answer {
    let settings = settings().await?;
    let database = Db::open().await.map_err(store_failed)?;
    let now_ms = guest::now_ms();
    let end_ms = now_ms + TICK_MS;
    let due = DueAt::new(now_ms, LONGEST_PAUSE_MS);
    let work = assets::work(&database, due, now_ms - settings.grace_ms)
        .await
        .map_err(store_failed)?;
    if work.unseen_garbage {
        assets::see_garbage(&database, now_ms, NOTES)
            .await
            .map_err(store_failed)?;
    }
    let (mut made, mut moved, mut removed, mut expired) = (0, 0, 0, 0);
    if work.uploads {
        expired = sweep::expired(&database, &settings, end_ms).await?;
    }
    if work.garbage {
        removed = sweep::garbage(&database, &settings, end_ms).await?;
    }
    if work.thumbnails {
        made = pictures(&database, &settings, due, end_ms).await?;
    }
    if work.moves {
        moved = moves(&database, &settings, due, end_ms).await?;
    }
    let summary =
        json!({"thumbnails": made, "moved": moved, "removed": removed, "expired": expired});
    Ok(guest::json(StatusCode::OK, &summary))
}

async fn pictures(
    database: &Db,
    settings: &Settings,
    due: DueAt,
    end_ms: i64,
) -> Result<usize, Problem> {
    let mut made = 0;
    for _ in 0..PICTURES {
        if guest::now_ms() > end_ms {
            break;
        }
        let hold_ms = guest::now_ms() + HOLD_MS;
        let rows = assets::claim_jobs(database, JobKind::Thumbnails, due, hold_ms, 1)
            .await
            .map_err(store_failed)?;
        let Some(row) = rows.first() else { break };
        thumbnails::work(database, settings, row).await?;
        made += 1;
    }
    Ok(made)
}

async fn moves(
    database: &Db,
    settings: &Settings,
    due: DueAt,
    end_ms: i64,
) -> Result<usize, Problem> {
    let Some(objects) = &settings.objects else {
        return Ok(0);
    };
    let mut moved = 0;
    for _ in 0..MOVES {
        if guest::now_ms() > end_ms {
            break;
        }
        let hold_ms = guest::now_ms() + HOLD_MS;
        let rows = assets::claim_jobs(database, JobKind::Move, due, hold_ms, 1)
            .await
            .map_err(store_failed)?;
        let Some(row) = rows.first() else { break };
        mover::work(database, objects, row).await?;
        moved += 1;
    }
    Ok(moved)
}
