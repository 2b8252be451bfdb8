//! Somebody in a room, as the npm client is: what is not acked is dropped with the connection, and
//! found again by versions at the next join.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use loro::{ExportMode, LoroDoc, VersionVector};

use super::common::{edge, edit, since};
use super::random::Random;

const NODES: usize = 4;

/// One in so many edits is too large for a part of the log.
const LARGE_ONE_IN: usize = 300;

/// What the checksum of an update does not cover: magic, checksum and unused bytes before it.
const UNCHECKED: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Editor,
    /// Reads.
    Viewer,
    /// May read, and writes.
    Intruder,
    /// May do nothing, and tries.
    Stranger,
    /// An editor who becomes an intruder or a stranger.
    Leaver,
}

impl Role {
    pub fn may_write(self) -> bool {
        matches!(self, Self::Editor | Self::Leaver)
    }
    /// Whether its document must be like everybody's in the end.
    pub fn is_honest(self) -> bool {
        matches!(self, Self::Editor | Self::Viewer)
    }
}

/// What a client sends.
#[derive(Clone, Debug)]
pub enum Up {
    Join { version: Vec<u8> },
    Update { batch: u64, updates: Vec<Vec<u8>> },
    Leave,
}

/// What it hears.
#[derive(Clone, Debug)]
pub enum Down {
    Joined {
        version: Vec<u8>,
        backfill: Vec<Vec<u8>>,
    },
    Refused,
    RoomError {
        /// False when it only has to join again.
        is_out: bool,
    },
    Updates(Vec<Vec<u8>>),
    Ack {
        batch: u64,
        status: u8,
    },
}

/// A socket: what is under way in it is lost with it, in both directions.
pub struct Connection {
    pub client: usize,
    pub edge: usize,
    pub room: usize,
    pub auth: Vec<u8>,
    pub up: VecDeque<Up>,
    pub down: VecDeque<Down>,
}

pub struct Client {
    pub room: usize,
    pub role: Role,
    pub document: LoroDoc,
    pub connection: Option<u64>,
    pub is_joined: bool,
    /// What was sent on this connection and not acked, with its end.
    batches: BTreeMap<u64, VersionVector>,
    garbage: BTreeSet<u64>,
    next_batch: u64,
    /// What the room may never lose.
    pub acked: VersionVector,
    /// Somebody has edits of this one that the room may lack.
    pub is_shared: bool,
}

impl Client {
    pub fn new(room: usize, role: Role, peer: u64) -> Self {
        Self {
            room,
            role,
            document: document(peer),
            connection: None,
            is_joined: false,
            batches: BTreeMap::new(),
            garbage: BTreeSet::new(),
            next_batch: 1,
            acked: VersionVector::default(),
            is_shared: false,
        }
    }

    pub fn join(&self) -> Up {
        Up::Join {
            version: self.document.oplog_vv().encode(),
        }
    }

    pub fn disconnected(&mut self) {
        self.left();
        self.connection = None;
        self.garbage.clear();
    }

    /// Out of the room: what was not acked waits for the next join.
    pub fn left(&mut self) {
        self.is_joined = false;
        self.batches.clear();
    }

    /// All that it made is in the room, and nobody waits for an ack.
    pub fn is_settled(&self) -> bool {
        self.is_joined && self.batches.is_empty()
    }

    /// Makes some edits, and frames of them if it is in the room.
    pub fn edit(&mut self, random: &mut Random) -> Vec<Up> {
        let mut updates = Vec::new();
        for _ in 0..1 + random.below(3) {
            updates.push(self.edit_once(random));
        }
        let may_send = self.is_joined || !self.role.may_write();
        if !may_send {
            return Vec::new();
        }
        // An update may come before its base, and twice. The base of somebody who is put out would
        // never come.
        if self.role == Role::Editor && random.one_in(3) {
            updates.reverse();
        }
        if random.one_in(6) {
            updates.push(updates[0].clone());
        }
        match random.one_in(2) {
            true => vec![self.send(updates)],
            false => updates
                .into_iter()
                .map(|update| self.send(vec![update]))
                .collect(),
        }
    }

    fn edit_once(&mut self, random: &mut Random) -> Vec<u8> {
        let node = |random: &mut Random| format!("n{}", random.below(NODES));
        if random.one_in(8) {
            let (source, target) = (node(random), node(random));
            return edge(
                &self.document,
                &format!("{source}-{target}"),
                &source,
                &target,
            );
        }
        let id = node(random);
        if random.one_in(LARGE_ONE_IN) {
            let large = "x".repeat(store::rooms::PART_BYTES + 1);
            return edit(&self.document, &id, &[("prompt", large.into())]);
        }
        let status = match random.below(8) {
            0 => "pending",
            1 => "completed",
            _ => "idle",
        };
        let fields = [
            ("type", "image".into()),
            ("x", (random.below(1000) as f64).into()),
            ("status", status.into()),
            ("deleted", random.one_in(20).into()),
        ];
        edit(&self.document, &id, &fields)
    }

    fn send(&mut self, updates: Vec<Vec<u8>>) -> Up {
        let batch = self.next_batch;
        self.next_batch += 1;
        let mut end = VersionVector::default();
        for update in &updates {
            let meta = LoroDoc::decode_import_blob_meta(update, true).unwrap();
            end.merge(&meta.partial_end_vv);
        }
        self.batches.insert(batch, end);
        Up::Update { batch, updates }
    }

    /// A batch that must not be taken: `good` stands in it beside what is none.
    pub fn send_garbage(&mut self, good: Vec<u8>, random: &mut Random) -> Up {
        let batch = self.next_batch;
        self.next_batch += 1;
        self.garbage.insert(batch);
        let mut broken = good.clone();
        let at = UNCHECKED + random.below(broken.len() - UNCHECKED);
        broken[at] ^= 1 << random.below(8);
        let updates = match random.below(3) {
            0 => vec![good, broken],
            1 => vec![good[..random.below(good.len())].to_vec()],
            _ => vec![broken],
        };
        Up::Update { batch, updates }
    }

    /// Takes a message, and says what it answers.
    pub fn receive(&mut self, message: Down) -> Vec<Up> {
        match message {
            Down::Joined { version, backfill } => {
                self.import(&backfill);
                self.is_joined = true;
                let theirs = VersionVector::decode(&version).unwrap();
                let lacks = !theirs.includes_vv(&self.document.oplog_vv());
                if !lacks || !self.role.may_write() {
                    return Vec::new();
                }
                let update = match theirs.is_empty() {
                    true => self.document.export(ExportMode::Snapshot).unwrap(),
                    false => since(&self.document, &theirs),
                };
                vec![self.send(vec![update])]
            }
            Down::Refused => {
                assert_eq!(self.role, Role::Stranger);
                self.left();
                Vec::new()
            }
            Down::RoomError { is_out } => {
                if is_out {
                    self.left();
                }
                vec![self.join()]
            }
            Down::Updates(updates) => {
                self.import(&updates);
                Vec::new()
            }
            Down::Ack { batch, status } => self.acked(batch, status),
        }
    }

    fn import(&self, updates: &[Vec<u8>]) {
        for update in updates {
            self.document.import(update).unwrap();
        }
    }

    fn acked(&mut self, batch: u64, status: u8) -> Vec<Up> {
        if self.garbage.remove(&batch) {
            assert!(matches!(status, 3 | 4), "garbage is acked {status}");
            return Vec::new();
        }
        let end = self.batches.remove(&batch).unwrap_or_default();
        match status {
            // Somebody who was put out may hear late of what was acked before.
            0 => self.acked.merge(&end),
            // The session has expired: a RoomError says so, and the rejoin brings what the room lacks.
            3 => self.left(),
            _ => panic!("{:?} is acked {status}", self.role),
        }
        Vec::new()
    }
}

pub fn document(peer: u64) -> LoroDoc {
    let document = LoroDoc::new();
    document.set_peer_id(peer).unwrap();
    document
}
