//! One turn in the making: the inputs of several rooms, and who waits for its answer.

use crate::handle::Handle;
use bytes::Bytes;
use protocol::turn::{Channel, Input, RoomTurn, TurnRequest};
use protocol::{ConnectionId, limits};
use std::collections::HashMap;
use std::sync::Arc;

/// What a turn's joins may ask for together, as far as their rooms' last backfills tell: half an
/// answer, so that many joins of a large room become several turns. One join always goes.
const EXPECTED_BACKFILL_BYTES: usize = limits::TURN_BYTES / 2;
/// Rooms polled in one turn, so that it stays short.
const POLLS_PER_TURN: usize = 256;

#[derive(Default)]
pub(crate) struct Turn {
    rooms: Vec<RoomTurn<Bytes>>,
    index: HashMap<Arc<str>, usize>,
    polls: usize,
    inputs: usize,
    bytes: usize,
    expected_backfill: usize,
    /// Everyone with an input in this turn: closed when it fails.
    pub participants: HashMap<ConnectionId, Arc<Handle>>,
    /// Who joins or leaves: more from them, about this room, belongs to the next turn.
    moving: HashMap<(usize, ConnectionId), Moving>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moving {
    In,
    Out,
}

impl Turn {
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether this turn can take an event of so many bytes.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.inputs == 0
            || (self.inputs < limits::TURN_INPUTS && self.bytes + bytes <= limits::TURN_INPUT_BYTES)
    }

    pub fn has_room_for_backfill(&self, expected: usize) -> bool {
        self.expected_backfill == 0 || self.expected_backfill + expected <= EXPECTED_BACKFILL_BYTES
    }

    pub fn is_moving(&self, room: &str, connection: ConnectionId) -> bool {
        self.index
            .get(room)
            .is_some_and(|at| self.moving.contains_key(&(*at, connection)))
    }

    pub fn join(
        &mut self,
        room: &Arc<str>,
        seen: u64,
        from: Arc<Handle>,
        (channel, auth, version): (Channel, Bytes, Bytes),
        expected: usize,
    ) {
        let connection = from.id;
        self.expected_backfill += expected.max(1);
        let at = self.put(
            room,
            seen,
            from,
            auth.len() + version.len(),
            Input::Join {
                connection,
                channel,
                auth,
                version,
            },
        );
        self.moving.insert((at, connection), Moving::In);
    }

    pub fn leave(&mut self, room: &Arc<str>, seen: u64, from: Arc<Handle>, session: Bytes) {
        let connection = from.id;
        let at = self.put(
            room,
            seen,
            from,
            0,
            Input::Leave {
                connection,
                session,
            },
        );
        self.moving.insert((at, connection), Moving::Out);
    }

    /// Asks about a session. Who is asked about took no part: a failed turn does not close it.
    pub fn check(&mut self, room: &Arc<str>, seen: u64, connection: ConnectionId, session: Bytes) {
        self.inputs += 1;
        let at = self.room(room, seen);
        self.rooms[at].inputs.push(Input::Check {
            connection,
            session,
        });
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Adds an input that moves nobody.
    pub fn input(
        &mut self,
        room: &Arc<str>,
        seen: u64,
        from: Arc<Handle>,
        bytes: usize,
        input: Input<Bytes>,
    ) {
        self.put(room, seen, from, bytes, input);
    }

    /// Asks for the catch-up of a room, unless its inputs ask for it anyway. False: not this time.
    pub fn poll(&mut self, room: &Arc<str>, seen: u64) -> bool {
        if !self.index.contains_key(room) {
            if self.polls >= POLLS_PER_TURN {
                return false;
            }
            self.polls += 1;
            self.room(room, seen);
        }
        true
    }

    pub fn rooms(&self) -> impl Iterator<Item = &Arc<str>> {
        self.index.keys()
    }

    /// Who leaves `room` with this turn.
    pub fn leaving(&self, room: &str) -> Vec<ConnectionId> {
        let Some(at) = self.index.get(room) else {
            return Vec::new();
        };
        let out = self
            .moving
            .iter()
            .filter(|((room, _), moving)| room == at && **moving == Moving::Out);
        out.map(|((_, connection), _)| *connection).collect()
    }

    /// Whether `room` is among those asked about.
    pub fn contains(&self, room: &str) -> bool {
        self.index.contains_key(room)
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// The body, and nothing but the body: the inputs' bytes are not needed after it.
    pub fn encode(&mut self) -> Bytes {
        TurnRequest {
            rooms: std::mem::take(&mut self.rooms),
        }
        .encode()
        .into()
    }

    fn put(
        &mut self,
        room: &Arc<str>,
        seen: u64,
        from: Arc<Handle>,
        bytes: usize,
        input: Input<Bytes>,
    ) -> usize {
        self.inputs += 1;
        self.bytes += bytes;
        self.participants.entry(from.id).or_insert(from);
        let at = self.room(room, seen);
        self.rooms[at].inputs.push(input);
        at
    }

    fn room(&mut self, room: &Arc<str>, seen: u64) -> usize {
        *self.index.entry(room.clone()).or_insert_with(|| {
            self.rooms.push(RoomTurn {
                room: room.to_string(),
                seen,
                inputs: Vec::new(),
            });
            self.rooms.len() - 1
        })
    }
}
