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
mod tests {
    use super::*;
    use protocol::ConnectionId;

    fn connection(project: Option<&str>) -> Connection {
        let (handle, _) = Handle::new(ConnectionId(1), 1_000);
        let project = project.map(|id| ProjectId::parse(id).unwrap());
        Connection::new(handle, project, Bytes::from_static(b"from-the-url"))
    }

    fn say(connection: &mut Connection, crdt: Crdt, room: &str, message: Message<'_>) -> Step {
        let bytes = Bytes::from(
            Frame {
                crdt,
                room,
                message,
            }
            .encode()
            .unwrap(),
        );
        connection.on_frame(&bytes, 0).unwrap()
    }

    fn join(auth: &[u8]) -> Message<'_> {
        Message::JoinRequest { auth, version: &[] }
    }

    fn joined_with(step: Step) -> Vec<u8> {
        match step {
            Step::Event(Event {
                wish: Wish::Join { auth, .. },
                ..
            }) => auth.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn replied(step: Step, check: impl FnOnce(Message<'_>)) {
        match step {
            Step::Reply(bytes) => check(Frame::decode(&bytes).unwrap().message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rm1_a_join_without_a_token_uses_that_of_the_upgrade() {
        let mut alice = connection(None);
        assert_eq!(
            joined_with(say(&mut alice, Crdt::Loro, "p1", join(b""))),
            b"from-the-url"
        );
        assert_eq!(
            joined_with(say(&mut alice, Crdt::Loro, "p1", join(b"own"))),
            b"own"
        );
    }

    #[test]
    fn rm1_an_address_of_one_room_serves_only_it() {
        let mut alice = connection(Some("p1"));
        replied(say(&mut alice, Crdt::Loro, "p2", join(b"")), |message| {
            assert!(matches!(
                message,
                Message::JoinError {
                    code: JoinErrorCode::Unknown,
                    ..
                }
            ));
        });
        assert_eq!(
            joined_with(say(&mut alice, Crdt::Loro, "p1", join(b"x"))),
            b"x"
        );
    }

    #[test]
    fn rm1_other_documents_and_bad_rooms_are_refused_by_name() {
        for (crdt, room, expected) in [
            (Crdt::Presence, "p1", JoinErrorCode::Unknown),
            (Crdt::Other(*b"WHAT"), "p1", JoinErrorCode::Unknown),
            (Crdt::Loro, "../p1", JoinErrorCode::AuthFailed),
            (Crdt::Loro, "", JoinErrorCode::AuthFailed),
        ] {
            replied(
                say(&mut connection(None), crdt, room, join(b"")),
                |message| {
                    assert!(
                        matches!(message, Message::JoinError { code, .. } if code == expected),
                        "{crdt:?}"
                    );
                },
            );
        }
    }

    #[test]
    fn rm6_updates_of_strangers_are_denied() {
        let batch = BatchId([1; 8]);
        for message in [
            Message::DocUpdate {
                updates: vec![b"x"],
                batch,
            },
            Message::FragmentHeader {
                batch,
                count: 1,
                total_bytes: 1,
            },
        ] {
            replied(
                say(&mut connection(None), Crdt::Loro, "p1", message),
                |answer| {
                    assert_eq!(
                        answer,
                        Message::Ack {
                            batch,
                            status: AckStatus::PermissionDenied
                        }
                    );
                },
            );
        }
    }

    #[test]
    fn rm1_a_connection_holds_at_most_64_rooms_and_leaves_all_at_its_end() {
        let mut alice = connection(None);
        for number in 0..64 {
            joined_with(say(
                &mut alice,
                Crdt::Loro,
                &format!("p{number}"),
                join(b""),
            ));
        }
        assert!(matches!(
            say(&mut alice, Crdt::Loro, "p64", join(b"")),
            Step::Reply(_)
        ));
        assert!(matches!(
            say(&mut alice, Crdt::Loro, "p3", Message::Leave),
            Step::Event(_)
        ));
        joined_with(say(&mut alice, Crdt::Loro, "p64", join(b"")));
        alice.on_left("p5");
        assert_eq!(alice.end().len(), 63);
    }
}
