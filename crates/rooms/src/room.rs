//! A warm document: kept detached, so that importing an update costs microseconds, and checked out
//! only where its state is wanted.

mod edit;
mod export;
mod plan;
pub(crate) mod soundness;

use std::collections::{HashMap, HashSet};

use loro::{EncodedBlobMode, ExportMode, Frontiers, LoroDoc, PeerID, VersionVector};
use protocol::limits;
use store::rooms::Entry;

use crate::RoomsError;
use crate::author::Author;

/// Pending updates (whose dependencies are missing) that a room keeps: a full first upload whose
/// pieces arrive in the wrong order.
const PENDING_BYTES: usize = limits::REASSEMBLED_BYTES;

/// From this size on a full join is answered with the last snapshot, which clients import lazily,
/// and what came after it, instead of with updates. Compaction makes the snapshots.
const SNAPSHOT_JOIN_BYTES: usize = 256 * 1024;

/// A document takes this many bytes of memory for one byte of its snapshot, which it reads where it
/// must, and for one of the updates after it, before and after the first checkout. Roughly.
const MEMORY_OF_SNAPSHOT: usize = 2;
const MEMORY_OF_UPDATES: usize = 12;
const MEMORY_OF_STATE: usize = 40;

/// What an empty document takes.
const MEMORY_BASE: usize = 16 * 1024;

/// A room's document at a sequence number of its log.
pub struct Room {
    document: LoroDoc,
    /// The creation time of the project.
    pub epoch: i64,
    /// The document holds the log up to here.
    pub seq: i64,
    /// Bytes that were imported: a measure of size.
    bytes: usize,
    /// Those among them that came as a snapshot.
    snapshot_bytes: usize,
    /// The document has been read since it was made of them.
    is_checked_out: bool,
    /// Updates that wait for their dependencies, to know a repeat.
    pending: HashSet<Box<[u8]>>,
    pending_bytes: usize,
    /// Up to where the store's snapshot goes that this room knows of.
    snapshot_seq: i64,
    /// A full snapshot for joins, and what it holds.
    snapshot: Option<(VersionVector, Vec<u8>)>,
    /// Under which peer each author edits here, but for the server's own. Nobody else uses these
    /// peers: whatever a room wrote and could not commit goes away with it.
    peers: HashMap<String, PeerID>,
    is_tainted: bool,
    /// What the node processor has seen.
    planned: Option<plan::Planned>,
}

/// What becomes of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It brings something: append and broadcast it. It may wait for its dependencies.
    Append,
    /// Everything in it is known.
    NothingNew,
    /// Not an update.
    Invalid,
    /// Larger than an update may be.
    TooLarge,
    /// Too much waits for its dependencies already.
    TooMuchPending,
}

/// What a joiner lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// The room's version.
    pub version: Vec<u8>,
    /// To be imported in this order.
    pub updates: Vec<Vec<u8>>,
}

impl Backfill {
    pub fn bytes(&self) -> usize {
        self.version.len() + self.updates.iter().map(Vec::len).sum::<usize>()
    }
}

impl Room {
    /// A room from its snapshot and the log after it. What cannot be imported is skipped: the log
    /// holds only what was imported once, and one bad entry must not lock a room for ever.
    pub fn load(epoch: i64, snapshot_seq: i64, snapshot: Option<Vec<u8>>, log: &[Entry]) -> Self {
        let document = LoroDoc::new();
        let mut bytes = 0;
        if let Some(snapshot) = &snapshot {
            bytes = snapshot.len();
            let _ = document.import(snapshot);
        }
        document.detach();
        let version = document.oplog_vv();
        let mut room = Self {
            document,
            epoch,
            seq: snapshot_seq,
            bytes,
            snapshot_bytes: bytes,
            is_checked_out: false,
            pending: HashSet::new(),
            pending_bytes: 0,
            snapshot_seq,
            snapshot: snapshot.map(|snapshot| (version, snapshot)),
            peers: HashMap::new(),
            is_tainted: false,
            planned: None,
        };
        for entry in log {
            room.apply(entry);
        }
        room
    }

    /// Imports the next entry of the log.
    pub fn apply(&mut self, entry: &Entry) {
        self.import(&entry.bytes);
        // The log is the truth, whatever the import says of it.
        self.is_tainted = false;
        self.seq = entry.seq;
    }

    /// Decides about an update of a client, and imports it if it is one.
    pub fn check_update(&mut self, bytes: &[u8]) -> Fate {
        if bytes.len() > limits::REASSEMBLED_BYTES {
            return Fate::TooLarge;
        }
        if !is_update(bytes) {
            return Fate::Invalid;
        }
        self.import(bytes)
    }

    /// An import went wrong in a way that may have left part of it in the document: the room must
    /// be loaded again before it is used.
    pub fn is_tainted(&self) -> bool {
        self.is_tainted
    }

    fn import(&mut self, bytes: &[u8]) -> Fate {
        let before = self.document.oplog_vv();
        let status = match self.document.import(bytes) {
            Ok(status) => status,
            Err(_) => {
                self.is_tainted |= self.document.oplog_vv() != before;
                return Fate::Invalid;
            }
        };
        let brought = self.document.oplog_vv() != before;
        if brought && !soundness::is_sound(&self.document, &status.success) {
            self.is_tainted = true;
            return Fate::Invalid;
        }
        if status.pending.is_some_and(|pending| !pending.is_empty()) {
            if self.pending.contains(bytes) && !brought {
                return Fate::NothingNew;
            }
            if self.pending_bytes + bytes.len() > PENDING_BYTES {
                self.is_tainted = true;
                return Fate::TooMuchPending;
            }
            if self.pending.insert(bytes.into()) {
                self.pending_bytes += bytes.len();
            }
        } else if !brought {
            return Fate::NothingNew;
        } else if !self.pending.is_empty() && matches!(self.pending_updates(), Ok(None)) {
            self.pending.clear();
            self.pending_bytes = 0;
        }
        self.bytes += bytes.len();
        Fate::Append
    }

    /// What a client at `version` lacks. What the room has pending comes along: the client must
    /// hold it, too, when the missing base arrives.
    ///
    /// Nothing here needs the document's state: a checkout of a large one takes seconds, during
    /// which every other room would wait.
    pub fn answer_join(&mut self, version: &VersionVector) -> Result<Backfill, RoomsError> {
        let own = self.document.oplog_vv();
        let known = self.known_of(version);
        let mut updates = Vec::new();
        if known != own {
            match &self.snapshot {
                Some((at, snapshot)) if version.is_empty() && self.bytes > SNAPSHOT_JOIN_BYTES => {
                    updates.push(snapshot.clone());
                    if *at != own {
                        updates.push(self.document.export(ExportMode::updates(at))?);
                    }
                }
                Some(_) | None => updates.push(self.document.export(ExportMode::updates(&known))?),
            }
        }
        updates.extend(self.pending_updates()?);
        Ok(Backfill {
            version: own.encode(),
            updates,
        })
    }

    /// A full snapshot at the latest version, which is kept for joins. Checked out first: exporting
    /// one while detached would travel through the whole history.
    pub fn export_snapshot(&mut self) -> Result<Vec<u8>, RoomsError> {
        let snapshot = self.at_latest(|document| document.export(ExportMode::Snapshot))??;
        self.snapshot = Some((self.document.oplog_vv(), snapshot.clone()));
        Ok(snapshot)
    }

    /// What waits for its dependencies, as one update.
    pub fn pending_updates(&self) -> Result<Option<Vec<u8>>, RoomsError> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        Ok(self.document.export_pending_updates()?)
    }

    /// Everything the room has, for those whose version is unknown.
    pub fn export_all(&self) -> Result<Vec<u8>, RoomsError> {
        Ok(self.document.export(ExportMode::all_updates())?)
    }

    /// Reads the document at its latest version.
    pub fn at_latest<T>(&mut self, read: impl FnOnce(&LoroDoc) -> T) -> Result<T, RoomsError> {
        self.check_out()?;
        let read = read(&self.document);
        self.document.detach();
        Ok(read)
    }

    /// Edits the document under the server's name and returns the update, or `None` when nothing
    /// changed. The room holds the edit then: it must be dropped unless the update is committed.
    pub fn edit<E>(
        &mut self,
        write: impl FnOnce(&LoroDoc) -> Result<(), E>,
    ) -> Result<Option<Vec<u8>>, RoomsError>
    where
        RoomsError: From<E>,
    {
        self.edit_by(&Author::Server, write)
    }

    fn check_out(&mut self) -> Result<(), RoomsError> {
        self.is_checked_out = true;
        // The first can fail where the second would panic.
        self.document.checkout(&self.document.oplog_frontiers())?;
        self.document.checkout_to_latest();
        Ok(())
    }

    /// Where the document's history ends.
    pub fn frontiers(&self) -> Frontiers {
        self.document.oplog_frontiers()
    }

    /// Bytes of the log and snapshot that the room was made of.
    pub fn size(&self) -> usize {
        self.bytes
    }

    /// Roughly what the room takes in memory.
    pub fn memory(&self) -> usize {
        let kept = self.snapshot.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let per_byte = match self.is_checked_out {
            true => MEMORY_OF_STATE,
            false => MEMORY_OF_UPDATES,
        };
        MEMORY_BASE
            + kept
            + self.snapshot_bytes * MEMORY_OF_SNAPSHOT
            + (self.bytes - self.snapshot_bytes) * per_byte
    }
}

/// Reads the version of a join. Empty bytes are an empty version.
pub fn read_version(bytes: &[u8]) -> Option<VersionVector> {
    if bytes.is_empty() {
        return Some(VersionVector::default());
    }
    VersionVector::decode(bytes).ok()
}

/// A whole update or full snapshot with a right checksum. Shallow snapshots are refused: they would
/// cut the history that older clients still need.
pub fn is_update(bytes: &[u8]) -> bool {
    match LoroDoc::decode_import_blob_meta(bytes, true).map(|meta| meta.mode) {
        Ok(EncodedBlobMode::Updates | EncodedBlobMode::Snapshot) => true,
        Ok(
            EncodedBlobMode::ShallowSnapshot
            | EncodedBlobMode::OutdatedSnapshot
            | EncodedBlobMode::OutdatedRle,
        )
        | Err(_) => false,
    }
}
