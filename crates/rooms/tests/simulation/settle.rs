//! The end of a simulation: everything calms down, and what must be true is looked at.

use loro::{LoroDoc, VersionVector};
use protocol::turn::{Output, RoomTurn, TurnRequest};
use rooms::Note;

use super::client::Role;
use super::common::{join_at, json};
use super::edge::Edge;
use super::process::{Outcome, Process};
use super::run::FRESH;
use super::run::Simulation;
use super::{ROOMS, room_name};

/// Rounds until everything is quiet: each brings what waits a step further, and there are few steps
/// between an edit and its effect.
const ROUNDS: usize = 60;

/// Statements until an activity ends, waiting for others included.
const STATEMENTS: usize = 100_000;

impl Simulation {
    /// Nothing fails any more, everybody comes in, all is delivered. Nobody who is in a room has
    /// to join it again.
    pub fn settle(&mut self) {
        self.finish_running();
        self.is_rough = false;
        for _ in 0..ROUNDS {
            self.finish_running();
            for client in 0..self.clients.len() {
                if self.clients[client].role.is_honest() {
                    self.connect_client(client);
                }
            }
            (0..2).for_each(|edge| self.send(edge));
            self.finish_running();
            let connections: Vec<u64> = self.connections.keys().copied().collect();
            for id in connections {
                self.hear_some(id, usize::MAX);
            }
            for room in 0..ROOMS {
                let activity = self.processes[0].process(&room_name(room), Note::Always, None);
                self.start(0, activity);
            }
            self.finish_running();
            if self.is_quiet() {
                return;
            }
        }
        panic!("it does not become quiet");
    }

    fn finish_running(&mut self) {
        for _ in 0..STATEMENTS {
            if self.running.is_empty() {
                return;
            }
            let at = self.random.below(self.running.len());
            self.advance(at, 4);
        }
        panic!("work without an end");
    }

    fn is_quiet(&self) -> bool {
        let mut honest = self.clients.iter().filter(|one| one.role.is_honest());
        let is_silent = self
            .connections
            .values()
            .all(|one| one.up.is_empty() && one.down.is_empty());
        is_silent
            && honest.all(|client| client.is_settled())
            && (0..ROOMS).all(|room| {
                let head = self.number("SELECT coalesce(max(head_seq), 0) AS n", room);
                let processed = self.number("SELECT coalesce(max(processed_seq), 0) AS n", room);
                let head_on_wire = rooms::wire_head(head);
                let mut edges = self.edges.iter();
                let now_ms = self.clock.now_ms.get().unsigned_abs();
                let is_done =
                    |edge: &Edge| edge.is_at(room, head_on_wire) && edge.is_checked(room, now_ms);
                processed == head && edges.all(is_done)
            })
    }

    fn number(&self, select: &str, room: usize) -> i64 {
        let statement = format!("{select} FROM rooms WHERE room_id = ?1");
        let rows = self.disk.sql(&statement, &[room_name(room).into()]);
        rows.first().unwrap().integer("n").unwrap()
    }

    /// What must be true, whatever happened.
    pub fn check(&mut self) {
        let check = self
            .disk
            .sql("PRAGMA integrity_check", &[])
            .first()
            .unwrap();
        assert_eq!(check.text("integrity_check").unwrap(), "ok");
        for room in 0..ROOMS {
            self.check_log(room);
            let truth = self.fresh_joiner(room);
            let version = truth.oplog_vv();
            let content = json(&truth);
            for (at, client) in self.clients.iter().enumerate() {
                if client.room != room {
                    continue;
                }
                assert!(
                    version.includes_vv(&client.acked),
                    "an acked update is lost"
                );
                if client.role.is_honest() {
                    assert_eq!(json(&client.document), content, "client {at} differs");
                    assert_eq!(client.document.oplog_vv(), version, "client {at}'s version");
                }
                if client.role == Role::Stranger
                    && let Some(id) = client.connection
                {
                    let is_in = self.edges.iter().any(|edge| edge.is_member(room, id));
                    assert!(!is_in, "client {at} is still in the room");
                }
            }
            for peer in &self.forbidden {
                assert!(!version.contains_key(peer), "{peer} was not authorised");
            }
            // The history stays: a snapshot of it is the same document at the same version.
            let process = Process::new(&self.disk, &self.clock, 0);
            self.start(0, process.compact(&room_name(room), None));
            self.finish_running();
            let after = self.fresh_joiner(room);
            assert_eq!(json(&after), content, "compaction changed the document");
            assert_eq!(after.oplog_vv(), version, "compaction changed the version");
        }
    }

    /// The entries that are kept lie without a gap before the head.
    fn check_log(&self, room: usize) {
        let parameters = [room_name(room).into()];
        let rows = self.disk.sql(
            "SELECT count(*) AS n, coalesce(max(seq) - min(seq) + 1, 0) AS span,
                 coalesce(max(seq), 0) AS last
             FROM room_updates WHERE room_id = ?1",
            &parameters,
        );
        let row = rows.first().unwrap();
        let (count, last) = (row.integer("n").unwrap(), row.integer("last").unwrap());
        assert_eq!(count, row.integer("span").unwrap(), "a gap in the log");
        let head = self.number("SELECT coalesce(max(head_seq), 0) AS n", room);
        let snapshot = self.number("SELECT coalesce(max(snapshot_seq), 0) AS n", room);
        assert!(
            last == head || (count == 0 && snapshot == head),
            "{last} of {head}"
        );
    }

    /// Somebody who has nothing yet, served by a process that has nothing warm.
    fn fresh_joiner(&mut self, room: usize) -> LoroDoc {
        let process = Process::new(&self.disk, &self.clock, 0);
        let turn = RoomTurn {
            room: room_name(room),
            seen: 0,
            inputs: vec![join_at(1, FRESH, VersionVector::default().encode())],
        };
        let request = TurnRequest { rooms: vec![turn] };
        let mut activity = process.turn(&request, None);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let outcome = loop {
            if let std::task::Poll::Ready(outcome) = activity.as_mut().poll(&mut context) {
                break outcome;
            }
        };
        let Outcome::Turn(Ok(response)) = outcome else {
            panic!("nobody can join any more")
        };
        let Some(Output::Joined {
            backfill, version, ..
        }) = response.rooms[0].outputs.first()
        else {
            panic!("{response:?}")
        };
        let document = LoroDoc::new();
        for update in backfill {
            document.import(update).unwrap();
        }
        let said = VersionVector::decode(version).unwrap();
        assert_eq!(
            document.oplog_vv(),
            said,
            "a joiner does not have what was promised"
        );
        document
    }
}
