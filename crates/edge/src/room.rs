//! One room as this edge holds it: its members, and how far they have been brought.

use crate::connection::crdt;
use crate::handle::{Closing, Handle};
use crate::presence::Presences;
use crate::rate::{Bucket, Rate};
use bytes::Bytes;
use protocol::fragment::encode_update;
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message, RoomErrorCode};
use protocol::turn::{Channel, Output, RoomAnswer};
use protocol::{BatchId, ConnectionId, EncodeError};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

/// What a join of an unknown room is expected to bring.
const UNKNOWN_BACKFILL_BYTES: usize = 256 * 1024;

/// A catch-up of that many updates or bytes may have been cut: another edge's seconds, not a turn's.
const LARGE_CATCH_UP_UPDATES: usize = 1_024;
const LARGE_CATCH_UP_BYTES: usize = 1024 * 1024;

pub(crate) struct Room {
    members: HashMap<ConnectionId, Member>,
    /// Up to where everything has been delivered; 0 before the first answer, never after it.
    pub seen: u64,
    pub polled_at: Instant,
    /// Bytes of the last backfill of any size: what the next join is expected to bring.
    pub expected_backfill: usize,
    /// What the last answer said of the rights in this room.
    access: u64,
    /// What its connections may send together.
    pub updates: Bucket,
}

struct Member {
    handle: Arc<Handle>,
    session: Bytes,
    /// The rights that the session is of.
    access: u64,
    /// When the application wants to be asked about the session.
    until_ms: u64,
    /// The turn in flight asks about the session.
    is_checked: bool,
    document: bool,
    presence: bool,
    /// What the turn being applied brings this member; it leaves as one.
    outbox: Vec<Bytes>,
}

/// What applying an answer came to.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Its catch-up was large, there may be more of it.
    pub is_large: bool,
    /// Rights have moved: there are sessions to be checked.
    pub has_stale_sessions: bool,
}

/// What answers are applied with.
pub(crate) struct Around<'a> {
    pub participants: &'a HashMap<ConnectionId, Arc<Handle>>,
    pub batches: &'a mut Batches,
    pub presences: &'a Presences,
}

impl Room {
    pub fn new(updates: Rate) -> Self {
        let expected_backfill = UNKNOWN_BACKFILL_BYTES;
        Self {
            members: HashMap::new(),
            seen: 0,
            polled_at: Instant::now(),
            expected_backfill,
            access: 0,
            updates: Bucket::new(updates),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The session of a member of the document.
    pub fn session(&self, connection: ConnectionId) -> Option<&Bytes> {
        let member = self.members.get(&connection)?;
        member.document.then_some(&member.session)
    }

    /// The session of whoever leaves a channel, or all, when nothing else is left of its
    /// membership. It stays a member until [`Room::remove`].
    pub fn leave(&mut self, connection: ConnectionId, channel: Option<Channel>) -> Option<Bytes> {
        let member = self.members.get_mut(&connection)?;
        if matches!(channel, None | Some(Channel::Document)) {
            member.document = false;
        }
        if matches!(channel, None | Some(Channel::Presence)) {
            member.presence = false;
        }
        (!member.document && !member.presence).then(|| member.session.clone())
    }

    /// After a Leave, unless the connection joined again meanwhile.
    pub fn remove(&mut self, name: &Arc<str>, connection: ConnectionId) {
        let is_over = |member: &Member| !member.document && !member.presence;
        if self.members.get(&connection).is_some_and(is_over)
            && let Some(member) = self.members.remove(&connection)
        {
            member.handle.left(name.clone(), None);
        }
    }

    /// Members whose connection has ended. Each sends its Leaves itself; this finds those of joins
    /// that were answered after the end.
    pub fn gone(&mut self) -> Vec<(Arc<Handle>, Bytes)> {
        let gone = self
            .members
            .values_mut()
            .filter(|member| member.handle.is_gone());
        let leave = |member: &mut Member| {
            (member.document, member.presence) = (false, false);
            (member.handle.clone(), member.session.clone())
        };
        gone.map(leave).collect()
    }

    /// Whether there are sessions to be checked.
    pub fn has_due_sessions(&self, now_ms: u64) -> bool {
        self.members
            .values()
            .any(|member| member.is_due(self.access, now_ms))
    }

    /// At most so many sessions to be checked with the next turn.
    pub fn take_due_sessions(&mut self, now_ms: u64, most: usize) -> Vec<(ConnectionId, Bytes)> {
        let access = self.access;
        let due = self
            .members
            .iter_mut()
            .filter(|(_, member)| member.is_due(access, now_ms));
        due.take(most)
            .map(|(connection, member)| {
                member.is_checked = true;
                (*connection, member.session.clone())
            })
            .collect()
    }

    /// A turn failed: what it asked about is asked again.
    pub fn failed(&mut self) {
        // The poll that failed is made again at its time, not at once.
        self.polled_at = Instant::now();
        for member in self.members.values_mut() {
            member.is_checked = false;
        }
    }

    /// Delivers an answer: to each connection what is its, in order and at once.
    pub fn apply(
        &mut self,
        name: &Arc<str>,
        answer: RoomAnswer<Bytes>,
        around: &mut Around<'_>,
    ) -> Applied {
        let is_large = answer.outputs.first().is_some_and(is_large_catch_up);
        self.access = answer.access;
        for output in answer.outputs {
            if let Err(error) = self.output(name, output, around) {
                // The application wrote what no frame can carry, as an endless version vector.
                tracing::error!(room = %name, %error, "an output was dropped");
            }
        }
        let mut has_stale_sessions = false;
        for member in self.members.values_mut() {
            if !member.outbox.is_empty() {
                member.handle.send(std::mem::take(&mut member.outbox));
            }
            if std::mem::take(&mut member.is_checked) {
                member.access = self.access;
            }
            has_stale_sessions |= member.access != self.access;
        }
        self.seen = answer.head;
        self.polled_at = Instant::now();
        Applied {
            is_large,
            has_stale_sessions,
        }
    }

    fn output(
        &mut self,
        name: &Arc<str>,
        output: Output<Bytes>,
        around: &mut Around<'_>,
    ) -> Result<(), EncodeError> {
        let participants = around.participants;
        let frame = |message: Message<'_>| Ok(Bytes::from(Frame::loro(name, message).encode()?));
        match output {
            Output::Joined {
                connection,
                channel,
                permission,
                version,
                session,
                until_ms,
                backfill,
            } => {
                let Some(handle) = participants.get(&connection) else {
                    return Ok(());
                };
                let ok = frame(Message::JoinOk {
                    permission,
                    version: &version,
                    extra: &[],
                })?;
                let member = self.members.entry(connection).or_insert_with(|| Member {
                    handle: handle.clone(),
                    session: Bytes::new(),
                    access: 0,
                    until_ms: 0,
                    is_checked: false,
                    document: false,
                    presence: false,
                    outbox: Vec::new(),
                });
                member.session = session;
                member.until_ms = until_ms;
                member.access = self.access;
                match channel {
                    Channel::Document => {
                        member.document = true;
                        member.outbox.push(ok);
                        let bytes: usize = backfill.iter().map(Bytes::len).sum();
                        if bytes > 0 {
                            self.expected_backfill = bytes;
                        }
                        around.batches.encode(name, &backfill, &mut member.outbox)?;
                    }
                    Channel::Presence => {
                        member.presence = true;
                        around.presences.join(name, handle, permission);
                    }
                }
                handle.joined(name.clone(), channel);
            }
            Output::JoinError {
                connection,
                channel,
                code,
                message,
                version,
            } => {
                let code = JoinErrorCode::from_u8(code);
                let error = Message::JoinError {
                    code,
                    message: &message,
                    version: version.as_deref(),
                    app_code: None,
                };
                let error = frame_of(channel, name, error)?;
                self.owe(connection, error, participants);
                self.put_out(name, connection, Some(channel), around);
            }
            Output::Session {
                connection,
                permission: _,
                session,
                until_ms,
            } => {
                if let Some(member) = self.members.get_mut(&connection) {
                    member.session = session;
                    member.until_ms = until_ms;
                    member.access = self.access;
                }
            }
            Output::Ack {
                connection,
                batch,
                status,
            } => {
                let status = AckStatus::from_u8(status);
                self.owe(
                    connection,
                    frame(Message::Ack { batch, status })?,
                    participants,
                );
            }
            Output::Broadcast { except, updates } => {
                let mut frames = Vec::with_capacity(updates.len());
                around.batches.encode(name, &updates, &mut frames)?;
                for (connection, member) in &mut self.members {
                    if member.document && Some(*connection) != except {
                        member.outbox.extend_from_slice(&frames);
                    }
                }
            }
            Output::RoomError {
                connection,
                code,
                message,
            } => {
                let code = RoomErrorCode::from_u8(code);
                for channel in self.channels(connection) {
                    let error = Message::RoomError {
                        code,
                        message: &message,
                    };
                    let error = frame_of(channel, name, error)?;
                    self.owe(connection, error, participants);
                }
                if code != RoomErrorCode::Rejoin {
                    self.put_out(name, connection, None, around);
                }
            }
            Output::Close {
                connection,
                code,
                reason,
            } => {
                if let Some(handle) = self.handle(connection, participants) {
                    self.flush(connection);
                    handle.close(Closing::new(code, reason));
                }
            }
        }
        Ok(())
    }

    /// Queues a frame for a member, or sends it to a participant who is none.
    fn owe(
        &mut self,
        connection: ConnectionId,
        frame: Bytes,
        participants: &HashMap<ConnectionId, Arc<Handle>>,
    ) {
        match self.members.get_mut(&connection) {
            Some(member) => member.outbox.push(frame),
            None => {
                if let Some(handle) = participants.get(&connection) {
                    handle.send(vec![frame]);
                }
            }
        }
    }

    /// What a connection is told of; who is no member spoke of the document.
    fn channels(&self, connection: ConnectionId) -> Vec<Channel> {
        match self.members.get(&connection) {
            Some(member) => [
                (member.document, Channel::Document),
                (member.presence, Channel::Presence),
            ]
            .into_iter()
            .filter_map(|(is_in, channel)| is_in.then_some(channel))
            .collect(),
            None => vec![Channel::Document],
        }
    }

    /// Ends a membership, of one channel or of both; the connection stays.
    fn put_out(
        &mut self,
        name: &Arc<str>,
        connection: ConnectionId,
        channel: Option<Channel>,
        around: &Around<'_>,
    ) {
        self.flush(connection);
        if let Some(handle) = self.handle(connection, around.participants) {
            handle.left(name.clone(), channel);
        }
        if channel != Some(Channel::Document) {
            around.presences.leave(name, connection);
        }
        if self.leave(connection, channel).is_some() {
            self.members.remove(&connection);
        }
    }

    fn flush(&mut self, connection: ConnectionId) {
        if let Some(member) = self.members.get_mut(&connection)
            && !member.outbox.is_empty()
        {
            member.handle.send(std::mem::take(&mut member.outbox));
        }
    }

    fn handle(
        &self,
        connection: ConnectionId,
        participants: &HashMap<ConnectionId, Arc<Handle>>,
    ) -> Option<Arc<Handle>> {
        let member = self.members.get(&connection).map(|member| &member.handle);
        member.or_else(|| participants.get(&connection)).cloned()
    }
}

impl Member {
    fn is_due(&self, access: u64, now_ms: u64) -> bool {
        let is_member = self.document || self.presence;
        is_member && !self.is_checked && (self.access != access || self.until_ms <= now_ms)
    }
}

fn frame_of(channel: Channel, room: &str, message: Message<'_>) -> Result<Bytes, EncodeError> {
    let crdt = crdt(channel);
    let frame = Frame {
        crdt,
        room,
        message,
    };
    Ok(frame.encode()?.into())
}

/// The application bounds what one answer catches up, so a large one is followed by a poll.
fn is_large_catch_up(output: &Output<Bytes>) -> bool {
    match output {
        Output::Broadcast {
            except: None,
            updates,
        } => {
            updates.len() >= LARGE_CATCH_UP_UPDATES
                || updates.iter().map(Bytes::len).sum::<usize>() >= LARGE_CATCH_UP_BYTES
        }
        _ => false,
    }
}

/// Numbers for the batches that an edge sends. Clients name them only in complaints.
#[derive(Default)]
pub(crate) struct Batches(u64);

impl Batches {
    /// One frame for each update (the client imports several in one frame 40 times slower), or
    /// fragments.
    fn encode(
        &mut self,
        room: &str,
        updates: &[Bytes],
        frames: &mut Vec<Bytes>,
    ) -> Result<(), EncodeError> {
        for update in updates {
            self.0 += 1;
            let encoded = encode_update(Crdt::Loro, room, BatchId::from_u64(self.0), update)?;
            frames.extend(encoded.into_iter().map(Bytes::from));
        }
        Ok(())
    }
}
