//! Reads, edits and imports over HTTP against a real store (SPEC section 5).

mod common;

use canvas::{Operation, edit};
use common::*;
use futures::executor::block_on;
use loro::{ExportMode, LoroDoc, VersionVector};
use rooms::{Author, Fate, Import, Imported, Operated, Outcome};
use serde_json::{Value, json};

fn by(sub: &str) -> Author {
    Author::Caller {
        sub: sub.to_owned(),
        message: None,
    }
}

fn put(id: &str, fields: Value) -> Operation {
    Operation::PutNode {
        id: id.to_owned(),
        fields: fields.as_object().unwrap().clone(),
    }
}

fn operate(world: &World, author: &Author, operations: &[Operation]) -> Outcome<(), edit::Refused> {
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    let operated = rooms::operate(
        database,
        warm,
        clock,
        ROOM,
        author,
        |document| edit::check(document, operations),
        |document| edit::write(document, operations),
    );
    block_on(operated).unwrap()
}

fn done(world: &World, author: &Author, operations: &[Operation]) -> Operated<()> {
    match operate(world, author, operations) {
        Outcome::Done(operated) => operated,
        other => panic!("{other:?}"),
    }
}

fn import(world: &World, actor: &str, updates: Vec<Vec<u8>>) -> Import {
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    block_on(rooms::import(database, warm, clock, ROOM, actor, updates)).unwrap()
}

fn read<T>(world: &World, read: impl FnOnce(&mut rooms::Room) -> T) -> rooms::Shown<T> {
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    let shown = rooms::read(database, warm, clock, ROOM, |room| Ok(read(room)));
    block_on(shown).unwrap().unwrap()
}

fn actors(world: &World) -> Vec<String> {
    let rows = world.sql("SELECT actor FROM room_updates ORDER BY seq", &[]);
    rows.into_rows()
        .map(|row| row.text("actor").unwrap().to_owned())
        .collect()
}

/// The messages of a document's commits, by the peer that made them.
fn messages(document: &LoroDoc) -> Vec<(u64, String)> {
    let all = document
        .export_json_updates(&VersionVector::default(), &document.oplog_vv())
        .unwrap();
    let peers = all.peers.unwrap_or_default();
    let peer = |at: u64| peers[at as usize];
    let changes = all.changes.into_iter();
    changes
        .map(|change| (peer(change.id.peer), change.msg.unwrap_or_default()))
        .collect()
}

#[test]
fn rm8_an_edit_is_one_entry_in_the_callers_name_and_reaches_members() {
    let mut world = World::new();
    let alice = LoroDoc::new();
    receive(&alice, &world.turn(0, vec![join(1, "alice", &alice)]));
    let operations = [
        put("a", json!({"type": "note", "text": "one"})),
        put("b", json!({"type": "note", "text": "two"})),
    ];
    let author = Author::Caller {
        sub: "bob".to_owned(),
        message: Some("two notes".to_owned()),
    };
    let operated = done(&world, &author, &operations);
    assert_eq!((operated.changed, operated.head_seq), (true, 1));
    assert_eq!(actors(&world), ["bob"]);
    receive(&alice, &world.turn(1, vec![]));
    assert_eq!(json(&alice)["nodes"]["b"]["text"], "two");
    assert_eq!(alice.oplog_vv().encode(), operated.version);
    let message = r#"{"actor":"bob","message":"two notes"}"#;
    assert_eq!(messages(&alice)[0].1, message);
    // The same again is no entry.
    let again = done(&world, &author, &operations);
    assert_eq!((again.changed, again.head_seq), (false, 1));
    world.cold();
    assert_eq!(world.json(), json(&alice));
}

#[test]
fn rm8_everybody_edits_under_a_peer_of_their_own() {
    let world = World::new();
    world.effect(json!({"effect": "task-progress", "task_id": "t", "state": "PROCESSING"}));
    for (round, sub) in ["bob", "carol", "bob"].into_iter().enumerate() {
        let text = format!("{sub} {round}");
        let fields = json!({"type": "note", "text": text});
        done(&world, &by(sub), &[put("n", fields)]);
        world.effect(
            json!({"effect": "task-progress", "task_id": "t", "state": "PROCESSING",
            "progress": round as f64}),
        );
    }
    let document = LoroDoc::new();
    receive(&document, &world.turn(0, vec![join(1, "alice", &document)]));
    assert_eq!(json(&document)["nodes"]["n"]["text"], "bob 2");
    let mut by_peer = messages(&document);
    by_peer.sort();
    by_peer.dedup();
    let mut names: Vec<_> = by_peer
        .iter()
        .map(|(_, message)| message.as_str())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            r#"{"actor":"bob"}"#,
            r#"{"actor":"carol"}"#,
            r#"{"actor":"server"}"#
        ],
        "each name has one peer, and each peer one name"
    );
    assert_eq!(document.oplog_vv().len(), 3);
}

#[test]
fn rm8_refused_operations_leave_nothing_and_the_room_stays_warm() {
    let world = World::new();
    done(&world, &by("bob"), &[put("a", json!({"type": "note"}))]);
    let edge = |source: &str, target: &str| Operation::PutEdge {
        id: "e".to_owned(),
        fields: json!({"source": source, "target": target})
            .as_object()
            .unwrap()
            .clone(),
    };
    let operations = [put("b", json!({"type": "note"})), edge("a", "missing")];
    let Outcome::Refused(refused) = operate(&world, &by("bob"), &operations) else {
        panic!("not refused")
    };
    assert_eq!(refused.at, 1);
    assert_eq!(world.warm.len(), 1);
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 1);
    assert_eq!(world.json()["nodes"], json!({"a": {"type": "note"}}));
    done(
        &world,
        &by("bob"),
        &[put("b", json!({"type": "note"})), edge("a", "b")],
    );
    assert_eq!(world.json()["edges"]["e"]["target"], "b");
}

#[test]
fn rm8_an_edit_that_cannot_be_committed_leaves_nothing() {
    let world = World::new();
    done(&world, &by("bob"), &[put("a", json!({"type": "note"}))]);
    world.sql(
        "CREATE TRIGGER full BEFORE INSERT ON room_updates BEGIN SELECT raise(ABORT, 'full'); END",
        &[],
    );
    let operations = [put("b", json!({"type": "note"}))];
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    let bob = by("bob");
    let operated = rooms::operate(
        database,
        warm,
        clock,
        ROOM,
        &bob,
        |document| edit::check(document, &operations),
        |document| edit::write(document, &operations),
    );
    assert!(block_on(operated).is_err());
    let update = self::edit(&LoroDoc::new(), "c", &[("type", "note".into())]);
    assert!(
        block_on(rooms::import(
            database,
            warm,
            clock,
            ROOM,
            "bob",
            vec![update]
        ))
        .is_err()
    );
    world.sql("DROP TRIGGER full", &[]);
    assert_eq!(world.json()["nodes"], json!({"a": {"type": "note"}}));
    done(&world, &by("bob"), &operations);
    let fresh = LoroDoc::new();
    receive(&fresh, &world.turn(0, vec![join(1, "alice", &fresh)]));
    assert_eq!(
        json(&fresh)["nodes"],
        json!({"a": {"type": "note"}, "b": {"type": "note"}})
    );
}

#[test]
fn rm8_a_document_is_read_as_snapshot_and_as_updates() {
    let world = World::new();
    let alice = LoroDoc::new();
    let first = common::edit(&alice, "a", &[("type", "note".into())]);
    world.turn(0, vec![update(1, 1, vec![first])]);
    let halfway = alice.oplog_vv();
    let second = common::edit(&alice, "a", &[("text", "later".into())]);
    world.turn(0, vec![update(1, 2, vec![second])]);

    let snapshot = read(&world, |room| room.snapshot().unwrap());
    assert_eq!((snapshot.epoch, snapshot.seq), (EPOCH, 2));
    assert_eq!(snapshot.version, alice.oplog_vv().encode());
    let whole = LoroDoc::new();
    whole.import(&snapshot.value).unwrap();
    assert_eq!(json(&whole), json(&alice));
    // What was kept for joins goes out of date with the next edit.
    let third = common::edit(&alice, "a", &[("text", "last".into())]);
    world.turn(0, vec![update(1, 3, vec![third])]);
    let snapshot = read(&world, |room| room.snapshot().unwrap());
    let whole = LoroDoc::new();
    whole.import(&snapshot.value).unwrap();
    assert_eq!(json(&whole)["nodes"]["a"]["text"], "last");

    let mut foreign = VersionVector::default();
    foreign.insert(7, 1_000);
    let empty = LoroDoc::new();
    let behind = LoroDoc::new();
    behind
        .import(
            &alice
                .export(ExportMode::updates_in_range(vec![loro::IdSpan::new(
                    alice.peer_id(),
                    0,
                    *halfway.get(&alice.peer_id()).unwrap(),
                )]))
                .unwrap(),
        )
        .unwrap();
    for (document, version) in [
        (&empty, VersionVector::default()),
        (&LoroDoc::new(), foreign),
        (&behind, halfway),
        (&alice, alice.oplog_vv()),
    ] {
        let updates = read(&world, |room| room.updates_since(&version).unwrap());
        document.import(&updates.value).unwrap();
        assert_eq!(json(document), json(&alice));
    }
}

#[test]
fn rm8_updates_are_imported_all_or_none() {
    let mut world = World::new();
    let bob = LoroDoc::new();
    let base = common::edit(&bob, "a", &[("type", "note".into())]);
    let next = common::edit(&bob, "a", &[("text", "next".into())]);
    let other = common::edit(&LoroDoc::new(), "b", &[("type", "note".into())]);
    let nothing = |world: &World| world.number("SELECT count(*) AS n FROM room_updates") == 0;
    for (updates, at, fate) in [
        (vec![b"garbage".to_vec()], 0, Fate::Invalid),
        (vec![base.clone(), vec![]], 1, Fate::Invalid),
    ] {
        let refused = Import::Refused { at, fate };
        assert_eq!(import(&world, "bob", updates), refused);
        assert!(nothing(&world));
    }

    // Without its base it is kept and says so, twice over.
    for is_again in [false, true] {
        let Import::Done {
            head_seq, updates, ..
        } = import(&world, "bob", vec![next.clone()])
        else {
            panic!("refused")
        };
        assert_eq!(
            (head_seq, updates),
            (1, vec![Imported::Pending]),
            "{is_again}"
        );
        world.cold();
    }
    assert_eq!(world.json()["nodes"], json!({}));
    let Import::Done {
        head_seq,
        updates,
        version,
    } = import(&world, "carol", vec![base.clone(), other, next])
    else {
        panic!("refused")
    };
    assert_eq!(head_seq, 3);
    let known = [Imported::Applied, Imported::Applied, Imported::Known];
    assert_eq!(updates, known);
    assert_eq!(actors(&world), ["bob", "carol", "carol"]);
    assert_eq!(world.json()["nodes"]["a"]["text"], "next");
    let shown = read(&world, |_| ());
    assert_eq!((shown.seq, shown.version), (3, version));
    world.cold();
    assert_eq!(world.json()["nodes"]["a"]["text"], "next");
}

#[test]
fn rm8_imports_and_edits_go_on_after_what_others_wrote() {
    let world = World::new();
    let beside = rooms::Warm::default();
    let bob = LoroDoc::new();
    for round in 0..5 {
        // Another process, whose documents are its own.
        let update = common::edit(&bob, "bob", &[("x", f64::from(round).into())]);
        let (database, clock) = (&world.database, &world.clock);
        let imported = rooms::import(database, &beside, clock, ROOM, "bob", vec![update]);
        assert!(matches!(block_on(imported).unwrap(), Import::Done { .. }));
        let fields = json!({"type": "note", "x": round});
        done(&world, &by("carol"), &[put("carol", fields)]);
        if round == 2 {
            block_on(rooms::compact(database, &beside, clock, ROOM)).unwrap();
        }
    }
    let shown = world.json();
    assert_eq!(
        (&shown["nodes"]["bob"]["x"], &shown["nodes"]["carol"]["x"]),
        (&json!(4), &json!(4))
    );
    assert_eq!(world.number("SELECT head_seq AS n FROM rooms"), 10);
}

#[test]
fn rm8_a_room_that_is_not_there_takes_nothing() {
    let world = World::new();
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    let update = common::edit(&LoroDoc::new(), "a", &[("x", 1.0.into())]);
    let imported = rooms::import(database, warm, clock, "none", "bob", vec![update]);
    assert_eq!(block_on(imported).unwrap(), Import::NoRoom);
    let bob = by("bob");
    let operated = rooms::operate(
        database,
        warm,
        clock,
        "none",
        &bob,
        |_| Ok::<_, ()>(()),
        |_| Ok(()),
    );
    assert_eq!(block_on(operated).unwrap(), Outcome::NoRoom);
    let shown = rooms::read(database, warm, clock, "none", |_| Ok(()));
    assert_eq!(block_on(shown).unwrap(), None);
}
