//! A room that others write to all the time: whoever needs it for themselves does not start over
//! again and again, and nobody waits while a large one is read.

mod common;

use std::cell::Cell;

use common::*;
use futures::executor::block_on;
use loro::LoroDoc;
use protocol::turn::{RoomTurn, TurnRequest};
use rooms::{Import, Warm};
use store::{Database, Rows, StoreError, Value};

/// Somebody in another process writes whenever a transaction is about to begin.
struct Busy<'a> {
    world: &'a World,
    warm: Warm,
    writer: LoroDoc,
    written: Cell<u64>,
}

impl<'a> Busy<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            world,
            warm: Warm::default(),
            writer: LoroDoc::new(),
            written: Cell::new(0),
        }
    }

    async fn write(&self) {
        let batch = self.written.replace(self.written.get() + 1);
        let node = format!("busy-{batch}");
        let edit = edit(&self.writer, &node, &[("x", 1.into())]);
        let turn = RoomTurn {
            room: ROOM.to_owned(),
            seen: 0,
            inputs: vec![update(9, batch, vec![edit])],
        };
        let (database, clock) = (&self.world.database, &self.world.clock);
        let request = TurnRequest { rooms: vec![turn] };
        let answer = rooms::turn(database, &self.warm, clock, request)
            .await
            .unwrap();
        assert_eq!(answer.rooms[0].outputs[0], ack(9, batch, 0));
    }
}

impl Database for Busy<'_> {
    async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        if statement.starts_with("BEGIN") {
            self.write().await;
        }
        self.world.database.query(statement, parameters).await
    }
}

fn nodes(world: &World) -> usize {
    world.json()["nodes"].as_object().unwrap().len()
}

#[test]
fn rm8_an_import_into_a_busy_room_takes_one_transaction() {
    let world = World::new();
    let busy = Busy::of(&world);
    let alice = LoroDoc::new();
    for at in 0..3 {
        let bytes = edit(&alice, &format!("a{at}"), &[("x", 2.into())]);
        let import = rooms::import(&busy, &world.warm, &world.clock, ROOM, "alice", vec![bytes]);
        let Import::Done { head_seq, .. } = block_on(import).unwrap() else {
            panic!("not imported")
        };
        assert_eq!(head_seq, 2 * (at + 1));
        assert_eq!(busy.written.get(), at as u64 + 1);
    }
    assert_eq!(nodes(&world), 6);
}

#[test]
fn rm8_an_effect_in_a_busy_room_takes_one_transaction() {
    let world = World::new();
    let busy = Busy::of(&world);
    let alice = LoroDoc::new();
    let asks = [("type", "image".into()), ("status", "pending".into())];
    world.turn(0, vec![update(1, 1, vec![edit(&alice, "i1", &asks)])]);
    assert_eq!(world.process().tasks, 1);
    let effect = serde_json::json!({"effect": "task-progress", "task_id": "t_1", "state": "PROCESSING",
        "provider": "atelier", "progress": 0.5});
    let effect = serde_json::from_value(effect).unwrap();
    let applied = rooms::apply_effect(&busy, &world.warm, &world.clock, ROOM, &effect);
    assert!(block_on(applied).unwrap().changed);
    assert_eq!(busy.written.get(), 1);
    assert_eq!(world.json()["tasks"]["t_1"]["progress"], 0.5);
    assert_eq!(nodes(&world), 2);
}

#[test]
fn rm11_a_busy_room_is_compacted_as_it_was_and_keeps_what_came_meanwhile() {
    let mut world = World::new();
    let alice = LoroDoc::new();
    let node = edit(&alice, "i1", &[("x", 1.into())]);
    world.turn(0, vec![update(1, 1, vec![node])]);
    let busy = Busy::of(&world);
    let compacted = rooms::compact(&busy, &world.warm, &world.clock, ROOM);
    assert!(block_on(compacted).unwrap());
    assert_eq!(busy.written.get(), 1);
    assert_eq!(world.number("SELECT snapshot_seq AS n FROM rooms"), 1);
    assert_eq!(world.number("SELECT head_seq AS n FROM rooms"), 2);
    assert_eq!(nodes(&world), 2);
    drop(busy);
    world.cold();
    assert_eq!(nodes(&world), 2);
}
