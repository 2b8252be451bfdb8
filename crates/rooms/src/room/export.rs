//! What the document holds, for those who ask by version.

use loro::{ExportMode, LoroDoc, VersionVector};

use super::{Room, SNAPSHOT_JOIN_BYTES};
use crate::RoomsError;

impl Room {
    /// What the document holds.
    pub fn version(&self) -> VersionVector {
        self.document.oplog_vv()
    }

    /// What somebody at `version` lacks, as one update. What waits for its dependencies is not in
    /// it: it comes when it is part of the document.
    pub fn updates_since(&self, version: &VersionVector) -> Result<Vec<u8>, RoomsError> {
        let known = self.known_of(version);
        Ok(self.document.export(ExportMode::updates(&known))?)
    }

    /// A full snapshot, the kept one when nothing was added to it.
    pub fn snapshot(&mut self) -> Result<Vec<u8>, RoomsError> {
        match &self.snapshot {
            Some((version, kept)) if *version == self.document.oplog_vv() => Ok(kept.clone()),
            Some(_) | None => self.export_snapshot(),
        }
    }

    /// Whether the store has a later snapshot than this room, and it matters for joins.
    pub(crate) fn lacks_snapshot(&self, stored_seq: i64) -> bool {
        stored_seq > self.snapshot_seq && self.bytes > SNAPSHOT_JOIN_BYTES
    }

    /// Takes over what `old`, which was this room before it was loaded again, knew besides the
    /// document.
    pub(crate) fn inherit(&mut self, old: Self) {
        self.planned = old
            .planned
            .filter(|planned| planned.is_within(&self.document.oplog_vv()));
    }

    /// Takes the document anew out of a snapshot that was just made, to be stored at `seq`. A
    /// document that was put together from updates and checked out takes twenty times as much
    /// memory as one that reads its snapshot where it must.
    pub fn renew(&mut self, seq: i64) {
        self.snapshot_seq = seq;
        let Some((version, snapshot)) = &self.snapshot else {
            return;
        };
        let document = LoroDoc::new();
        let is_whole = document.import(snapshot).is_ok() && document.oplog_vv() == *version;
        if !is_whole || *version != self.document.oplog_vv() {
            return;
        }
        document.detach();
        for update in &self.pending {
            // They were imported before, and wait again.
            let _ = document.import(update);
        }
        self.snapshot_bytes = snapshot.len();
        self.bytes = self.snapshot_bytes + self.pending_bytes;
        self.is_checked_out = false;
        self.document = document;
    }

    /// True for an update that waits for its dependencies, at least in part.
    pub fn is_pending(&self, update: &[u8]) -> bool {
        self.pending.contains(update)
    }

    /// The part of `version` that this document has, too.
    pub(super) fn known_of(&self, version: &VersionVector) -> VersionVector {
        let own = self.document.oplog_vv();
        own.iter()
            .filter_map(|(peer, end)| {
                let known = version.get(peer).copied().unwrap_or(0).min(*end);
                (known > 0).then_some((*peer, known))
            })
            .collect()
    }
}
