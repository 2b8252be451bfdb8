//! One simulation: its parts, and what may happen in a step.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use loro::VersionVector;
use protocol::frame::Permission;
use protocol::turn::{TurnRequest, TurnResponse};
use rooms::Note;
use store::faulty::Fault;

use super::client::{Client, Connection, Role, Up, document};
use super::common::{edit, since};
use super::disk::Disk;
use super::edge::{Connections, Edge, Now};
use super::process::{Activity, Clock, EndedTask, Outcome, Process};
use super::random::Random;
use super::{ROOMS, room_name, token};

const EDGES: usize = 2;
const PROCESSES: usize = 2;

/// Work that goes on at once, turns included.
const ACTIVITIES: usize = 6;

/// A room and a half: with two rooms one of them always has to leave.
const SMALL_BUDGET: usize = 30 * 1024;

/// Past the time for which compaction keeps entries for edges.
const LONG_MS: i64 = 70_000;

/// Who is in each room.
const ROLES: [Role; 7] = [
    Role::Editor,
    Role::Editor,
    Role::Editor,
    Role::Viewer,
    Role::Intruder,
    Role::Stranger,
    Role::Leaver,
];

/// Of the one who joins at the end.
pub const FRESH: &str = "fresh";

pub struct Simulation {
    pub random: Random,
    pub clock: Rc<Clock>,
    pub disk: Rc<Disk>,
    pub processes: [Process; PROCESSES],
    pub running: Vec<Running>,
    pub edges: [Edge; EDGES],
    /// Who answers an edge, for a while: so the others' documents grow old.
    routes: [usize; EDGES],
    pub clients: Vec<Client>,
    pub connections: Connections,
    next_connection: u64,
    next_peer: u64,
    /// Peers of edits that must never be in a room.
    pub forbidden: Vec<u64>,
    /// False at the end: nothing fails any more.
    pub is_rough: bool,
}

pub struct Running {
    process: usize,
    /// The edge and the number of its turn.
    turn: Option<(usize, u64)>,
    activity: Activity,
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        let (disk, clock) = (Rc::new(Disk::new()), Clock::new());
        let mut random = Random(seed);
        for room in 0..ROOMS {
            disk.sql(
                "INSERT INTO projects (id, tenant, name, created_by, created_at_ms)
                 VALUES (?1, 'default', ?1, 'alice', 500)",
                &[room_name(room).into()],
            );
        }
        let mut clients = Vec::new();
        let mut forbidden = Vec::new();
        for room in 0..ROOMS {
            for role in ROLES {
                let peer = clients.len() as u64 + 1;
                clients.push(Client::new(room, role, peer));
                if !role.may_write() {
                    forbidden.push(peer);
                }
                let permission = match role {
                    Role::Editor | Role::Leaver => Permission::Write,
                    Role::Viewer | Role::Intruder => Permission::Read,
                    Role::Stranger => continue,
                };
                let mut rights = clock.rights.borrow_mut();
                rights.insert(token(clients.len() - 1), permission);
            }
        }
        let fresh = (FRESH.into(), Permission::Read);
        clock.rights.borrow_mut().extend([fresh]);
        let budget = [0, SMALL_BUDGET, rooms::warm::BUDGET_BYTES][random.below(3)];
        let process = || Process::new(&disk, &clock, budget);
        Self {
            processes: [process(), process()],
            next_peer: clients.len() as u64 + 1,
            random,
            clock,
            running: Vec::new(),
            edges: Default::default(),
            routes: [0, 1],
            clients,
            connections: Connections::new(),
            next_connection: 1,
            forbidden,
            is_rough: true,
            disk,
        }
    }

    pub fn step(&mut self) {
        match self.random.below(40) {
            0..=6 => self.edit(),
            7..=8 => self.connect(),
            9 => self.leave_or_cut(),
            10..=15 => self.hear(),
            16..=21 => {
                let edge = self.random.below(EDGES);
                self.send(edge);
            }
            22..=33 => {
                if !self.running.is_empty() {
                    let at = self.random.below(self.running.len());
                    let steps = 1 + self.random.below(12);
                    self.advance(at, steps);
                }
            }
            34..=35 => self.start_other(),
            36 => self.fail(),
            37 => {
                let by_ms = if self.random.one_in(4) { LONG_MS } else { 7 };
                self.clock.advance(by_ms);
            }
            38 => match self.random.one_in(4) {
                true => self.take_rights(),
                false => self.exchange(),
            },
            _ => self.misbehave(),
        }
    }

    fn edit(&mut self) {
        let at = self.random.below(self.clients.len());
        if self.clients[at].role == Role::Viewer {
            return;
        }
        let frames = self.clients[at].edit(&mut self.random);
        self.queue(at, frames);
    }

    fn queue(&mut self, client: usize, frames: Vec<Up>) {
        if let Some(id) = self.clients[client].connection
            && let Some(connection) = self.connections.get_mut(&id)
        {
            connection.up.extend(frames);
        }
    }

    fn connect(&mut self) {
        let at = self.random.below(self.clients.len());
        self.connect_client(at);
    }

    pub fn connect_client(&mut self, at: usize) {
        let edge = self.random.below(EDGES);
        let client = &mut self.clients[at];
        if client.connection.is_some() {
            return;
        }
        let id = self.next_connection;
        self.next_connection += 1;
        client.connection = Some(id);
        let connection = Connection {
            client: at,
            edge,
            room: client.room,
            auth: token(at),
            up: [client.join()].into(),
            down: [].into(),
        };
        self.connections.insert(id, connection);
    }

    pub fn cut(&mut self, connection: u64) {
        if let Some(connection) = self.connections.remove(&connection) {
            self.clients[connection.client].disconnected();
        }
    }

    fn a_connection(&mut self) -> Option<u64> {
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        self.random.pick(&ids)
    }

    fn leave_or_cut(&mut self) {
        let Some(id) = self.a_connection() else {
            return;
        };
        if self.random.one_in(3) {
            let client = self.connections[&id].client;
            self.clients[client].left();
            let join = self.clients[client].join();
            self.queue(client, vec![Up::Leave, join]);
        } else {
            self.cut(id);
        }
    }

    /// A client reads some of what waits in its socket.
    fn hear(&mut self) {
        let Some(id) = self.a_connection() else {
            return;
        };
        let messages = 1 + self.random.below(6);
        self.hear_some(id, messages);
    }

    pub fn hear_some(&mut self, id: u64, messages: usize) {
        for _ in 0..messages {
            let Some(connection) = self.connections.get_mut(&id) else {
                return;
            };
            let Some(message) = connection.down.pop_front() else {
                return;
            };
            let client = connection.client;
            let answers = self.clients[client].receive(message);
            self.queue(client, answers);
        }
    }

    /// An edge sends its next turn, if none is in flight.
    pub fn send(&mut self, edge: usize) {
        if self.edges[edge].flight.is_some() {
            return;
        }
        let is_all = !self.is_rough || self.random.one_in(3);
        let (edges, connections) = (&mut self.edges, &mut self.connections);
        let ms = self.clock.now_ms.get().unsigned_abs();
        let now = Now { ms, is_all };
        let request = edges[edge].gather(edge, connections, &mut self.random, &now);
        if let Some(request) = request {
            self.call(edge, &request);
        }
    }

    fn call(&mut self, edge: usize, request: &TurnRequest) {
        let Some(flight) = &self.edges[edge].flight else {
            return;
        };
        let number = flight.number;
        if self.random.one_in(10) {
            self.routes[edge] = self.random.below(PROCESSES);
        }
        let (process, fault) = (self.routes[edge], self.fault());
        self.running.push(Running {
            process,
            turn: Some((edge, number)),
            activity: self.processes[process].turn(request, fault),
        });
    }

    /// Which statement of an activity fails, and how.
    fn fault(&mut self) -> Option<(u64, Fault)> {
        let fault = [Fault::Refused, Fault::Unheard, Fault::Cut][self.random.below(3)];
        let at = self.random.below(12) as u64;
        (self.is_rough && self.random.one_in(5)).then_some((at, fault))
    }

    /// An activity goes on for some statements.
    pub fn advance(&mut self, at: usize, steps: usize) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..steps {
            let polled = self.running[at].activity.as_mut().poll(&mut context);
            let Poll::Ready(outcome) = polled else {
                continue;
            };
            let ended = self.running.swap_remove(at);
            match outcome {
                Outcome::Turn(Ok(response)) => self.answered(ended.turn, response),
                Outcome::Turn(Err(_)) => self.unanswered(ended.turn),
                Outcome::Other(Ok(())) => {}
                Outcome::Other(Err(error)) => assert!(self.is_rough, "{error}"),
            }
            return;
        }
    }

    /// The edge whose turn this is, unless it has stopped waiting for it.
    fn waiting(&self, turn: Option<(usize, u64)>) -> Option<usize> {
        let (edge, number) = turn?;
        let flight = self.edges[edge].flight.as_ref()?;
        (flight.number == number).then_some(edge)
    }

    fn answered(&mut self, turn: Option<(usize, u64)>, response: TurnResponse) {
        if let Some(edge) = self.waiting(turn) {
            let closed = self.edges[edge].apply(response, &mut self.connections);
            closed.into_iter().for_each(|id| self.cut(id));
        }
    }

    /// The same bytes once more, perhaps while the first try still runs; then the end.
    fn unanswered(&mut self, turn: Option<(usize, u64)>) {
        let Some(edge) = self.waiting(turn) else {
            return;
        };
        let number = self.random.next();
        let Some(flight) = &mut self.edges[edge].flight else {
            return;
        };
        if std::mem::replace(&mut flight.is_retry, true) {
            let closed = self.edges[edge].fail();
            closed.into_iter().for_each(|id| self.cut(id));
            return;
        }
        flight.number = number;
        let request = flight.request.clone();
        self.call(edge, &request);
    }

    fn start_other(&mut self) {
        if self.running.len() >= ACTIVITIES {
            return;
        }
        let (at, fault) = (self.random.below(PROCESSES), self.fault());
        let room = room_name(self.random.below(ROOMS));
        let process = &self.processes[at];
        let activity = match self.random.below(8) {
            0..=2 => process.process(&room, Note::Changes, fault),
            3..=4 => process.compact(&room, fault),
            5 => process.tick(fault),
            6 => process.read(&room, fault),
            _ => {
                let tasks = self.disk.sql(
                    "SELECT id, node_id, kind FROM tasks WHERE project_id = ?1 ORDER BY id",
                    &[room.as_str().into()],
                );
                let mut tasks = tasks.into_rows().map(|row| EndedTask {
                    id: row.text("id").unwrap().into(),
                    node: row.text("node_id").unwrap().into(),
                    kind: row.text("kind").unwrap().into(),
                });
                let nth = self.random.below(4);
                let Some(task) = tasks.nth(nth) else { return };
                process.effect(&room, task, fault)
            }
        };
        self.start(at, activity);
    }

    pub fn start(&mut self, process: usize, activity: Activity) {
        self.running.push(Running {
            process,
            turn: None,
            activity,
        });
    }

    /// Something breaks.
    fn fail(&mut self) {
        match self.random.below(6) {
            // A process dies in the middle of what it does, and starts again.
            0..=2 => self.crash(),
            // An answer is lost; what it answers may still be going on.
            3..=4 => {
                let edge = self.random.below(EDGES);
                let number = self.edges[edge].flight.as_ref().map(|one| one.number);
                self.unanswered(number.map(|number| (edge, number)));
            }
            _ => {
                let edge = self.random.below(EDGES);
                self.edges[edge] = Edge::default();
                let here = self.connections.iter().filter(|(_, one)| one.edge == edge);
                let here: Vec<u64> = here.map(|(id, _)| *id).collect();
                here.into_iter().for_each(|id| self.cut(id));
            }
        }
    }

    fn crash(&mut self) {
        let process = self.random.below(PROCESSES);
        let budget = [0, SMALL_BUDGET, rooms::warm::BUDGET_BYTES][self.random.below(3)];
        self.processes[process] = Process::new(&self.disk, &self.clock, budget);
        let (dead, alive) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|running| running.process == process);
        self.running = alive;
        let dead: Vec<Running> = dead;
        let turns: Vec<_> = dead.iter().map(|running| running.turn).collect();
        // With their connections, before anybody goes on.
        drop(dead);
        turns.into_iter().for_each(|turn| self.unanswered(turn));
    }

    /// Clients change on their own: what others have reaches them by another way, a tab is closed
    /// and opened with or without what it had kept.
    fn exchange(&mut self) {
        let editors: Vec<usize> = (0..self.clients.len())
            .filter(|at| self.clients[*at].role == Role::Editor)
            .collect();
        let one = editors[self.random.below(editors.len())];
        let other = editors[self.random.below(editors.len())];
        if self.random.one_in(2) {
            if one != other && self.clients[one].room == self.clients[other].room {
                let known = self.clients[one].document.oplog_vv();
                let update = since(&self.clients[other].document, &known);
                self.clients[one].document.import(&update).unwrap();
                self.clients[other].is_shared = true;
            }
            return;
        }
        let fresh = document(self.next_peer);
        self.next_peer += 1;
        let client = &mut self.clients[one];
        let may_forget = client.is_settled() && !client.is_shared;
        if !may_forget || self.random.one_in(2) {
            fresh
                .import(&since(&client.document, &VersionVector::default()))
                .unwrap();
        }
        client.document = fresh;
        if let Some(id) = self.clients[one].connection {
            self.cut(id);
        }
    }

    /// An editor may only read from now on, or not even that. What it writes then is by a peer of its
    /// own, so that it can be told from what it wrote before.
    fn take_rights(&mut self) {
        let leavers: Vec<usize> = (0..self.clients.len())
            .filter(|at| self.clients[*at].role == Role::Leaver)
            .collect();
        let Some(at) = self.random.pick(&leavers) else {
            return;
        };
        // The database is one line behind: whoever writes has the lock.
        if self.disk.is_locked() {
            return;
        }
        let mut rights = self.clock.rights.borrow_mut();
        self.clients[at].role = match self.random.one_in(2) {
            true => {
                rights.insert(token(at), Permission::Read);
                Role::Intruder
            }
            false => {
                rights.remove(&token(at));
                Role::Stranger
            }
        };
        self.disk.sql(
            "INSERT INTO access_versions (tenant, version) VALUES ('default', 1)
             ON CONFLICT (tenant) DO UPDATE SET version = version + 1",
            &[],
        );
        self.clients[at]
            .document
            .set_peer_id(self.next_peer)
            .unwrap();
        self.forbidden.push(self.next_peer);
        self.next_peer += 1;
    }

    /// A batch with garbage in it, from somebody who may write.
    fn misbehave(&mut self) {
        let at = self.random.below(self.clients.len());
        let client = &mut self.clients[at];
        if client.role != Role::Editor || !client.is_joined {
            return;
        }
        let ghost = document(self.next_peer);
        self.forbidden.push(self.next_peer);
        self.next_peer += 1;
        let good = edit(&ghost, "ghost", &[("x", 1.0.into())]);
        let frame = client.send_garbage(good, &mut self.random);
        self.queue(at, vec![frame]);
    }
}
