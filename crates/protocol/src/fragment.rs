//! Updates that do not fit one frame: splitting them into a FragmentHeader and Fragments, and
//! putting received ones together again within bounds.

use crate::frame::{AckStatus, Crdt, Frame, Message};
use crate::ids::BatchId;
use crate::limits;
use crate::wire::EncodeError;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// The frames that carry one update: a single DocUpdate, or a header and its fragments.
pub fn encode_update(
    crdt: Crdt,
    room: &str,
    batch: BatchId,
    update: &[u8],
) -> Result<Vec<Vec<u8>>, EncodeError> {
    let frame = |message| {
        Frame {
            crdt,
            room,
            message,
        }
        .encode()
    };
    if update.len() <= limits::FRAGMENT_BYTES {
        return Ok(vec![frame(Message::DocUpdate {
            updates: vec![update],
            batch,
        })?]);
    }
    let pieces = update.chunks(limits::FRAGMENT_BYTES);
    let (count, total_bytes) = (pieces.len() as u64, update.len() as u64);
    let mut frames = Vec::with_capacity(pieces.len() + 1);
    frames.push(frame(Message::FragmentHeader {
        batch,
        count,
        total_bytes,
    })?);
    for (index, data) in pieces.enumerate() {
        frames.push(frame(Message::Fragment {
            batch,
            index: index as u64,
            data,
        })?);
    }
    Ok(frames)
}

/// Why a header or a fragment was refused. The batch it belongs to is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the batch is larger than 8 MiB or has more than 4096 fragments")]
    TooLarge,
    #[error("too many batches are open on this connection")]
    TooManyOpen,
    #[error("the header or the fragment contradicts itself")]
    Inconsistent,
    #[error("no such batch is open; it may have timed out")]
    UnknownBatch,
}

impl Refusal {
    /// The status of the Ack that tells the sender.
    pub fn status(self) -> AckStatus {
        match self {
            Self::TooLarge => AckStatus::TooLarge,
            Self::TooManyOpen => AckStatus::RateLimited,
            Self::Inconsistent => AckStatus::InvalidUpdate,
            Self::UnknownBatch => AckStatus::FragmentTimeout,
        }
    }
}

struct Open {
    count: u64,
    total_bytes: usize,
    expires_at_ms: u64,
    /// The fragments before `next`, in order: nearly always all there is.
    data: Vec<u8>,
    next: u64,
    /// Fragments that came before their turn.
    early: BTreeMap<u64, Vec<u8>>,
    received_bytes: usize,
}

/// The batches of one connection that are still arriving, by room (`K`) and batch.
/// Memory grows only with bytes that were really received.
pub struct Reassembly<K> {
    open: HashMap<(K, BatchId), Open>,
    received_bytes: usize,
}

impl<K: Eq + Hash + Clone> Default for Reassembly<K> {
    fn default() -> Self {
        Self {
            open: HashMap::new(),
            received_bytes: 0,
        }
    }
}

impl<K: Eq + Hash + Clone> Reassembly<K> {
    /// Takes a FragmentHeader. The same batch again starts it over.
    pub fn begin(
        &mut self,
        room: K,
        batch: BatchId,
        count: u64,
        total_bytes: u64,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let key = (room, batch);
        self.forget(&key);
        if total_bytes > limits::REASSEMBLED_BYTES as u64
            || count > limits::FRAGMENTS_PER_BATCH as u64
        {
            return Err(Refusal::TooLarge);
        }
        if count == 0 || count > total_bytes {
            return Err(Refusal::Inconsistent);
        }
        if self.open.len() >= limits::OPEN_REASSEMBLIES {
            return Err(Refusal::TooManyOpen);
        }
        let open = Open {
            count,
            total_bytes: total_bytes as usize,
            expires_at_ms: now_ms.saturating_add(limits::FRAGMENT_TIMEOUT.as_millis() as u64),
            data: Vec::new(),
            next: 0,
            early: BTreeMap::new(),
            received_bytes: 0,
        };
        self.open.insert(key, open);
        Ok(())
    }

    /// Takes a Fragment; the last missing one gives the whole update.
    pub fn add(
        &mut self,
        room: K,
        batch: BatchId,
        index: u64,
        data: &[u8],
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let key = (room, batch);
        let Some(open) = self.open.get_mut(&key) else {
            return Err(Refusal::UnknownBatch);
        };
        let fits = open.received_bytes + data.len() <= open.total_bytes;
        let seen = index < open.next || open.early.contains_key(&index);
        if index >= open.count || data.is_empty() || seen || !fits {
            self.forget(&key);
            return Err(Refusal::Inconsistent);
        }
        if self.received_bytes + data.len() > limits::OPEN_REASSEMBLY_BYTES {
            self.forget(&key);
            return Err(Refusal::TooManyOpen);
        }
        open.received_bytes += data.len();
        self.received_bytes += data.len();
        if index == open.next {
            open.data.extend_from_slice(data);
            open.next += 1;
            while let Some(early) = open.early.remove(&open.next) {
                open.data.extend_from_slice(&early);
                open.next += 1;
            }
        } else {
            open.early.insert(index, data.to_vec());
        }
        if open.next < open.count {
            return Ok(None);
        }
        let whole = open.data.len() == open.total_bytes;
        match self.forget(&key) {
            Some(open) if whole => Ok(Some(open.data)),
            _ => Err(Refusal::Inconsistent),
        }
    }

    /// Forgets and names the batches whose time is over; each is owed an Ack 07.
    pub fn expire(&mut self, now_ms: u64) -> Vec<(K, BatchId)> {
        let over = |open: &Open| open.expires_at_ms <= now_ms;
        let keys: Vec<_> = self
            .open
            .iter()
            .filter(|(_, open)| over(open))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &keys {
            self.forget(key);
        }
        keys
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn forget(&mut self, key: &(K, BatchId)) -> Option<Open> {
        let open = self.open.remove(key)?;
        self.received_bytes -= open.received_bytes;
        Some(open)
    }
}
