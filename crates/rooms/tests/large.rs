//! Rooms that do not fit in a frame, and answers that have a limit.

mod common;

use common::*;
use futures::executor::block_on;
use loro::{ExportMode, LoroDoc};
use protocol::limits;
use protocol::turn::{Input, Output};

/// A document with this many nodes as a film makes them.
fn film(nodes: usize) -> LoroDoc {
    let document = LoroDoc::new();
    let map = document.get_map("nodes");
    for at in 0..nodes {
        let node = map.ensure_mergeable_map(&format!("node-{at}")).unwrap();
        node.insert("type", "image").unwrap();
        node.insert("status", "idle").unwrap();
        node.insert("x", at as f64).unwrap();
        node.insert("prompt", format!("Shot {at}: the lighthouse keeper climbs"))
            .unwrap();
    }
    document.commit();
    document
}

/// Processor time of this thread: what is said of speed should not depend on the neighbours.
fn cpu() -> std::time::Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0);
    std::time::Duration::from_nanos(nanoseconds)
}

fn all(document: &LoroDoc) -> Vec<u8> {
    document.export(ExportMode::all_updates()).unwrap()
}

fn joined_bytes(output: &Output) -> usize {
    match output {
        Output::Joined { backfill, .. } => backfill.iter().map(Vec::len).sum(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rm3_a_room_of_ten_thousand_nodes_joins_whole_from_a_snapshot_and_its_tail() {
    let mut world = World::new();
    let alice = film(10_000);
    world.turn(0, vec![update(1, 1, vec![all(&alice)])]);
    for round in 0..3 {
        let moved = edit(&alice, "node-5", &[("x", f64::from(round).into())]);
        world.turn(2, vec![update(1, 2, vec![moved])]);
        if round == 2 {
            world.cold();
        }
        let started = cpu();
        let bob = LoroDoc::new();
        let answer = world.turn(0, vec![join(2, "bob", &bob)]);
        println!(
            "join {round}: {:?}, {} bytes",
            cpu() - started,
            joined_bytes(&answer.outputs[0])
        );
        receive(&bob, &answer);
        assert_eq!(json(&bob), json(&alice), "round {round}");
        // Known again: nothing to send.
        let answer = world.turn(0, vec![join(2, "bob", &bob)]);
        assert_eq!(joined_bytes(&answer.outputs[0]), 0);
    }
    let started = cpu();
    assert_eq!(world.process().tasks, 0);
    println!("process 10,000 idle nodes: {:?}", cpu() - started);
    let tick = rooms::tick(&world.database, &world.warm, &world.clock);
    assert_eq!(futures::executor::block_on(tick).unwrap().compacted, 1);
    world.cold();
    let started = cpu();
    let answer = world.turn(0, vec![join(2, "bob", &LoroDoc::new())]);
    println!(
        "cold join after compaction: {:?}, {} bytes",
        cpu() - started,
        joined_bytes(&answer.outputs[0])
    );
    let moved = edit(&alice, "node-5", &[("status", "pending".into())]);
    let started = cpu();
    world.turn(2, vec![update(1, 2, vec![moved])]);
    println!("update after: {:?}", cpu() - started);
    for _ in 0..2 {
        let started = cpu();
        assert!(world.process().tasks <= 1);
        println!("process one of 10,000: {:?}", cpu() - started);
        let moved = edit(&alice, "node-6", &[("x", 1.5.into())]);
        world.turn(2, vec![update(1, 2, vec![moved])]);
    }
}

#[test]
fn rm3_a_room_that_another_instance_compacted_joins_from_its_snapshot() {
    let mut world = World::new();
    let alice = film(5_000);
    world.turn(0, vec![update(1, 1, vec![all(&alice)])]);
    let first = world.turn(0, vec![join(2, "bob", &LoroDoc::new())]);
    assert!(!is_snapshot(&first.outputs[0]), "nobody made one yet");
    let here = std::mem::take(&mut world.warm);
    block_on(rooms::tick(&world.database, &world.warm, &world.clock)).unwrap();
    assert!(world.number("SELECT snapshot_seq AS n FROM rooms") > 0);
    world.warm = here;
    let bob = LoroDoc::new();
    let answer = world.turn(2, vec![join(2, "bob", &bob)]);
    assert!(is_snapshot(&answer.outputs[0]));
    receive(&bob, &answer);
    assert_eq!(json(&bob), json(&alice));
    // Edits go on where they were, and the next to join gets the snapshot and the edit.
    let moved = edit(&alice, "node-5", &[("x", 7.into())]);
    world.turn(2, vec![update(1, 2, vec![moved])]);
    let carol = LoroDoc::new();
    let answer = world.turn(3, vec![join(3, "bob", &carol)]);
    assert!(is_snapshot(&answer.outputs[0]));
    receive(&carol, &answer);
    assert_eq!(json(&carol), json(&alice));
}

/// Whether a backfill begins with a full snapshot.
fn is_snapshot(output: &Output) -> bool {
    let Output::Joined { backfill, .. } = output else {
        panic!("{output:?}")
    };
    let meta = LoroDoc::decode_import_blob_meta(&backfill[0], true).unwrap();
    meta.mode == loro::EncodedBlobMode::Snapshot
}

#[test]
fn rm3_joins_that_do_not_fit_in_one_answer_come_back_later() {
    let world = World::new();
    let alice = film(30_000);
    world.turn(0, vec![update(1, 1, vec![all(&alice)])]);
    let joins: Vec<Input> = (0..20).map(|at| join(at, "bob", &LoroDoc::new())).collect();
    let answer = world.turn(0, joins);
    let joined = answer
        .outputs
        .iter()
        .filter(|output| matches!(output, Output::Joined { .. }));
    let later = answer
        .outputs
        .iter()
        .filter(|output| matches!(output, Output::Close { code: 1013, .. }));
    let (joined, later) = (joined.count(), later.count());
    assert_eq!(joined + later, 20);
    assert!(joined > 0 && later > 0, "{joined} {later}");
    let body = protocol::turn::TurnResponse {
        rooms: vec![answer],
    }
    .encode();
    assert!(body.len() <= limits::TURN_BYTES);
}

/// A document of this many megabytes that do not compress, in updates of one each.
fn dense(megabytes: usize) -> (LoroDoc, Vec<Vec<u8>>) {
    let document = LoroDoc::new();
    let mut state = 1_u64;
    let updates = (0..megabytes)
        .map(|at| {
            let text: String = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
                char::from(b'!' + (state >> 33) as u8 % 90)
            })
            .take(1 << 20)
            .collect();
            edit(
                &document,
                &format!("node-{at}"),
                &[("prompt", text.as_str().into())],
            )
        })
        .collect();
    (document, updates)
}

#[test]
fn rm3_a_room_larger_than_a_turn_joins_one_at_a_time() {
    let mut world = World::new();
    let (alice, updates) = dense(24);
    for (batch, bytes) in updates.into_iter().enumerate() {
        world.turn(0, vec![update(1, batch as u64, vec![bytes])]);
    }
    for state in ["made of updates", "made of a snapshot"] {
        let joins = vec![
            join(2, "bob", &LoroDoc::new()),
            join(3, "bob", &LoroDoc::new()),
        ];
        let answer = world.turn(0, joins);
        assert!(joined_bytes(&answer.outputs[0]) > limits::TURN_BYTES);
        assert!(
            matches!(&answer.outputs[1], Output::Close { code: 1013, .. }),
            "{state}"
        );
        let bob = LoroDoc::new();
        receive(&bob, &answer);
        assert_eq!(json(&bob), json(&alice), "{state}");
        let tick = rooms::tick(&world.database, &world.warm, &world.clock);
        block_on(tick).unwrap();
        world.cold();
    }
}

#[test]
fn rm3_a_room_that_is_too_large_says_so() {
    let world = World::new();
    let (_, updates) = dense(70);
    for (batch, bytes) in updates.into_iter().enumerate() {
        world.turn(0, vec![update(1, batch as u64, vec![bytes])]);
    }
    let answer = world.turn(0, vec![join(2, "bob", &LoroDoc::new())]);
    let Output::JoinError { message, .. } = &answer.outputs[0] else {
        panic!("{:?}", answer.outputs.len())
    };
    assert_eq!(message, "the room is too large to be sent whole");
}

#[test]
fn rm11_a_long_catch_up_comes_in_pieces() {
    let world = World::new();
    let alice = LoroDoc::new();
    for turn in 0..10 {
        let updates: Vec<Vec<u8>> = (0..300)
            .map(|at| edit(&alice, &format!("n{at}"), &[("x", turn.into())]))
            .collect();
        world.turn(1, vec![update(1, turn as u64, updates)]);
    }
    let bob = LoroDoc::new();
    let (mut seen, mut polls) = (1, 0);
    while seen < 3_001 {
        let answer = world.turn(seen, vec![]);
        assert!(answer.head > seen);
        receive(&bob, &answer);
        seen = answer.head;
        polls += 1;
    }
    assert_eq!(polls, 2);
    assert_eq!(json(&bob), json(&alice));
}
