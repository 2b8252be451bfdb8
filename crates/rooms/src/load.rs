//! Bringing a room's document to the head of its log.

use store::Database;
use store::rooms::{self as log, Head};

use crate::room::Room;
use crate::warm::{Lease, Taken, Warm};
use crate::{Environment, RoomsError};

/// How often a busy room is waited for, a pause each: about the time of two transactions. After
/// that, loading a copy is better than waiting.
const WAITS: usize = 25;

/// A snapshot may be replaced between reading its number and its parts.
const LOADS: usize = 4;

/// A room in use.
pub struct Open<'a> {
    lease: Lease<'a>,
    pub room: Box<Room>,
}

impl Open<'_> {
    pub fn keep(self) {
        self.lease.keep(self.room);
    }
}

/// Takes the room out of `warm` or loads it, at `head` or later: another user of this instance may
/// have committed since `head` was read.
pub async fn open<'a>(
    database: &impl Database,
    warm: &'a Warm,
    environment: &impl Environment,
    head: &Head,
) -> Result<Open<'a>, RoomsError> {
    let mut waits = 0;
    let (lease, room) = loop {
        match warm.take(&head.room) {
            Taken::Warm(lease, room) => break (lease, Some(room)),
            Taken::Cold(lease) => break (lease, None),
            Taken::Busy if waits < WAITS => {
                waits += 1;
                environment.pause().await;
            }
            Taken::Busy => break (warm.beside(&head.room), None),
        }
    };
    let room = match room {
        // Another instance compacted it: joins want the snapshot, and memory does, too.
        Some(old) if old.epoch == head.epoch && old.lacks_snapshot(head.snapshot_seq) => {
            let mut room = load(database, head).await?;
            room.inherit(*old);
            room
        }
        Some(room) if room.epoch == head.epoch => catch_up(database, room, head).await?,
        Some(_) | None => load(database, head).await?,
    };
    Ok(Open { lease, room })
}

/// Imports what the log has after the room, up to `head`.
pub async fn catch_up(
    database: &impl Database,
    mut room: Box<Room>,
    head: &Head,
) -> Result<Box<Room>, RoomsError> {
    if room.seq >= head.head_seq {
        return Ok(room);
    }
    let entries = log::log(database, &head.room, room.seq, head.head_seq).await?;
    if entries.len() as i64 != head.head_seq - room.seq {
        // Compacted away: start from the snapshot.
        return load(database, head).await;
    }
    for entry in &entries {
        room.apply(entry);
    }
    Ok(room)
}

/// Loads the room from the store alone.
pub async fn load(database: &impl Database, head: &Head) -> Result<Box<Room>, RoomsError> {
    let mut head = head.clone();
    for _ in 0..LOADS {
        let snapshot = match head.snapshot_seq {
            0 => None,
            seq => log::snapshot(database, &head.room, seq).await?,
        };
        let entries = log::log(database, &head.room, head.snapshot_seq, head.head_seq).await?;
        let is_whole = (head.snapshot_seq == 0 || snapshot.is_some())
            && entries.len() as i64 == head.head_seq - head.snapshot_seq;
        if is_whole {
            let room = Room::load(head.epoch, head.snapshot_seq, snapshot, &entries);
            return Ok(Box::new(room));
        }
        match log::head(database, &head.room).await? {
            Some(fresh) => head = fresh,
            None => break,
        }
    }
    Err(RoomsError::Gap(head.room))
}
