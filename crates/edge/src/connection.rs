//! What one connection may say: frames in, events for lanes and immediate replies out. No IO.

use crate::handle::{Closing, Handle};
use crate::metrics::{Dropped, Metrics};
use crate::options::Limits;
use crate::presence::Presences;
use crate::queue::{Event, Wish};
use crate::rate::Bucket;
use bytes::Bytes;
use protocol::fragment::{Reassembly, Refusal};
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message};
use protocol::turn::Channel;
use protocol::{BatchId, ProjectId, limits};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) struct Connection {
    pub handle: Arc<Handle>,
    /// The only room this connection may speak of, when its address named one.
    project: Option<ProjectId>,
    /// The token of the upgrade request, for joins that bring none.
    token: Bytes,
    /// Rooms joined or being joined.
    rooms: HashMap<Arc<str>, Channels>,
    reassembly: Reassembly<Arc<str>>,
    presences: Arc<Presences>,
    metrics: Arc<Metrics>,
    rates: Rates,
}

/// What is joined or being joined of a room.
#[derive(Debug, Default, Clone, Copy)]
struct Channels {
    document: bool,
    presence: bool,
}

impl Channels {
    fn of(&mut self, channel: Channel) -> &mut bool {
        match channel {
            Channel::Document => &mut self.document,
            Channel::Presence => &mut self.presence,
        }
    }
}

/// What one connection may send.
struct Rates {
    updates: Bucket,
    bytes: Bucket,
    joins: Bucket,
    presence: Bucket,
}

/// What a frame leads to.
#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    Event(Event),
    Reply(Bytes),
}

impl Connection {
    pub fn new(
        handle: Arc<Handle>,
        project: Option<ProjectId>,
        token: Bytes,
        presences: Arc<Presences>,
        metrics: Arc<Metrics>,
        limits: &Limits,
    ) -> Self {
        Self {
            handle,
            project,
            token,
            rooms: HashMap::new(),
            reassembly: Reassembly::default(),
            presences,
            metrics,
            rates: Rates {
                updates: Bucket::new(limits.connection_updates),
                bytes: Bucket::new(limits.connection_bytes),
                joins: Bucket::new(limits.connection_joins),
                presence: Bucket::new(limits.connection_presence),
            },
        }
    }

    pub fn on_frame(&mut self, bytes: &Bytes, now_ms: u64) -> Result<Step, Closing> {
        let frame = Frame::decode(bytes).map_err(|error| {
            self.metrics.dropped(Dropped::ProtocolError);
            Closing::protocol_error(error.to_string())
        })?;
        if self
            .project
            .as_ref()
            .is_some_and(|project| project.as_str() != frame.room)
        {
            return Ok(on_stranger(&frame, "this address serves one room only"));
        }
        Ok(match frame.crdt {
            Crdt::Loro => self.on_document(frame, bytes, now_ms),
            Crdt::Presence => self.on_presence(frame, bytes, now_ms),
            _ => on_stranger(
                &frame,
                "only Loro documents (%LOR) and presence (%EPH) are served",
            ),
        })
    }

    fn on_document(&mut self, frame: Frame<'_>, bytes: &Bytes, now_ms: u64) -> Step {
        let room = self.room(frame.room, Channel::Document);
        match frame.message {
            Message::JoinRequest { auth, version } => {
                let (auth, version) = (bytes.slice_ref(auth), bytes.slice_ref(version));
                self.on_join(frame.room, Channel::Document, auth, version, now_ms)
            }
            Message::DocUpdate { ref updates, batch } => match room {
                Some(room) => {
                    let length = updates.iter().map(|update| update.len()).sum();
                    if let Some(refused) = self.over_rate(&room, batch, length, now_ms) {
                        return refused;
                    }
                    let updates = updates
                        .iter()
                        .map(|update| bytes.slice_ref(update))
                        .collect();
                    self.event(room, Wish::Update { batch, updates })
                }
                None => on_stranger(&frame, ""),
            },
            Message::FragmentHeader {
                batch,
                count,
                total_bytes,
            } => match room {
                Some(room) => {
                    let length = usize::try_from(total_bytes).unwrap_or(usize::MAX);
                    let length = length.min(limits::REASSEMBLED_BYTES);
                    if let Some(refused) = self.over_rate(&room, batch, length, now_ms) {
                        return refused;
                    }
                    match self
                        .reassembly
                        .begin(room.clone(), batch, count, total_bytes, now_ms)
                    {
                        Ok(()) => Step::Nothing,
                        Err(refusal) => ack(Crdt::Loro, &room, batch, refusal.status()),
                    }
                }
                None => on_stranger(&frame, ""),
            },
            Message::Fragment { batch, index, data } => {
                let Some(room) = room else {
                    return Step::Nothing;
                };
                match self.reassembly.add(room.clone(), batch, index, data) {
                    Ok(Some(update)) => {
                        let updates = vec![update.into()];
                        self.event(room, Wish::Update { batch, updates })
                    }
                    // What is left of a batch that was refused or timed out, and acked then.
                    Ok(None) | Err(Refusal::UnknownBatch) => Step::Nothing,
                    Err(refusal) => ack(Crdt::Loro, &room, batch, refusal.status()),
                }
            }
            Message::Leave => self.on_leave(room, Channel::Document),
            // A client acks only failures, and reports joins that it could not use: neither
            // changes anything here, it recovers by joining again.
            Message::Ack { .. }
            | Message::JoinOk { .. }
            | Message::JoinError { .. }
            | Message::RoomError { .. } => Step::Nothing,
        }
    }

    /// Presence goes past the lanes; only who may be there at all is a question for a turn.
    fn on_presence(&mut self, frame: Frame<'_>, bytes: &Bytes, now_ms: u64) -> Step {
        let room = self.room(frame.room, Channel::Presence);
        match frame.message {
            Message::JoinRequest { auth, version } => {
                let (auth, version) = (bytes.slice_ref(auth), bytes.slice_ref(version));
                self.on_join(frame.room, Channel::Presence, auth, version, now_ms)
            }
            Message::DocUpdate { ref updates, batch } => match room {
                Some(room) => {
                    let status = if self.rates.presence.take(1.0, now_ms) {
                        self.presences.update(&room, self.handle.id, updates)
                    } else {
                        self.metrics.dropped(Dropped::ConnectionRate);
                        AckStatus::RateLimited
                    };
                    ack(Crdt::Presence, &room, batch, status)
                }
                None => on_stranger(&frame, ""),
            },
            // What does not fit one frame is more than anybody may show.
            Message::FragmentHeader { batch, .. } => match room {
                Some(room) => ack(Crdt::Presence, &room, batch, AckStatus::TooLarge),
                None => on_stranger(&frame, ""),
            },
            Message::Leave => self.on_leave(room, Channel::Presence),
            Message::Fragment { .. }
            | Message::Ack { .. }
            | Message::JoinOk { .. }
            | Message::JoinError { .. }
            | Message::RoomError { .. } => Step::Nothing,
        }
    }

    /// The room, when this channel of it is joined or being joined.
    fn room(&self, name: &str, channel: Channel) -> Option<Arc<str>> {
        let (room, channels) = self.rooms.get_key_value(name)?;
        let mut channels = *channels;
        channels.of(channel).then(|| room.clone())
    }

    /// The refusal of a batch that comes too soon after the others.
    fn over_rate(
        &mut self,
        room: &Arc<str>,
        batch: BatchId,
        bytes: usize,
        now_ms: u64,
    ) -> Option<Step> {
        let is_within =
            self.rates.updates.take(1.0, now_ms) && self.rates.bytes.take(bytes as f64, now_ms);
        if is_within {
            return None;
        }
        self.metrics.dropped(Dropped::ConnectionRate);
        Some(ack(Crdt::Loro, room, batch, AckStatus::RateLimited))
    }

    fn on_join(
        &mut self,
        room: &str,
        channel: Channel,
        auth: Bytes,
        version: Bytes,
        now_ms: u64,
    ) -> Step {
        let refuse = |code, message| join_error(crdt(channel), room, code, message);
        if !ProjectId::is_valid(room) {
            return refuse(JoinErrorCode::AuthFailed, "not found");
        }
        if !self.rates.joins.take(1.0, now_ms) {
            self.metrics.dropped(Dropped::ConnectionRate);
            return refuse(
                JoinErrorCode::Application,
                "too many joins, try again later",
            );
        }
        let room = match self.rooms.get_key_value(room) {
            Some((room, _)) => room.clone(),
            None if self.rooms.len() >= limits::ROOMS_PER_CONNECTION => {
                return refuse(
                    JoinErrorCode::Unknown,
                    "a connection holds at most 64 rooms",
                );
            }
            None => room.into(),
        };
        *self.rooms.entry(room.clone()).or_default().of(channel) = true;
        let auth = if auth.is_empty() {
            self.token.clone()
        } else {
            auth
        };
        self.event(
            room,
            Wish::Join {
                channel,
                auth,
                version,
            },
        )
    }

    fn on_leave(&mut self, room: Option<Arc<str>>, channel: Channel) -> Step {
        let Some(room) = room else {
            return Step::Nothing;
        };
        if channel == Channel::Presence {
            self.presences.leave(&room, self.handle.id);
        }
        self.on_left(&room, Some(channel));
        self.event(room, Wish::Leave(Some(channel)))
    }

    pub fn on_joined(&mut self, room: Arc<str>, channel: Channel) {
        *self.rooms.entry(room).or_default().of(channel) = true;
    }

    /// This connection is not a member (any more): of one channel, or of none.
    pub fn on_left(&mut self, room: &str, channel: Option<Channel>) {
        let Some(channels) = self.rooms.get_mut(room) else {
            return;
        };
        match channel {
            Some(channel) => *channels.of(channel) = false,
            None => *channels = Channels::default(),
        }
        if !channels.document && !channels.presence {
            self.rooms.remove(room);
        }
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

    /// The connection ended: what it showed is gone, and each room gets a Leave.
    pub fn end(&mut self) -> Vec<Event> {
        let rooms = std::mem::take(&mut self.rooms);
        for room in rooms.keys() {
            self.presences.leave(room, self.handle.id);
        }
        rooms
            .into_keys()
            .map(|room| Event {
                room,
                from: self.handle.clone(),
                wish: Wish::Leave(None),
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

/// Frames of rooms that a connection is not in: joins and updates are answered, so that the client
/// does not wait; the rest has no answer.
fn on_stranger(frame: &Frame<'_>, why: &str) -> Step {
    match frame.message {
        Message::JoinRequest { .. } => {
            join_error(frame.crdt, frame.room, JoinErrorCode::Unknown, why)
        }
        Message::DocUpdate { batch, .. } | Message::FragmentHeader { batch, .. } => {
            ack(frame.crdt, frame.room, batch, AckStatus::PermissionDenied)
        }
        _ => Step::Nothing,
    }
}

/// The frames of a channel.
pub(crate) fn crdt(channel: Channel) -> Crdt {
    match channel {
        Channel::Document => Crdt::Loro,
        Channel::Presence => Crdt::Presence,
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
