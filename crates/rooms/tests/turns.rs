//! Room turns against a real store (SPEC section 4).

mod common;

use common::*;
use loro::LoroDoc;
use protocol::frame::Permission;
use protocol::turn::{Channel, Input, Output, RoomTurn};
use protocol::{BatchId, ConnectionId};
use serde_json::json;

#[test]
fn rm2_an_acked_update_is_in_the_log_and_a_fresh_process_has_it() {
    let mut world = World::new();
    let alice = LoroDoc::new();
    let first = edit(&alice, "n1", &[("type", "note".into())]);
    let answer = world.turn(0, vec![update(1, 7, vec![first.clone()])]);
    assert_eq!(answer.outputs, [ack(1, 7, 0), broadcast(1, vec![first])]);
    assert_eq!((answer.head, answer.wake_after_ms), (2, Some(30)));
    assert_eq!(world.number("SELECT head_seq AS n FROM rooms"), 1);
    assert_eq!(
        world.number("SELECT count(*) AS n FROM room_updates WHERE actor = 'alice'"),
        1
    );
    world.cold();
    assert_eq!(world.json()["nodes"]["n1"]["type"], "note");
}

#[test]
fn rm2_the_same_turn_again_is_acked_and_appends_nothing() {
    let mut world = World::new();
    let alice = LoroDoc::new();
    let first = edit(&alice, "n1", &[("x", 1.0.into())]);
    for is_cold in [false, false, true] {
        if is_cold {
            world.cold();
        }
        let answer = world.turn(2, vec![update(1, 7, vec![first.clone()])]);
        assert_eq!(answer.outputs[0], ack(1, 7, 0));
        assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 1);
    }
}

#[test]
fn rm2_a_turn_that_cannot_commit_acks_nothing_and_leaves_nothing() {
    let world = World::new();
    let alice = LoroDoc::new();
    let first = edit(&alice, "n1", &[("x", 1.0.into())]);
    world.sql(
        "CREATE TRIGGER full BEFORE INSERT ON room_updates BEGIN SELECT raise(ABORT, 'full'); END",
        &[],
    );
    let turn = || RoomTurn {
        room: ROOM.into(),
        seen: 0,
        inputs: vec![update(1, 7, vec![first.clone()])],
    };
    assert!(world.turn_of(vec![turn()]).is_err());
    world.sql("DROP TRIGGER full", &[]);
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 0);
    let answer = world.turn_of(vec![turn()]).unwrap().pop().unwrap();
    assert_eq!(answer.outputs[0], ack(1, 7, 0));
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 1);
}

#[test]
fn rm3_a_join_gets_what_it_lacks_and_nothing_when_it_has_everything() {
    let world = World::new();
    let alice = LoroDoc::new();
    world.turn(
        0,
        vec![update(1, 1, vec![edit(&alice, "n1", &[("x", 1.0.into())])])],
    );
    let bob = LoroDoc::new();
    for (version, backfills) in [
        (vec![], 1),
        (vec![0], 1),
        (bob.oplog_vv().encode(), 1),
        (alice.oplog_vv().encode(), 0),
    ] {
        let answer = world.turn(0, vec![join_at(2, "bob", version)]);
        let [
            Output::Joined {
                permission,
                version,
                backfill,
                ..
            },
        ] = &answer.outputs[..]
        else {
            panic!("{answer:?}")
        };
        assert_eq!(*permission, Permission::Write);
        assert_eq!(*version, alice.oplog_vv().encode());
        assert_eq!(backfill.len(), backfills);
        receive(&bob, &answer);
    }
    assert_eq!(json(&bob), json(&alice));
}

#[test]
fn rm3_a_join_at_an_old_version_gets_one_small_update() {
    let world = World::new();
    let alice = LoroDoc::new();
    let many: Vec<Vec<u8>> = (0..200)
        .map(|n| edit(&alice, &format!("n{n}"), &[("title", "a node".into())]))
        .collect();
    world.turn(0, vec![update(1, 1, many)]);
    let bob = LoroDoc::new();
    bob.import(&alice.export(loro::ExportMode::Snapshot).unwrap())
        .unwrap();
    let last = edit(&alice, "n0", &[("x", 2.0.into())]);
    world.turn(0, vec![update(1, 2, vec![last.clone()])]);
    let answer = world.turn(0, vec![join(2, "bob", &bob)]);
    let [Output::Joined { backfill, .. }] = &answer.outputs[..] else {
        panic!("{answer:?}")
    };
    assert_eq!(backfill.len(), 1);
    assert!(backfill[0].len() < 2 * last.len(), "{}", backfill[0].len());
    receive(&bob, &answer);
    assert_eq!(json(&bob), json(&alice));
}

#[test]
fn rm3_a_client_that_is_ahead_and_hostile_versions_harm_nothing() {
    let world = World::new();
    let alice = LoroDoc::new();
    world.turn(
        0,
        vec![update(1, 1, vec![edit(&alice, "n1", &[("x", 1.0.into())])])],
    );
    edit(&alice, "n1", &[("x", 2.0.into())]);
    let answer = world.turn(0, vec![join(1, "alice", &alice)]);
    let Output::Joined { backfill, .. } = &answer.outputs[0] else {
        panic!("{answer:?}")
    };
    assert!(backfill.is_empty());
    for version in [
        vec![0xff; 9],
        vec![5, 1, 2],
        vec![0xff, 0xff, 0xff, 0xff, 0x0f],
    ] {
        let answer = world.turn(0, vec![join_at(2, "bob", version)]);
        assert!(
            matches!(answer.outputs[0], Output::JoinError { code: 0x7f, .. }),
            "{answer:?}"
        );
    }
    let mut negative = loro::VersionVector::default();
    negative.insert(alice.peer_id(), -5);
    let answer = world.turn(0, vec![join_at(2, "bob", negative.encode())]);
    assert!(matches!(&answer.outputs[0], Output::Joined { backfill, .. } if backfill.len() == 1));
}

#[test]
fn rm3_unknown_projects_and_tokens_answer_not_found() {
    let world = World::new();
    world.sql(
        "INSERT INTO projects (id, tenant, name, created_by, created_at_ms)
         VALUES ('p2', 'other', 'p2', 'eve', 1)",
        &[],
    );
    for (room, auth) in [
        ("p1", "mallory"),
        ("p1", ""),
        ("p2", "alice"),
        ("nowhere", "alice"),
    ] {
        let inputs = vec![join(1, auth, &LoroDoc::new())];
        let turn = RoomTurn {
            room: room.into(),
            seen: 0,
            inputs,
        };
        let answer = world.turn_of(vec![turn]).unwrap().pop().unwrap();
        let expected = Output::JoinError {
            channel: Channel::Document,
            connection: ConnectionId(1),
            code: 2,
            message: "not found".into(),
            version: None,
        };
        assert_eq!(answer.outputs, [expected], "{room} {auth}");
    }
}

#[test]
fn rm4_update_before_its_base_appears_when_the_base_arrives() {
    for is_cold in [false, true] {
        let mut world = World::new();
        let alice = LoroDoc::new();
        let base = edit(&alice, "n1", &[("type", "image".into())]);
        let after = edit(&alice, "n1", &[("title", "after".into())]);
        // bob < is in the room from the start; carol joins between the two.
        let (bob, carol) = (LoroDoc::new(), LoroDoc::new());
        let answer = world.turn(0, vec![update(1, 1, vec![after.clone()])]);
        assert_eq!(
            answer.outputs,
            [ack(1, 1, 0), broadcast(1, vec![after.clone()])]
        );
        receive(&bob, &answer);
        if is_cold {
            world.cold();
        }
        receive(&carol, &world.turn(0, vec![join(3, "bob", &carol)]));
        assert_eq!(json(&carol)["nodes"], json!({}));
        // Again: known, and not appended twice.
        let answer = world.turn(2, vec![update(1, 2, vec![after])]);
        assert_eq!(answer.outputs, [ack(1, 2, 0)]);
        let answer = world.turn(2, vec![update(1, 3, vec![base])]);
        for client in [&bob, &carol] {
            receive(client, &answer);
            assert_eq!(json(client)["nodes"]["n1"]["title"], "after");
        }
        assert_eq!(world.json()["nodes"]["n1"]["title"], "after");
        assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 2);
    }
}

#[test]
fn rm5_garbage_is_refused_and_the_others_are_unharmed() {
    let world = World::new();
    let (alice, bob) = (LoroDoc::new(), LoroDoc::new());
    let good = edit(&alice, "n1", &[("x", 1.0.into())]);
    let other = edit(&bob, "n2", &[("x", 1.0.into())]);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let answer = world.turn(
        0,
        vec![
            update(1, 1, vec![b"garbage".to_vec()]),
            update(2, 2, vec![good.clone()]),
            update(1, 3, vec![vec![]]),
            update(1, 4, vec![flipped]),
            // A batch is taken whole or not at all.
            update(1, 5, vec![other.clone(), good[..good.len() - 1].to_vec()]),
            update(1, 6, vec![vec![0; protocol::limits::REASSEMBLED_BYTES + 1]]),
        ],
    );
    assert_eq!(
        answer.outputs,
        [
            ack(1, 1, 4),
            ack(2, 2, 0),
            broadcast(2, vec![good]),
            ack(1, 3, 4),
            ack(1, 4, 4),
            ack(1, 5, 4),
            ack(1, 6, 5),
        ]
    );
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 1);
}

#[test]
fn rm5_reused_operation_ids_and_shallow_snapshots_change_nothing() {
    let world = World::new();
    let (one, two) = (LoroDoc::new(), LoroDoc::new());
    one.set_peer_id(7).unwrap();
    two.set_peer_id(7).unwrap();
    let first = edit(&one, "n1", &[("x", 1.0.into())]);
    let second = edit(&two, "n2", &[("y", 5.0.into())]);
    world.turn(0, vec![update(1, 1, vec![first])]);
    // Loro takes them for known operations: nothing of them is kept or sent on.
    let answer = world.turn(2, vec![update(2, 1, vec![second])]);
    assert_eq!(answer.outputs, [ack(2, 1, 0)]);
    let shallow = one
        .export(loro::ExportMode::shallow_snapshot(&one.oplog_frontiers()))
        .unwrap();
    let answer = world.turn(2, vec![update(2, 2, vec![shallow])]);
    assert_eq!(answer.outputs, [ack(2, 2, 4)]);
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 1);
    assert_eq!(world.json()["nodes"], json(&one)["nodes"]);
}

#[test]
fn rm6_viewers_receive_and_cannot_write() {
    let world = World::new();
    let viewer = LoroDoc::new();
    let answer = world.turn(0, vec![join(1, "viewer", &viewer)]);
    let Output::Joined {
        permission,
        session,
        ..
    } = &answer.outputs[0]
    else {
        panic!("{answer:?}")
    };
    assert_eq!(*permission, Permission::Read);
    let input = |session: Vec<u8>| Input::Update {
        connection: ConnectionId(1),
        batch: BatchId::from_u64(1),
        session,
        updates: vec![edit(&LoroDoc::new(), "n1", &[("x", 1.0.into())])],
    };
    for (case, session) in [
        ("viewer", session.clone()),
        ("forged", vec![9; 30]),
        ("none", Vec::new()),
    ] {
        let answer = world.turn(1, vec![input(session)]);
        assert_eq!(answer.outputs, [ack(1, 1, 3)], "{case}");
    }
    let alice = session_of_alice();
    world.clock.now_ms.set(world.clock.now_ms.get() + 60_000);
    let answer = world.turn(1, vec![input(alice)]);
    assert_eq!(answer.outputs[0], ack(1, 1, 3), "expired");
    let told = &answer.outputs[1];
    assert!(
        matches!(told, Output::RoomError { code: 2, .. }),
        "{told:?}"
    );
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 0);
}

fn session_of_alice() -> Vec<u8> {
    session("alice", Permission::Write)
}

#[test]
fn rm6_a_deleted_project_evicts_and_its_successor_is_another() {
    let world = World::new();
    let alice = LoroDoc::new();
    let first = edit(&alice, "n1", &[("x", 1.0.into())]);
    world.turn(0, vec![update(1, 1, vec![first])]);
    world.sql("DELETE FROM projects", &[]);
    world.sql("DELETE FROM rooms", &[]);
    world.sql("DELETE FROM room_updates", &[]);
    let second = edit(&alice, "n1", &[("x", 2.0.into())]);
    let answer = world.turn(2, vec![update(1, 2, vec![second.clone()])]);
    assert_eq!(answer.outputs[0], ack(1, 2, 3));
    assert!(matches!(
        answer.outputs[1],
        Output::RoomError { code: 2, .. }
    ));
    world.sql(
        "INSERT INTO projects (id, tenant, name, created_by, created_at_ms)
         VALUES ('p1', 'default', 'again', 'bob', 900)",
        &[],
    );
    let answer = world.turn(2, vec![update(1, 3, vec![second])]);
    assert_eq!(answer.outputs[0], ack(1, 3, 3));
    let told = &answer.outputs[1];
    assert!(
        matches!(told, Output::RoomError { code: 2, .. }),
        "{told:?}"
    );
    assert_eq!(world.json()["nodes"], json!({}));
}

#[test]
fn rm12_changes_of_others_come_first_and_to_everybody() {
    let world = World::new();
    let other = rooms::Warm::default();
    let (alice, bob) = (LoroDoc::new(), LoroDoc::new());
    let first = edit(&alice, "n1", &[("x", 1.0.into())]);
    let second = edit(&bob, "n2", &[("x", 1.0.into())]);
    let third = edit(&alice, "n1", &[("x", 3.0.into())]);
    world.turn(1, vec![update(1, 1, vec![first])]);
    // Another process appends; this one learns it from the log.
    let turn = RoomTurn {
        room: ROOM.into(),
        seen: 2,
        inputs: vec![update(2, 1, vec![second.clone()])],
    };
    let request = protocol::turn::TurnRequest { rooms: vec![turn] };
    futures::executor::block_on(rooms::turn(&world.database, &other, &world.clock, request))
        .unwrap();
    let answer = world.turn(2, vec![update(1, 2, vec![third.clone()])]);
    let everybody = Output::Broadcast {
        except: None,
        updates: vec![second.clone()],
    };
    assert_eq!(
        answer.outputs,
        [everybody.clone(), ack(1, 2, 0), broadcast(1, vec![third])]
    );
    assert_eq!(answer.head, 4);
    // A poll of another edge that saw the first entry only, and one that knows everything.
    let poll = world.turn(2, vec![]);
    assert!(
        matches!(&poll.outputs[..], [Output::Broadcast { except: None, updates }] if updates.len() == 2)
    );
    assert_eq!(world.turn(4, vec![]).outputs, []);
    // An edge that joined while the log was empty has seen 1, not 0.
    assert!(
        matches!(&world.turn(1, vec![]).outputs[..], [Output::Broadcast { updates, .. }] if updates.len() == 3)
    );
    assert_eq!(world.turn(0, vec![]).outputs, []);
}

#[test]
fn rm12_one_turn_carries_several_rooms_and_no_room_twice() {
    let world = World::new();
    world.project("p2");
    let turn = |room: &str, node: &str| RoomTurn {
        room: room.into(),
        seen: 0,
        inputs: vec![update(
            1,
            1,
            vec![edit(&LoroDoc::new(), node, &[("x", 1.0.into())])],
        )],
    };
    let answers = world
        .turn_of(vec![turn("p1", "a"), turn("gone", "b"), turn("p2", "c")])
        .unwrap();
    assert_eq!(
        answers.iter().map(|answer| answer.head).collect::<Vec<_>>(),
        [2, 0, 2]
    );
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 2);
    assert!(
        world
            .turn_of(vec![turn("p1", "a"), turn("p1", "b")])
            .is_err()
    );
}
