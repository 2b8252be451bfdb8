//! Everything of a room, as it is at one moment.

use store::history::{self, Span};
use store::versions::{self, Version};
use store::{Cursor, Database, or_rollback};

use super::Backup;
use crate::edit::lock;
use crate::history::unfolded;
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// Rows read at once.
const PAGE: i64 = 4_096;

/// `None` when there is no such project.
pub async fn give(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
) -> Result<Option<Backup>, RoomsError> {
    let given = read(database, warm, environment, room).await;
    or_rollback(database, given).await
}

async fn read(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
) -> Result<Option<Backup>, RoomsError> {
    // Under the lock nothing of it moves; the document is written out after that.
    let Some(locked) = lock(database, warm, environment, room).await? else {
        return Ok(None);
    };
    let transaction = &locked.transaction;
    let versions = all_versions(transaction, room).await?;
    let folded_seq = history::folded_seq(transaction, room).await?;
    let mut spans = all_spans(transaction, room).await?;
    spans.extend(unfolded(transaction, room, folded_seq, locked.head.head_seq).await?);
    spans.sort_by_key(Span::place);
    let mut open = locked.open;
    locked.transaction.rollback().await?;
    let document = open.room.export_snapshot()?;
    let pending = open.room.pending_updates()?;
    let version = open.room.version().encode();
    open.keep();
    Ok(Some(Backup {
        document,
        pending,
        version,
        versions,
        spans,
    }))
}

async fn all_versions(database: &impl Database, room: &str) -> Result<Vec<Version>, RoomsError> {
    let mut all: Vec<Version> = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = versions::list(database, room, after.as_ref(), PAGE).await?;
        let is_last = (page.len() as i64) < PAGE;
        after = page
            .last()
            .map(|version| (version.created_at_ms, version.id.clone()));
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

async fn all_spans(database: &impl Database, room: &str) -> Result<Vec<Span>, RoomsError> {
    let mut all: Vec<Span> = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = history::list(database, room, after.as_ref(), PAGE).await?;
        let is_last = (page.len() as i64) < PAGE;
        after = page.last().map(Span::place);
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
