//! What one connection may say: frames in, events for lanes and immediate replies out. No IO.

use crate::handle::{Closing, Handle};
use crate::queue::{Event, Wish};
use bytes::Bytes;
use protocol::fragment::{Reassembly, Refusal};
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message};
use protocol::{BatchId, ProjectId, limits};
use std::collections::HashSet;
use std::sync::Arc;

pub(crate) struct Connection {
    pub handle: Arc<Handle>,
    /// The only room this connection may speak of, when its address named one.
    project: Option<ProjectId>,
    /// The token of the upgrade request, for joins that bring none.
    token: Bytes,
    /// Rooms joined or being joined.
    rooms: HashSet<Arc<str>>,
    reassembly: Reassembly<Arc<str>>,
}

/// What a frame leads to.
#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    Event(Event),
    Reply(Bytes),
}

impl Connection {
    pub fn new(handle: Arc<Handle>, project: Option<ProjectId>, token: Bytes) -> Self {
        Self {
            handle,
            project,
            token,
            rooms: HashSet::new(),
            reassembly: Reassembly::default(),
        }
    }

    pub fn on_frame(&mut self, bytes: &Bytes, now_ms: u64) -> Result<Step, Closing> {
        let frame =
            Frame::decode(bytes).map_err(|error| Closing::protocol_error(error.to_string()))?;
        if self
            .project
            .as_ref()
            .is_some_and(|project| project.as_str() != frame.room)
        {
            return self.on_stranger(&frame, "this address serves one room only");
        }
        if frame.crdt != Crdt::Loro {
            return self.on_stranger(
                &frame,
                "only Loro documents are served, presence is not served yet",
            );
        }
        let room = self.rooms.get(frame.room).cloned();
        match frame.message {
            Message::JoinRequest { auth, version } => {
                Ok(self.on_join(frame.room, bytes.slice_ref(auth), bytes.slice_ref(version)))
            }
            Message::DocUpdate { ref updates, batch } => match room {
                Some(room) => {
                    let updates = updates
                        .iter()
                        .map(|update| bytes.slice_ref(update))
                        .collect();
                    Ok(self.event(room, Wish::Update { batch, updates }))
                }
                None => self.on_stranger(&frame, ""),
            },
            Message::FragmentHeader {
                batch,
                count,
                total_bytes,
            } => match room {
                Some(room) => {
                    match self
                        .reassembly
                        .begin(room.clone(), batch, count, total_bytes, now_ms)
                    {
                        Ok(()) => Ok(Step::Nothing),
                        Err(refusal) => Ok(ack(Crdt::Loro, &room, batch, refusal.status())),
                    }
                }
                None => self.on_stranger(&frame, ""),
            },
            Message::Fragment { batch, index, data } => {
                let Some(room) = room else {
                    return Ok(Step::Nothing);
                };
                match self.reassembly.add(room.clone(), batch, index, data) {
                    Ok(Some(update)) => Ok(self.event(
                        room,
                        Wish::Update {
                            batch,
                            updates: vec![update.into()],
                        },
                    )),
                    // What is left of a batch that was refused or timed out, and acked then.
                    Ok(None) | Err(Refusal::UnknownBatch) => Ok(Step::Nothing),
                    Err(refusal) => Ok(ack(Crdt::Loro, &room, batch, refusal.status())),
                }
            }
            Message::Leave => match self.rooms.take(frame.room) {
                Some(room) => Ok(self.event(room, Wish::Leave)),
                None => Ok(Step::Nothing),
            },
            // A client acks only failures, and reports joins that it could not use: neither
            // changes anything here, it recovers by joining again.
            Message::Ack { .. }
            | Message::JoinOk { .. }
            | Message::JoinError { .. }
            | Message::RoomError { .. } => Ok(Step::Nothing),
        }
    }

    fn on_join(&mut self, room: &str, auth: Bytes, version: Bytes) -> Step {
        let refuse = |code, message| join_error(Crdt::Loro, room, code, message);
        if !ProjectId::is_valid(room) {
            return refuse(JoinErrorCode::AuthFailed, "not found");
        }
        let room = match self.rooms.get(room) {
            Some(room) => room.clone(),
            None if self.rooms.len() >= limits::ROOMS_PER_CONNECTION => {
                return refuse(
                    JoinErrorCode::Unknown,
                    "a connection holds at most 64 rooms",
                );
            }
            None => {
                let room: Arc<str> = room.into();
                self.rooms.insert(room.clone());
                room
            }
        };
        let auth = if auth.is_empty() {
            self.token.clone()
        } else {
            auth
        };
        self.event(room, Wish::Join { auth, version })
    }

    /// Frames of rooms that this connection is not in: joins and updates are answered, so that
    /// the client does not wait; the rest has no answer.
    fn on_stranger(&self, frame: &Frame<'_>, why: &str) -> Result<Step, Closing> {
        Ok(match frame.message {
            Message::JoinRequest { .. } => {
                join_error(frame.crdt, frame.room, JoinErrorCode::Unknown, why)
            }
            Message::DocUpdate { batch, .. } | Message::FragmentHeader { batch, .. } => {
                ack(frame.crdt, frame.room, batch, AckStatus::PermissionDenied)
            }
            _ => Step::Nothing,
        })
    }

    pub fn on_joined(&mut self, room: Arc<str>) {
        self.rooms.insert(room);
    }

    /// The lane says that this connection is not a member (any more).
    pub fn on_left(&mut self, room: &str) {
        self.rooms.remove(room);
    }

    pub fn waits_for_fragments(&self) -> bool {
        !self.reassembly.is_empty()
    }

    /// Acks 07 for batches whose time is over.
    pub fn expire_fragments(&mut self, now_ms: u64) -> Vec<Bytes> {
        let expired = self.reassembly.expire(now_ms);
        let acks = expired
            .iter()
            .map(|(room, batch)| ack(Crdt::Loro, room, *batch, AckStatus::FragmentTimeout));
        acks.filter_map(|step| {
            if let Step::Reply(bytes) = step {
                Some(bytes)
            } else {
                None
            }
        })
        .collect()
    }

    /// The connection ended: a Leave for each room.
    pub fn end(&mut self) -> Vec<Event> {
        let rooms = std::mem::take(&mut self.rooms);
        rooms
            .into_iter()
            .map(|room| Event {
                room,
                from: self.handle.clone(),
                wish: Wish::Leave,
            })
            .collect()
    }

    fn event(&self, room: Arc<str>, wish: Wish) -> Step {
        Step::Event(Event {
            room,
            from: self.handle.clone(),
            wish,
        })
    }
}

fn ack(crdt: Crdt, room: &str, batch: BatchId, status: AckStatus) -> Step {
    reply(&Frame {
        crdt,
        room,
        message: Message::Ack { batch, status },
    })
}

fn join_error(crdt: Crdt, room: &str, code: JoinErrorCode, message: &str) -> Step {
    reply(&Frame {
        crdt,
        room,
        message: Message::JoinError {
            code,
            message,
            version: None,
            app_code: None,
        },
    })
}

fn reply(frame: &Frame<'_>) -> Step {
    // These frames are small and their room came in a frame: they always encode.
    frame
        .encode()
        .map_or(Step::Nothing, |bytes| Step::Reply(bytes.into()))
}

#[cfg(test)]
mod tests;
