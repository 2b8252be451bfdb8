//! RL2: a statement that fails, each in its turn, leaves no transaction open, nothing half-written
//! and no document in memory that is ahead of its log.

mod common;

use common::*;
use futures::executor::block_on;
use loro::LoroDoc;
use protocol::turn::{RoomTurn, TurnRequest};
use rooms::{Note, RoomsError};
use serde_json::json;
use store::faulty::{Failed, Fault, Faulty};
use store::native::Native;

type Work = fn(&World, &Faulty<'_, Native>) -> Result<(), RoomsError>;

/// A room with a node that asks for an image, and one that waits for a task.
fn world() -> World {
    let world = World::new();
    let alice = LoroDoc::new();
    edit(
        &alice,
        "i1",
        &[("type", "image".into()), ("status", "generating".into())],
    );
    edit(
        &alice,
        "i2",
        &[("type", "image".into()), ("pendingTask", "t_9".into())],
    );
    let all = alice.export(loro::ExportMode::all_updates()).unwrap();
    world.turn(0, vec![update(1, 1, vec![all])]);
    world
}

fn turn(world: &World, database: &Faulty<'_, Native>) -> Result<(), RoomsError> {
    let other = LoroDoc::new();
    let edited = edit(&other, "i3", &[("x", 1.0.into())]);
    // Large enough for a part of its own.
    let large = "x".repeat(store::rooms::PART_BYTES + 1);
    let pasted = edit(&other, "i4", &[("prompt", large.into())]);
    let room = RoomTurn {
        room: ROOM.into(),
        seen: 1,
        inputs: vec![update(2, 7, vec![edited]), update(2, 8, vec![pasted])],
    };
    let request = TurnRequest { rooms: vec![room] };
    block_on(rooms::turn(database, &world.warm, &world.clock, request)).map(drop)
}

fn process(world: &World, database: &Faulty<'_, Native>) -> Result<(), RoomsError> {
    let processed = rooms::process(database, &world.warm, &world.clock, ROOM, Note::Always);
    block_on(processed).map(drop)
}

fn effect(world: &World, database: &Faulty<'_, Native>) -> Result<(), RoomsError> {
    let effect = serde_json::from_value(json!({
        "effect": "update-node", "task_id": "t_9", "node": "i2", "kind": "image_gen",
        "state": "FINISHED", "src": "/assets/a?project=p1",
    }));
    let effect = effect.unwrap();
    let applied = rooms::apply_effect(database, &world.warm, &world.clock, ROOM, &effect);
    block_on(applied).map(drop)
}

fn compact(world: &World, database: &Faulty<'_, Native>) -> Result<(), RoomsError> {
    block_on(rooms::compact(database, &world.warm, &world.clock, ROOM)).map(drop)
}

/// The document, where the task of a second try is called as that of the first.
fn shown(world: &World) -> String {
    world.json().to_string().replace("t_2", "t_1")
}

#[test]
fn rl2_rooms_are_whole_wherever_a_statement_fails() {
    let works: [(&str, Work, usize); 4] = [
        ("turn", turn, 6),
        ("process", process, 7),
        ("effect", effect, 5),
        ("compact", compact, 8),
    ];
    for (name, work, least) in works {
        for fault in [Fault::Refused, Fault::Unheard] {
            // What it comes to when nothing fails.
            let mut well = world();
            let never = Faulty::new(&well.database, u64::MAX, fault);
            work(&well, &never).unwrap();
            well.cold();
            let expected = shown(&well);
            for at in 0.. {
                let mut world = world();
                let before = world.database.dump().unwrap();
                let faulty = Faulty::new(&world.database, at, fault);
                let outcome = work(&world, &faulty);
                let failed = faulty.failed();
                world.sql("BEGIN IMMEDIATE", &[]);
                world.sql("ROLLBACK", &[]);
                let Some(failed) = failed else {
                    outcome.unwrap();
                    assert!(at >= least as u64, "{name} is only {at} statements");
                    break;
                };
                assert!(outcome.is_err(), "{name} at {at} succeeded");
                let is_written = match failed {
                    Failed::Commit => fault == Fault::Unheard,
                    Failed::AfterCommit => true,
                    Failed::Other => false,
                };
                let is_same = world.database.dump().unwrap() == before;
                assert_eq!(is_same, !is_written, "{name} after {fault:?} at {at}");
                // Tried again, in the same process and seen by a fresh one.
                let again = Faulty::new(&world.database, u64::MAX, fault);
                work(&world, &again).unwrap();
                assert_eq!(shown(&world), expected, "{name} after {fault:?} at {at}");
                world.cold();
                assert_eq!(
                    shown(&world),
                    expected,
                    "{name} after {fault:?} at {at}, cold"
                );
            }
        }
    }
}
