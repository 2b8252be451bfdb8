//! A document as it was: a copy that may be checked out anywhere. The warm document is only read.

use loro::{Frontiers, ID, LoroDoc};
use serde_json::Value;
use store::Database;
use store::rooms as log;

use crate::load;
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// A copy of a room's document.
pub struct Past {
    document: LoroDoc,
    latest: Frontiers,
    /// The project that it is of.
    pub epoch: i64,
    /// The copy holds the log up to here.
    pub seq: i64,
}

/// A copy of a room's document at its head; `None` when there is no such project.
///
/// It is made by a snapshot, which is imported without computing its state: some ten milliseconds
/// for 10,000 nodes, where importing their updates takes hundreds.
pub async fn past(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
) -> Result<Option<Past>, RoomsError> {
    let Some(head) = log::head(database, room).await? else {
        return Ok(None);
    };
    let mut open = load::open(database, warm, environment, &head).await?;
    let snapshot = open.room.export_snapshot()?;
    let (epoch, seq) = (open.room.epoch, open.room.seq);
    open.keep();
    let document = LoroDoc::from_snapshot(&snapshot)?;
    let latest = document.oplog_frontiers();
    Ok(Some(Past {
        document,
        latest,
        epoch,
        seq,
    }))
}

impl Past {
    /// Where the copy ends.
    pub fn latest(&self) -> &Frontiers {
        &self.latest
    }

    /// A point in its shortest form; `None` for one that is not in the document's history.
    pub fn point(&self, frontiers: &Frontiers) -> Option<Frontiers> {
        point_of(&self.document, frontiers)
    }

    /// The document at a point of its history; `None` for one that is not in it.
    pub fn at(&self, frontiers: &Frontiers) -> Result<Option<&LoroDoc>, RoomsError> {
        let Some(point) = self.point(frontiers) else {
            return Ok(None);
        };
        self.document.checkout(&point)?;
        Ok(Some(&self.document))
    }

    /// The same as JSON.
    pub fn json_at(&self, frontiers: &Frontiers) -> Result<Option<Value>, RoomsError> {
        Ok(self.at(frontiers)?.map(canvas::json::to_json))
    }
}

/// A point in its shortest form; `None` for one that is not in the history of the document.
pub fn point_of(document: &LoroDoc, frontiers: &Frontiers) -> Option<Frontiers> {
    // Loro trusts that counters are some that it gave out, and panics at others.
    let version = document.oplog_vv();
    let is_held = |id: ID| {
        let end = version.get(&id.peer).copied().unwrap_or(0);
        (0..end).contains(&id.counter)
    };
    if !frontiers.iter().all(is_held) {
        return None;
    }
    document.minimize_frontiers(frontiers).ok()
}
