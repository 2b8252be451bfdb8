//! Seeded simulations (RL1): two application processes serve one room to two edges, while clients
//! edit, drop out and rejoin, transactions fail, processes restart, logs are compacted. In the end
//! everybody has the same document, and it holds every acked update.

mod common;

use common::*;
use futures::executor::block_on;
use loro::{LoroDoc, VersionVector};
use protocol::turn::{Input, Output, RoomTurn, TurnRequest};
use rooms::Warm;

const CLIENTS: usize = 5;
const STEPS: usize = 120;
const SEEDS: u64 = 60;

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

struct Client {
    document: LoroDoc,
    is_joined: bool,
    session: Vec<u8>,
    /// Edits since the last send, and edits sent whose ack is awaited.
    unsent: Vec<Vec<u8>>,
    acked: VersionVector,
}

struct Edge {
    seen: u64,
}

struct Simulation {
    world: World,
    processes: [Warm; 2],
    edges: [Edge; 2],
    clients: Vec<Client>,
    random: Random,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let client = |at: usize| {
            let document = LoroDoc::new();
            document.set_peer_id(at as u64 + 1).unwrap();
            Client {
                document,
                is_joined: false,
                session: Vec::new(),
                unsent: Vec::new(),
                acked: VersionVector::default(),
            }
        };
        Self {
            world: World::new(),
            processes: [Warm::default(), Warm::default()],
            edges: [Edge { seen: 0 }, Edge { seen: 0 }],
            clients: (0..CLIENTS).map(client).collect(),
            random: Random(seed),
        }
    }

    /// Which edge a client is connected to.
    fn edge_of(client: usize) -> usize {
        client % 2
    }

    fn step(&mut self) {
        let process = self.random.below(2);
        match self.random.below(12) {
            0..=3 => self.edit(),
            4..=7 => self.turn(process),
            8 => {
                let client = self.random.below(CLIENTS);
                self.drop_out(client);
            }
            9 => self.processes[process] = Warm::default(),
            10 => {
                let warm = &self.processes[process];
                block_on(rooms::process(
                    &self.world.database,
                    warm,
                    &self.world.clock,
                    ROOM,
                    rooms::Note::Changes,
                ))
                .unwrap();
            }
            _ => {
                let now = &self.world.clock.now_ms;
                // Some compactions forget entries that edges have not delivered.
                if self.random.one_in(2) {
                    self.world
                        .sql("UPDATE room_updates SET created_at_ms = 0", &[]);
                }
                now.set(now.get() + 1);
                let warm = &self.processes[process];
                block_on(rooms::compact(
                    &self.world.database,
                    warm,
                    &self.world.clock,
                    ROOM,
                ))
                .unwrap();
            }
        }
    }

    fn edit(&mut self) {
        let client = self.random.below(CLIENTS);
        let node = format!("n{}", self.random.below(4));
        let value = self.random.below(1000) as f64;
        let is_asking = self.random.one_in(8);
        let client = &mut self.clients[client];
        let status = if is_asking { "pending" } else { "idle" };
        let fields = [
            ("type", "image".into()),
            ("x", value.into()),
            ("status", status.into()),
        ];
        let update = edit(&client.document, &node, &fields);
        if client.is_joined {
            client.unsent.push(update);
        }
    }

    /// What was not acked is dropped at the close; the rejoin brings it by version.
    fn drop_out(&mut self, client: usize) {
        let client = &mut self.clients[client];
        client.is_joined = false;
        client.unsent.clear();
    }

    fn turn(&mut self, process: usize) {
        let edge = self.random.below(2);
        let members: Vec<usize> = (0..CLIENTS)
            .filter(|client| Self::edge_of(*client) == edge)
            .collect();
        let mut inputs = Vec::new();
        let mut joining = Vec::new();
        for at in &members {
            let client = &mut self.clients[*at];
            if !client.is_joined {
                joining.push(*at);
                inputs.push(join(*at as u64, "alice", &client.document));
            } else if !client.unsent.is_empty() {
                let mut updates = std::mem::take(&mut client.unsent);
                // Frames of one client may overtake each other on a retry.
                if self.random.one_in(4) {
                    updates.reverse();
                }
                inputs.push(update(*at as u64, 0, updates));
            }
        }
        let turn = RoomTurn {
            room: ROOM.into(),
            seen: self.edges[edge].seen,
            inputs,
        };
        let request = TurnRequest {
            rooms: vec![turn.clone()],
        };
        let fails = self.random.one_in(6);
        if fails {
            self.world.sql(
                "CREATE TRIGGER broken BEFORE INSERT ON room_updates
                 BEGIN SELECT raise(ABORT, 'broken'); END",
                &[],
            );
        }
        let (warm, world) = (&self.processes[process], &self.world);
        let answer = block_on(rooms::turn(&world.database, warm, &world.clock, request));
        if fails {
            self.world.sql("DROP TRIGGER broken", &[]);
        }
        let Ok(mut answer) = answer else {
            // Not even the retry worked: everybody of this turn is closed.
            let sent: Vec<usize> = turn
                .inputs
                .iter()
                .map(|input| input.connection().0 as usize)
                .collect();
            sent.into_iter().for_each(|client| self.drop_out(client));
            return;
        };
        let answer = answer.rooms.remove(0);
        let sent: Vec<(usize, Vec<Vec<u8>>)> = turn
            .inputs
            .into_iter()
            .filter_map(|input| match input {
                Input::Update {
                    connection,
                    updates,
                    ..
                } => Some((connection.0 as usize, updates)),
                _ => None,
            })
            .collect();
        for output in answer.outputs {
            match output {
                Output::Joined {
                    connection,
                    version,
                    session,
                    backfill,
                    ..
                } => {
                    let client = &mut self.clients[connection.0 as usize];
                    for bytes in backfill {
                        client.document.import(&bytes).unwrap();
                    }
                    client.is_joined = true;
                    client.session = session;
                    // What the server lacks goes up, as the npm client does it.
                    let theirs = VersionVector::decode(&version).unwrap();
                    client.unsent = vec![since(&client.document, &theirs)];
                }
                Output::Ack {
                    connection, status, ..
                } => {
                    assert_eq!(status, 0);
                    let client = &mut self.clients[connection.0 as usize];
                    for (_, updates) in sent.iter().filter(|(at, _)| *at == connection.0 as usize) {
                        for bytes in updates {
                            let meta = LoroDoc::decode_import_blob_meta(bytes, true).unwrap();
                            client.acked.merge(&meta.partial_end_vv);
                        }
                    }
                }
                Output::Broadcast { except, updates } => {
                    for at in &members {
                        let client = &self.clients[*at];
                        if client.is_joined && except.map(|id| id.0 as usize) != Some(*at) {
                            for bytes in &updates {
                                client.document.import(bytes).unwrap();
                            }
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        let _ = joining;
        self.edges[edge].seen = answer.head;
    }

    /// Everything calms down: all join and send, all edges poll.
    fn settle(&mut self) {
        for _ in 0..4 {
            for edge in [0, 1, 0, 1] {
                while !self.turn_without_failure(edge) {}
            }
        }
    }

    fn turn_without_failure(&mut self, edge: usize) -> bool {
        // Wait for the dice to name this edge, so that the path is the same as above.
        let before = (self.edges[0].seen, self.edges[1].seen);
        self.turn(0);
        let joined = (0..CLIENTS)
            .filter(|client| Self::edge_of(*client) == edge)
            .all(|client| self.clients[client].is_joined && self.clients[client].unsent.is_empty());
        joined && before == (self.edges[0].seen, self.edges[1].seen)
    }
}

#[test]
fn rl1_rooms_converge_and_keep_every_acked_update() {
    let only = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        println!("SEED={seed}");
        let mut simulation = Simulation::new(seed);
        for _ in 0..STEPS {
            simulation.step();
        }
        simulation.settle();
        simulation.world.cold();
        let truth = simulation.world.json();
        let head = block_on(store::rooms::head(&simulation.world.database, ROOM))
            .unwrap()
            .unwrap();
        let mut room = block_on(rooms::load::load(&simulation.world.database, &head)).unwrap();
        let version = room.answer_join(&VersionVector::default()).unwrap().version;
        let version = VersionVector::decode(&version).unwrap();
        for (at, client) in simulation.clients.iter().enumerate() {
            assert!(
                version.includes_vv(&client.acked),
                "seed {seed}: an acked update is lost"
            );
            assert_eq!(
                json(&client.document),
                truth,
                "seed {seed}: client {at} differs"
            );
        }
    }
}
