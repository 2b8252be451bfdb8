//! Following a room without its document (SPEC section 5).

mod common;

use common::*;
use futures::executor::block_on;
use loro::LoroDoc;
use rooms::{Change, Follower, Look};
use serde_json::{Value, json};

fn follow(world: &World, after: Option<i64>) -> (Follower, bool) {
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    block_on(Follower::start(database, warm, clock, ROOM, after))
        .unwrap()
        .unwrap()
}

fn look(world: &World, follower: &mut Follower) -> Look {
    block_on(follower.look(&world.database, &world.warm, &world.clock)).unwrap()
}

fn change(world: &World, follower: &mut Follower) -> Change {
    match look(world, follower) {
        Look::Change(change) => change,
        other => panic!("{other:?}"),
    }
}

/// Sets a field of a node, as a member does.
fn set(world: &World, document: &LoroDoc, node: &str, x: f64) {
    let bytes = edit(document, node, &[("x", x.into())]);
    world.turn(1, vec![update(1, 1, vec![bytes])]);
}

#[test]
fn rm8_a_follower_hears_what_changed_and_who_changed_it() {
    let world = World::new();
    let alice = LoroDoc::new();
    set(&world, &alice, "a", 1.0);
    let (mut follower, is_whole) = follow(&world, None);
    assert!(is_whole && look(&world, &mut follower) == Look::Nothing);
    set(&world, &alice, "b", 2.0);
    world.clock.now_ms.set(world.clock.now_ms.get() + 5);
    world.effect(json!({"effect": "task-progress", "task_id": "t", "state": "PROCESSING"}));
    let heard = change(&world, &mut follower);
    assert_eq!((heard.seq, heard.at_ms), (3, world.clock.now_ms.get()));
    assert_eq!(
        (heard.actor.as_str(), heard.actors),
        ("server", vec!["alice".into(), "server".into()])
    );
    assert_eq!(Value::Object(heard.changes.nodes), json!({"b": {"x": 2}}));
    assert_eq!(
        Value::Object(heard.changes.tasks),
        json!({"t": {"state": "PROCESSING"}})
    );
    assert_eq!(look(&world, &mut follower), Look::Nothing);
}

#[test]
fn rm8_a_follower_who_comes_back_hears_all_since_the_last_entry() {
    let mut world = World::new();
    let alice = LoroDoc::new();
    for x in 0..4 {
        set(&world, &alice, &format!("n{x}"), f64::from(x));
    }
    for is_cold in [false, true] {
        if is_cold {
            world.cold();
        }
        for (after, nodes) in [(0, 4), (1, 3), (3, 1)] {
            let (mut follower, is_whole) = follow(&world, Some(after));
            assert!(is_whole);
            let heard = change(&world, &mut follower);
            assert_eq!((heard.seq, heard.changes.nodes.len()), (4, nodes));
        }
        let (mut follower, is_whole) = follow(&world, Some(4));
        assert!(is_whole && look(&world, &mut follower) == Look::Nothing);
    }
}

#[test]
fn rm8_what_waited_for_its_base_is_heard_with_the_base() {
    let world = World::new();
    let alice = LoroDoc::new();
    let base = edit(&alice, "base", &[("x", 1.0.into())]);
    let next = edit(&alice, "next", &[("x", 2.0.into())]);
    world.turn(1, vec![update(1, 1, vec![next])]);
    let (mut live, _) = follow(&world, Some(0));
    assert_eq!(look(&world, &mut live), Look::Nothing);
    assert_eq!(live.seq(), 1);
    world.turn(1, vec![update(1, 2, vec![base])]);
    let (mut back, _) = follow(&world, Some(1));
    for follower in [&mut live, &mut back] {
        let heard = change(&world, follower);
        assert_eq!(
            Value::Object(heard.changes.nodes),
            json!({"base": {"x": 1}, "next": {"x": 2}})
        );
    }
}

#[test]
fn rm8_a_follower_out_of_reach_is_told_to_read_anew() {
    let world = World::new();
    let alice = LoroDoc::new();
    set(&world, &alice, "a", 1.0);
    set(&world, &alice, "b", 1.0);
    let (mut live, _) = follow(&world, None);
    block_on(rooms::compact(
        &world.database,
        &world.warm,
        &world.clock,
        ROOM,
    ))
    .unwrap();
    set(&world, &alice, "c", 1.0);
    // From before the snapshot, and from a log that never was.
    for after in [0, 1, 99, -1, i64::MIN, i64::MAX] {
        let (mut follower, is_whole) = follow(&world, Some(after));
        assert!(!is_whole, "{after}");
        assert_eq!(
            (look(&world, &mut follower), follower.seq()),
            (Look::Nothing, 3)
        );
    }
    let (mut follower, is_whole) = follow(&world, Some(2));
    assert!(is_whole);
    for follower in [&mut live, &mut follower] {
        let heard = change(&world, follower);
        assert_eq!(Value::Object(heard.changes.nodes), json!({"c": {"x": 1}}));
    }
    // More than is told one by one.
    let many = LoroDoc::new();
    for at in 0..1_100 {
        edit(&many, &format!("m{at}"), &[("x", 1.0.into())]);
    }
    let all = many.export(loro::ExportMode::all_updates()).unwrap();
    world.turn(1, vec![update(1, 3, vec![all])]);
    assert_eq!(look(&world, &mut live), Look::Reset { seq: 4 });
    assert_eq!(look(&world, &mut live), Look::Nothing);
}

#[test]
fn rm8_the_follower_of_a_deleted_project_hears_that_it_is_gone() {
    let world = World::new();
    let (mut follower, _) = follow(&world, None);
    world.sql("UPDATE projects SET created_at_ms = created_at_ms + 1", &[]);
    assert_eq!(
        look(&world, &mut follower),
        Look::Gone,
        "another project of this name"
    );
    world.sql("DELETE FROM projects", &[]);
    assert_eq!(look(&world, &mut follower), Look::Gone);
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    let started = Follower::start(database, warm, clock, ROOM, None);
    assert!(block_on(started).unwrap().is_none());
}
