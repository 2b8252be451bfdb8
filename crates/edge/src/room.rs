//! One room as this edge holds it: its members, and how far they have been brought.

use crate::handle::{Closing, Handle};
use bytes::Bytes;
use protocol::fragment::encode_update;
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message, RoomErrorCode};
use protocol::turn::{Output, RoomAnswer};
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
}

struct Member {
    handle: Arc<Handle>,
    session: Bytes,
    /// What the turn being applied brings this member; it leaves as one.
    outbox: Vec<Bytes>,
}

impl Room {
    pub fn new() -> Self {
        let expected_backfill = UNKNOWN_BACKFILL_BYTES;
        Self {
            members: HashMap::new(),
            seen: 0,
            polled_at: Instant::now(),
            expected_backfill,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn session(&self, connection: ConnectionId) -> Option<&Bytes> {
        self.members.get(&connection).map(|member| &member.session)
    }

    /// After a Leave.
    pub fn remove(&mut self, name: &Arc<str>, connection: ConnectionId) {
        if let Some(member) = self.members.remove(&connection) {
            member.handle.left(name.clone());
        }
    }

    /// Members whose connection has ended. Each sends its Leaves itself; this finds those of joins
    /// that were answered after the end.
    pub fn gone(&self) -> impl Iterator<Item = (Arc<Handle>, Bytes)> {
        let gone = self
            .members
            .values()
            .filter(|member| member.handle.is_gone());
        gone.map(|member| (member.handle.clone(), member.session.clone()))
    }

    /// Delivers an answer: to each connection what is its, in order and at once. True: its catch-up
    /// was large, there may be more of it.
    pub fn apply(
        &mut self,
        name: &Arc<str>,
        answer: RoomAnswer<Bytes>,
        participants: &HashMap<ConnectionId, Arc<Handle>>,
        batches: &mut Batches,
    ) -> bool {
        let is_large = answer.outputs.first().is_some_and(is_large_catch_up);
        for output in answer.outputs {
            if let Err(error) = self.output(name, output, participants, batches) {
                // The application wrote what no frame can carry, as an endless version vector.
                tracing::error!(room = %name, %error, "an output was dropped");
            }
        }
        for member in self.members.values_mut() {
            if !member.outbox.is_empty() {
                member.handle.send(std::mem::take(&mut member.outbox));
            }
        }
        self.seen = answer.head;
        self.polled_at = Instant::now();
        is_large
    }

    fn output(
        &mut self,
        name: &Arc<str>,
        output: Output<Bytes>,
        participants: &HashMap<ConnectionId, Arc<Handle>>,
        batches: &mut Batches,
    ) -> Result<(), EncodeError> {
        let frame = |message: Message<'_>| Ok(Bytes::from(Frame::loro(name, message).encode()?));
        match output {
            Output::Joined {
                connection,
                permission,
                version,
                session,
                backfill,
            } => {
                let Some(handle) = participants.get(&connection) else {
                    return Ok(());
                };
                let bytes: usize = backfill.iter().map(Bytes::len).sum();
                if bytes > 0 {
                    self.expected_backfill = bytes;
                }
                let ok = frame(Message::JoinOk {
                    permission,
                    version: &version,
                    extra: &[],
                })?;
                let mut outbox = self
                    .members
                    .remove(&connection)
                    .map(|member| member.outbox)
                    .unwrap_or_default();
                outbox.push(ok);
                batches.encode(name, &backfill, &mut outbox)?;
                handle.joined(name.clone());
                self.members.insert(
                    connection,
                    Member {
                        handle: handle.clone(),
                        session,
                        outbox,
                    },
                );
            }
            Output::JoinError {
                connection,
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
                self.owe(connection, frame(error)?, participants);
                self.put_out(name, connection, participants);
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
                batches.encode(name, &updates, &mut frames)?;
                for (connection, member) in &mut self.members {
                    if Some(*connection) != except {
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
                self.owe(
                    connection,
                    frame(Message::RoomError {
                        code,
                        message: &message,
                    })?,
                    participants,
                );
                if code != RoomErrorCode::Rejoin {
                    self.put_out(name, connection, participants);
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

    /// Ends a membership; the connection stays.
    fn put_out(
        &mut self,
        name: &Arc<str>,
        connection: ConnectionId,
        participants: &HashMap<ConnectionId, Arc<Handle>>,
    ) {
        self.flush(connection);
        if let Some(handle) = self.handle(connection, participants) {
            handle.left(name.clone());
        }
        self.members.remove(&connection);
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
