//! Many rooms at once: what they write goes to the disk together.

mod common;

use common::*;
use futures::executor::block_on;
use loro::LoroDoc;
use protocol::limits::TURN_INPUTS;
use protocol::turn::{Input, Output, RoomTurn, TurnRequest};
use store::faulty::{Fault, Faulty};

const ROOMS: usize = 2_000;

/// One edit of somebody in a room of their own.
fn edited(at: usize) -> RoomTurn {
    let edit = edit(&LoroDoc::new(), "n1", &[("x", (at as f64).into())]);
    RoomTurn {
        room: format!("storm-{at}"),
        seen: 0,
        inputs: vec![update(at as u64, 1, vec![edit])],
    }
}

#[test]
fn rm11_an_edit_in_each_of_two_thousand_rooms_is_four_transactions() {
    let mut world = World::new();
    (0..ROOMS).for_each(|at| world.project(&format!("storm-{at}")));
    let before = world.database.round_trips();
    let turns: Vec<RoomTurn> = (0..ROOMS).map(edited).collect();
    let mut transactions = 0;
    for rooms in turns.chunks(TURN_INPUTS) {
        let answers = world.turn_of(rooms.to_vec()).unwrap();
        transactions += 1;
        for (room, answer) in rooms.iter().zip(&answers) {
            let Input::Update { connection, .. } = &room.inputs[0] else {
                panic!("{room:?}")
            };
            assert!(
                answer.outputs.contains(&ack(connection.0, 1, 0)),
                "{answer:?}"
            );
        }
    }
    // Heads, BEGIN, rows for new rooms, heads moved, entries in statements of a bounded size, COMMIT.
    let statements = world.database.round_trips() - before;
    assert_eq!(transactions, ROOMS.div_ceil(TURN_INPUTS));
    assert!(
        statements <= 12 * transactions as u64,
        "{statements} statements"
    );
    assert_eq!(
        world.number("SELECT count(*) AS n FROM room_updates"),
        ROOMS as i64
    );
    world.cold();
    let inputs = vec![join(1, "bob", &LoroDoc::new())];
    let room = RoomTurn {
        room: "storm-1999".into(),
        seen: 0,
        inputs,
    };
    let answer = world.turn_of(vec![room]).unwrap().pop().unwrap();
    let fresh = LoroDoc::new();
    receive(&fresh, &answer);
    assert_eq!(json(&fresh)["nodes"]["n1"]["x"], 1999.0);
}

#[test]
fn rm2_a_commit_of_many_rooms_that_fails_acks_none_of_them() {
    let world = World::new();
    (0..20).for_each(|at| world.project(&format!("storm-{at}")));
    let request = TurnRequest {
        rooms: (0..20).map(edited).collect(),
    };
    for at in 0.. {
        let faulty = Faulty::new(&world.database, at, Fault::Refused);
        let answer = block_on(rooms::turn(
            &faulty,
            &world.warm,
            &world.clock,
            request.clone(),
        ));
        if faulty.failed().is_none() {
            let response = answer.unwrap();
            let outputs = response.rooms.iter().flat_map(|room| &room.outputs);
            let acks = outputs.filter(|output| matches!(output, Output::Ack { status: 0, .. }));
            assert_eq!(acks.count(), 20);
            assert!(at > 4, "only {at} statements");
            break;
        }
        assert!(answer.is_err(), "acked although statement {at} failed");
        assert_eq!(
            world.number("SELECT count(*) AS n FROM room_updates"),
            0,
            "{at}"
        );
    }
}
