//! OP3: ticks of rooms, late, repeated, overlapping and under a clock that is set.

mod common;

use std::collections::HashSet;

use common::*;
use futures::executor::block_on;
use loro::LoroDoc;
use protocol::turn::RoomTurn;
use rooms::{Ticked, Warm};

const HOUR_MS: i64 = 3_600_000;

/// Rooms with a node each that asks for an image, and that no wake has reached.
fn behind(rooms: usize) -> World {
    let world = World::new();
    for at in 0..rooms {
        let room = format!("q{at:03}");
        world.project(&room);
        let alice = LoroDoc::new();
        let asks = edit(
            &alice,
            "i1",
            &[("type", "image".into()), ("status", "pending".into())],
        );
        let turn = RoomTurn {
            room,
            seen: 0,
            inputs: vec![update(1, 1, vec![asks])],
        };
        world.turn_of(vec![turn]).unwrap();
    }
    world
}

fn tick(world: &World, warm: &Warm) -> Ticked {
    block_on(rooms::tick(&world.database, warm, &world.clock)).unwrap()
}

fn tasks(world: &World) -> i64 {
    world.number("SELECT count(*) AS n FROM tasks")
}

#[test]
fn op3_a_tick_of_rooms_is_bounded_and_the_next_does_the_rest() {
    let world = behind(100);
    let ticked: Vec<_> = (0..3).map(|_| tick(&world, &world.warm)).collect();
    let processed: Vec<_> = ticked.iter().map(|ticked| ticked.processed).collect();
    assert_eq!(processed, [64, 36, 0]);
    assert_eq!(tasks(&world), 100);
}

#[test]
fn op3_a_tick_of_rooms_with_nothing_due_costs_three_statements() {
    let world = behind(3);
    tick(&world, &world.warm);
    let before = world.database.round_trips();
    assert_eq!(tick(&world, &world.warm).processed, 0);
    assert_eq!(world.database.round_trips() - before, 3);
}

#[test]
fn op3_ticks_of_two_processes_do_everything_once() {
    let world = behind(100);
    let (one, other) = (Warm::default(), Warm::default());
    let sum: usize = (0..4)
        .map(|at| tick(&world, if at % 2 == 0 { &one } else { &other }).processed)
        .sum();
    assert_eq!((sum, tasks(&world)), (100, 100));
}

#[test]
fn op3_rooms_that_fail_do_not_stand_before_the_others() {
    let mut world = behind(80);
    // The first seventy have lost a part of their logs.
    world.sql("DELETE FROM room_updates WHERE room_id < 'q070'", &[]);
    world.cold();
    // Automatic versions of them fail as well; they have a turn of their own.
    let failed = |ticked: &Ticked| -> HashSet<String> {
        ticked.failed.iter().map(|(room, _)| room.clone()).collect()
    };
    let first = tick(&world, &world.warm);
    assert_eq!((failed(&first).len(), first.processed), (64, 0));
    let second = tick(&world, &world.warm);
    assert!(failed(&second).is_superset(&(64..70).map(|at| format!("q{at:03}")).collect()));
    assert_eq!((second.processed, tasks(&world)), (10, 10));
    // They are tried again, but not at every tick.
    let third = tick(&world, &world.warm);
    assert!(failed(&third).len() < 64, "{:?}", third.failed);
    world.clock.now_ms.set(world.clock.now_ms.get() + 15_000);
    assert_eq!(failed(&tick(&world, &world.warm)).len(), 64);
}

#[test]
fn op3_clocks_that_are_set_stop_no_room() {
    for jump_ms in [-HOUR_MS, HOUR_MS] {
        let world = behind(1);
        // Claimed by a process that is gone.
        let now_ms = world.clock.now_ms.get();
        let claim = store::rooms::claim_unprocessed(&world.database, now_ms, now_ms + 15_000, 64);
        assert_eq!(block_on(claim).unwrap().len(), 1);
        assert_eq!(tick(&world, &world.warm).processed, 0);
        world.clock.now_ms.set(now_ms + jump_ms);
        assert_eq!(tick(&world, &world.warm).processed, 1, "{jump_ms} ms");
    }
}
