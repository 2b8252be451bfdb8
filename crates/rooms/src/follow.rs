//! Following a room without holding its document: what changed since the last look, as JSON.

use canvas::changes::{self, Changes};
use loro::VersionVector;
use store::Database;
use store::rooms::{self as log, Head};

use crate::room::Room;
use crate::warm::Warm;
use crate::{Environment, RoomsError, load};

/// Entries whose authors are told with one change.
const AUTHORS: i64 = 256;

/// Somebody who follows a room, and how far they have come.
#[derive(Clone, Debug)]
pub struct Follower {
    room: String,
    epoch: i64,
    seq: i64,
    /// What the document held at `seq`.
    version: VersionVector,
}

/// What a look finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    Nothing,
    Change(Change),
    /// More than can be told: the document is to be read anew. It holds everything up to here.
    Reset {
        seq: i64,
    },
    /// There is no such project (any more).
    Gone,
}

/// What one entry or several changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The last entry.
    pub seq: i64,
    /// Who wrote the last entry, and when.
    pub actor: String,
    pub at_ms: i64,
    /// All who wrote, each once.
    pub actors: Vec<String>,
    pub changes: Changes,
}

impl Follower {
    /// Follows a room from now on, or from an entry that was seen. Returns false with it when that
    /// entry is out of reach (the log was compacted, or is that of another project): then it
    /// follows from now on, and what lies between must be read as a whole. `None` when there is
    /// no such project.
    pub async fn start(
        database: &impl Database,
        warm: &Warm,
        environment: &impl Environment,
        room: &str,
        after: Option<i64>,
    ) -> Result<Option<(Self, bool)>, RoomsError> {
        let Some(head) = log::head(database, room).await? else {
            return Ok(None);
        };
        if let Some(seq) = after.filter(|seq| *seq < head.head_seq)
            && let Some(version) = version_at(database, &head, seq).await?
        {
            let follower = Self {
                room: head.room,
                epoch: head.epoch,
                seq,
                version,
            };
            return Ok(Some((follower, true)));
        }
        let open = load::open(database, warm, environment, &head).await?;
        let follower = Self {
            room: head.room,
            epoch: open.room.epoch,
            seq: open.room.seq,
            version: open.room.version(),
        };
        open.keep();
        let is_whole = after.is_none_or(|seq| seq == follower.seq);
        Ok(Some((follower, is_whole)))
    }

    /// Up to where the room was followed.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// What came since the last look.
    pub async fn look(
        &mut self,
        database: &impl Database,
        warm: &Warm,
        environment: &impl Environment,
    ) -> Result<Look, RoomsError> {
        let head = match log::head(database, &self.room).await? {
            Some(head) if head.epoch == self.epoch => head,
            Some(_) | None => return Ok(Look::Gone),
        };
        if head.head_seq <= self.seq {
            return Ok(Look::Nothing);
        }
        let mut open = load::open(database, warm, environment, &head).await?;
        let changes = open
            .room
            .at_latest(|document| changes::since(document, &self.version))?;
        let after = self.seq;
        self.seq = open.room.seq;
        self.version = open.room.version();
        open.keep();
        let changes = match changes {
            None => return Ok(Look::Reset { seq: self.seq }),
            // Updates that wait for what they build on.
            Some(changes) if changes.is_empty() => return Ok(Look::Nothing),
            Some(changes) => changes,
        };
        let authors = log::authors(database, &self.room, after, self.seq, AUTHORS).await?;
        let Some(last) = authors.first().cloned() else {
            return Ok(Look::Reset { seq: self.seq });
        };
        let mut actors: Vec<String> = Vec::new();
        for author in authors.into_iter().rev() {
            if !actors.contains(&author.actor) {
                actors.push(author.actor);
            }
        }
        Ok(Look::Change(Change {
            seq: self.seq,
            actor: last.actor,
            at_ms: last.at_ms,
            actors,
            changes,
        }))
    }
}

/// What the document held at an earlier entry; `None` when the log does not reach back to it.
async fn version_at(
    database: &impl Database,
    head: &Head,
    seq: i64,
) -> Result<Option<VersionVector>, RoomsError> {
    if seq < head.snapshot_seq {
        return Ok(None);
    }
    let snapshot = match head.snapshot_seq {
        0 => None,
        at => match log::snapshot(database, &head.room, at).await? {
            Some(snapshot) => Some(snapshot),
            // Compacted again at this moment.
            None => return Ok(None),
        },
    };
    let entries = log::log(database, &head.room, head.snapshot_seq, seq).await?;
    let is_whole = entries.len() as i64 == seq - head.snapshot_seq;
    Ok(is_whole.then(|| Room::load(head.epoch, head.snapshot_seq, snapshot, &entries).version()))
}
