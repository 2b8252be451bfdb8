//! What becomes of members whose rights change or whose session ends (RM6).

mod common;

use common::*;
use loro::LoroDoc;
use protocol::frame::Permission;
use protocol::turn::{Channel, Input, Output};
use protocol::{BatchId, ConnectionId};
use rooms::Session;

fn joined(world: &World, connection: u64, auth: &str) -> Vec<u8> {
    let answer = world.turn(0, vec![join(connection, auth, &LoroDoc::new())]);
    match &answer.outputs[..] {
        [Output::Joined { session, .. }] => session.clone(),
        other => panic!("{other:?}"),
    }
}

fn check(connection: u64, session: &[u8]) -> Input {
    Input::Check {
        connection: ConnectionId(connection),
        session: session.to_vec(),
    }
}

fn write(connection: u64, session: &[u8]) -> Input {
    Input::Update {
        connection: ConnectionId(connection),
        batch: BatchId::from_u64(9),
        session: session.to_vec(),
        updates: vec![edit(&LoroDoc::new(), "n1", &[("x", 1.0.into())])],
    }
}

/// Somebody of the tenant was removed or demoted, as the triggers note it.
fn moved(world: &World) {
    world.sql(
        "INSERT INTO access_versions (tenant, version) VALUES ('default', 1)
         ON CONFLICT (tenant) DO UPDATE SET version = version + 1",
        &[],
    );
}

fn now_as(world: &World, whom: &str, role: &str) {
    let mut now_as = world.clock.now_as.borrow_mut();
    now_as.insert(whom.into(), role.into());
}

/// What is told of each output, in the order in which it is.
fn told(outputs: &[Output]) -> Vec<String> {
    let tell = |output: &Output| match output {
        Output::Ack { status, .. } => format!("ack {status}"),
        Output::Session { permission, .. } => format!("session {permission:?}"),
        Output::RoomError { code, .. } => format!("error {code}"),
        Output::Broadcast { .. } => "broadcast".into(),
        other => format!("{other:?}"),
    };
    outputs.iter().map(tell).collect()
}

#[test]
fn rm6_a_session_is_looked_at_when_the_rights_of_its_tenant_move() {
    for (now, checked, written) in [
        (
            "alice",
            vec!["session Write"],
            vec!["ack 0", "session Write"],
        ),
        (
            "viewer",
            vec!["session Read", "error 1"],
            vec!["ack 3", "session Read", "error 1"],
        ),
        ("nobody", vec!["error 2"], vec!["ack 3", "error 2"]),
    ] {
        let world = World::new();
        let session = joined(&world, 1, "alice");
        let before = world.turn(1, vec![write(1, &session)]);
        assert_eq!(
            told(&before.outputs),
            ["ack 0", "broadcast"],
            "{now}: not yet"
        );

        moved(&world);
        now_as(&world, "alice", now);
        let answer = world.turn(before.head, vec![check(1, &session)]);
        assert_eq!(told(&answer.outputs), checked, "{now}");
        assert!(answer.access > before.access, "{now}: the edge can tell");

        let answer = world.turn(answer.head, vec![write(1, &session), write(1, &session)]);
        let told = told(&answer.outputs);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let told: Vec<&str> = told
            .into_iter()
            .filter(|told| *told != "broadcast")
            .collect();
        // Of two updates the second is not told the same again.
        assert_eq!(told, [&written[..], &written[..1]].concat(), "{now}");
    }
}

#[test]
fn rm6_a_renewed_session_is_not_looked_at_again() {
    let world = World::new();
    let session = joined(&world, 1, "alice");
    moved(&world);
    let answer = world.turn(1, vec![check(1, &session)]);
    let [Output::Session { session, .. }] = &answer.outputs[..] else {
        panic!("{:?}", answer.outputs);
    };
    // Were it looked at again, it would be refused.
    now_as(&world, "alice", "nobody");
    let answer = world.turn(1, vec![write(1, session)]);
    assert_eq!(told(&answer.outputs), ["ack 0", "broadcast"]);
}

#[test]
fn rm6_a_session_that_ends_is_told_before_and_put_out_after() {
    let world = World::new();
    let session = joined(&world, 1, "alice");
    let ends_at_ms = Session::decode(&session).unwrap().grant.expires_at_ms;
    for (at_ms, expected) in [
        (ends_at_ms - 30_001, vec!["session Write"]),
        (ends_at_ms - 30_000, vec!["session Write", "error 1"]),
        (ends_at_ms - 1, vec!["session Write", "error 1"]),
        (ends_at_ms, vec!["error 2"]),
    ] {
        world.clock.now_ms.set(at_ms);
        let answer = world.turn(1, vec![check(1, &session)]);
        assert_eq!(told(&answer.outputs), expected, "{at_ms}");
        if let [Output::Session { until_ms, .. }, ..] = &answer.outputs[..] {
            assert!(*until_ms > at_ms as u64, "{at_ms}: the edge asks later");
        }
    }
}

#[test]
fn rm6_members_of_a_deleted_project_and_of_its_successor_are_put_out() {
    let world = World::new();
    let session = joined(&world, 1, "alice");
    world.sql("DELETE FROM projects", &[]);
    let answer = world.turn(1, vec![check(1, &session)]);
    assert_eq!(
        (told(&answer.outputs), answer.access),
        (vec!["error 2".into()], 0)
    );
    world.sql(
        "INSERT INTO projects (id, tenant, name, created_by, created_at_ms)
         VALUES ('p1', 'default', 'p1', 'bob', 501)",
        &[],
    );
    let answer = world.turn(1, vec![check(1, &session), write(1, &session)]);
    assert_eq!(told(&answer.outputs), ["error 2", "ack 3"]);
}

#[test]
fn rm6_bytes_that_are_no_session_open_nothing() {
    let world = World::new();
    let answer = world.turn(1, vec![check(1, b"x"), write(1, b"")]);
    assert_eq!(told(&answer.outputs), ["ack 3"]);
}

#[test]
fn rm7_who_may_read_may_join_the_presence_of_a_room_and_nobody_else() {
    let world = World::new();
    for (auth, may) in [("alice", true), ("viewer", true), ("mallory", false)] {
        let answer = world.turn(
            0,
            vec![Input::Join {
                connection: ConnectionId(1),
                channel: Channel::Presence,
                auth: auth.into(),
                version: Vec::new(),
            }],
        );
        match &answer.outputs[..] {
            [
                Output::Joined {
                    channel,
                    permission,
                    backfill,
                    ..
                },
            ] => {
                assert!(may, "{auth}");
                assert_eq!(*channel, Channel::Presence);
                assert_eq!(*permission, Permission::Write, "who sees may be seen");
                assert!(backfill.is_empty());
            }
            [
                Output::JoinError {
                    channel, code: 2, ..
                },
            ] => {
                assert!(!may, "{auth}");
                assert_eq!(*channel, Channel::Presence);
            }
            other => panic!("{auth}: {other:?}"),
        }
    }
    assert_eq!(world.warm.len(), 0, "presence does not load the document");
}
