//! An edge as SPEC section 4 has it: one turn in flight, the rest waits; a turn that fails is sent
//! once more, then those in it are closed.

use std::collections::{BTreeMap, BTreeSet};

use protocol::turn::{Channel, Input, Output, RoomTurn, TurnRequest, TurnResponse};
use protocol::{BatchId, ConnectionId};

use super::client::{Connection, Down, Up};
use super::random::Random;
use super::{ROOMS, room_name};

/// The code of a RoomError that asks to join again. The others put out.
const REJOIN: u8 = 1;

/// The circumstances of a turn.
pub struct Now {
    pub ms: u64,
    /// Everything that waits goes, and every room is polled.
    pub is_all: bool,
}

pub type Connections = BTreeMap<u64, Connection>;

#[derive(Default)]
pub struct Edge {
    rooms: [Room; ROOMS],
    pub flight: Option<Flight>,
}

#[derive(Default)]
struct Room {
    seen: u64,
    /// What the last answer said of the rights in this room.
    access: u64,
    /// Those whose connection has ended included.
    members: BTreeMap<u64, Member>,
}

struct Member {
    session: Vec<u8>,
    access: u64,
    until_ms: u64,
}

/// A turn that waits for its answer.
pub struct Flight {
    pub number: u64,
    pub request: TurnRequest,
    pub is_retry: bool,
    /// Who leaves with it.
    leaving: BTreeSet<u64>,
}

impl Edge {
    /// What this edge (its number is `own`) sends next: everything that waits, or some of it.
    pub fn gather(
        &mut self,
        own: usize,
        connections: &mut Connections,
        random: &mut Random,
        now: &Now,
    ) -> Option<TurnRequest> {
        let mut rooms = Vec::new();
        let mut leaving = BTreeSet::new();
        for at in 0..ROOMS {
            let room = &self.rooms[at];
            let mut queues: Vec<Vec<Input>> = Vec::new();
            for (id, member) in &room.members {
                if !connections.contains_key(id) {
                    leaving.insert(*id);
                    queues.push(vec![leave(*id, &member.session)]);
                } else if member.access != room.access || member.until_ms <= now.ms {
                    queues.push(vec![check(*id, &member.session)]);
                }
            }
            let here = connections.iter_mut();
            for (id, connection) in here.filter(|(_, one)| one.edge == own && one.room == at) {
                let take = match now.is_all {
                    true => connection.up.len(),
                    false => random.below(connection.up.len() + 1),
                };
                queues.push(take_inputs(room, *id, connection, take, &mut leaving));
            }
            let inputs = shuffle(queues, random);
            let polls = !room.members.is_empty() && (now.is_all || random.one_in(3));
            if !inputs.is_empty() || polls {
                rooms.push(RoomTurn {
                    room: room_name(at),
                    seen: room.seen,
                    inputs,
                });
            }
        }
        if rooms.is_empty() {
            return None;
        }
        let request = TurnRequest { rooms };
        self.flight = Some(Flight {
            number: random.next(),
            request: request.clone(),
            is_retry: false,
            leaving,
        });
        Some(request)
    }

    /// Delivers an answer, in order.
    pub fn apply(&mut self, response: TurnResponse, connections: &mut Connections) -> Vec<u64> {
        let flight = self.flight.take().unwrap();
        assert_eq!(response.rooms.len(), flight.request.rooms.len());
        let mut closed = Vec::new();
        for answer in response.rooms {
            let at = (0..ROOMS).find(|at| room_name(*at) == answer.room).unwrap();
            let room = &mut self.rooms[at];
            room.access = answer.access;
            for output in answer.outputs {
                let told = match output {
                    Output::Joined {
                        connection,
                        version,
                        session,
                        until_ms,
                        backfill,
                        ..
                    } => {
                        let access = answer.access;
                        let member = Member {
                            session,
                            access,
                            until_ms,
                        };
                        room.members.insert(connection.0, member);
                        Some((connection.0, Down::Joined { version, backfill }))
                    }
                    Output::JoinError { connection, .. } => {
                        room.members.remove(&connection.0);
                        Some((connection.0, Down::Refused))
                    }
                    Output::Session {
                        connection,
                        session,
                        until_ms,
                        ..
                    } => {
                        let access = answer.access;
                        let member = Member {
                            session,
                            access,
                            until_ms,
                        };
                        if let Some(known) = room.members.get_mut(&connection.0) {
                            *known = member;
                        }
                        None
                    }
                    Output::Ack {
                        connection,
                        batch,
                        status,
                    } => {
                        let batch = u64::from_le_bytes(batch.0);
                        Some((connection.0, Down::Ack { batch, status }))
                    }
                    Output::Broadcast { except, updates } => {
                        let except = except.map(|connection| connection.0);
                        for id in room.members.keys().filter(|id| Some(**id) != except) {
                            if let Some(member) = connections.get_mut(id) {
                                member.down.push_back(Down::Updates(updates.clone()));
                            }
                        }
                        None
                    }
                    Output::Close { connection, .. } => {
                        closed.push(connection.0);
                        None
                    }
                    Output::RoomError {
                        connection, code, ..
                    } => {
                        let is_out = code != REJOIN;
                        if is_out {
                            room.members.remove(&connection.0);
                        }
                        Some((connection.0, Down::RoomError { is_out }))
                    }
                };
                if let Some((id, down)) = told
                    && let Some(connection) = connections.get_mut(&id)
                {
                    connection.down.push_back(down);
                }
            }
            room.seen = answer.head;
        }
        self.forget(&flight.leaving);
        closed
    }

    /// A turn that failed twice: those with an input in it are closed.
    pub fn fail(&mut self) -> Vec<u64> {
        let flight = self.flight.take().unwrap();
        self.forget(&flight.leaving);
        let inputs = flight.request.rooms.iter().flat_map(|room| &room.inputs);
        inputs.map(|input| input.connection().0).collect()
    }

    fn forget(&mut self, leaving: &BTreeSet<u64>) {
        for room in &mut self.rooms {
            room.members.retain(|id, _| !leaving.contains(id));
            if room.members.is_empty() {
                room.seen = 0;
            }
        }
    }

    /// Everything that the room's log has up to `head` was delivered here.
    pub fn is_at(&self, room: usize, head: u64) -> bool {
        let room = &self.rooms[room];
        room.members.is_empty() || room.seen == head
    }

    /// Nobody's session has to be looked at.
    pub fn is_checked(&self, room: usize, now_ms: u64) -> bool {
        let room = &self.rooms[room];
        let is_due = |member: &Member| member.access != room.access || member.until_ms <= now_ms;
        !room.members.values().any(is_due)
    }

    pub fn is_member(&self, room: usize, connection: u64) -> bool {
        self.rooms[room].members.contains_key(&connection)
    }
}

fn check(connection: u64, session: &[u8]) -> Input {
    Input::Check {
        connection: ConnectionId(connection),
        session: session.to_vec(),
    }
}

fn leave(connection: u64, session: &[u8]) -> Input {
    Input::Leave {
        connection: ConnectionId(connection),
        session: session.to_vec(),
    }
}

/// The next inputs of a connection, of which at most the last moves it.
fn take_inputs(
    room: &Room,
    id: u64,
    from: &mut Connection,
    take: usize,
    leaving: &mut BTreeSet<u64>,
) -> Vec<Input> {
    let connection = ConnectionId(id);
    let mut inputs = Vec::new();
    for _ in 0..take {
        let Some(up) = from.up.pop_front() else { break };
        match (up, room.members.get(&id)) {
            (Up::Join { version }, _) => {
                let auth = from.auth.clone();
                inputs.push(Input::Join {
                    connection,
                    channel: Channel::Document,
                    auth,
                    version,
                });
                break;
            }
            (Up::Update { batch, updates }, Some(member)) => inputs.push(Input::Update {
                connection,
                batch: BatchId(batch.to_le_bytes()),
                session: member.session.clone(),
                updates,
            }),
            (Up::Update { batch, .. }, None) => from.down.push_back(Down::Ack { batch, status: 3 }),
            (Up::Leave, Some(member)) => {
                leaving.insert(id);
                inputs.push(leave(id, &member.session));
                break;
            }
            (Up::Leave, None) => {}
        }
    }
    inputs
}

/// One order of several queues that keeps that of each.
fn shuffle(mut queues: Vec<Vec<Input>>, random: &mut Random) -> Vec<Input> {
    queues.retain(|queue| !queue.is_empty());
    queues.iter_mut().for_each(|queue| queue.reverse());
    let mut all = Vec::new();
    while !queues.is_empty() {
        let at = random.below(queues.len());
        all.extend(queues[at].pop());
        queues.retain(|queue| !queue.is_empty());
    }
    all
}
