//! RM14: a room taken away, and made again from what was taken.

mod common;

use common::*;
use futures::executor::block_on;
use loro::{Frontiers, LoroDoc};
use rooms::backup::{self, Backup, Checked, Taken, Wrong};
use rooms::history::{self, Query};
use serde_json::{Value, json};
use store::versions::{Kind, Version};

const OTHER: &str = "p2";

/// A room with a history, a version and an update whose base is missing.
fn full() -> (World, LoroDoc) {
    let world = World::new();
    let alice = LoroDoc::new();
    let send = |bytes| {
        let answer = world.turn(0, vec![update(1, 1, vec![bytes])]);
        assert_eq!(answer.outputs[0], ack(1, 1, 0));
    };
    let src = format!("/assets/{}?project={ROOM}", "0a".repeat(32));
    send(edit(
        &alice,
        "made",
        &[
            ("type", "image".into()),
            ("src", src.into()),
            ("status", "fin".into()),
        ],
    ));
    send(edit(
        &alice,
        "asks",
        &[("type", "image".into()), ("status", "pending".into())],
    ));
    world.process();
    let version = Version {
        id: "v-1".into(),
        kind: Kind::Named,
        name: Some("one".into()),
        frontiers: Vec::new(),
        seq: 0,
        created_by: "alice".into(),
        created_at_ms: 7,
    };
    let named = history::name(
        &world.database,
        &world.warm,
        &world.clock,
        ROOM,
        version,
        None,
    );
    block_on(named).unwrap();
    let other = LoroDoc::new();
    edit(&other, "late", &[("type", "note".into())]);
    send(edit(&other, "late", &[("text", "before its base".into())]));
    (world, other)
}

fn give(world: &World, room: &str) -> Backup {
    let given = backup::give(&world.database, &world.warm, &world.clock, room);
    block_on(given).unwrap().unwrap()
}

fn take(world: &World, room: &str, checked: Checked) -> Taken {
    block_on(backup::take(
        &world.database,
        room,
        checked,
        ROOM,
        "root",
        99,
    ))
    .unwrap()
}

fn document(world: &World, room: &str) -> Value {
    let json = rooms::document_json(&world.database, &world.warm, &world.clock, room);
    block_on(json).unwrap().unwrap()
}

#[test]
fn rm14_a_room_made_of_a_backup_is_the_same_room() {
    let (world, other) = full();
    let given = give(&world, ROOM);
    assert!(given.pending.is_some());
    world.project(OTHER);
    let checked = backup::check(given.clone()).unwrap();
    assert_eq!(take(&world, OTHER, checked), Taken::Made(3));

    // Where the backup ends, it is the same document.
    let past = history::past(&world.database, &world.warm, &world.clock, OTHER);
    let past = block_on(past).unwrap().unwrap();
    let saved = LoroDoc::from_snapshot(&given.document).unwrap();
    let then = past.json_at(&saved.oplog_frontiers()).unwrap().unwrap();
    assert_eq!(then, document(&world, ROOM));
    // After it, its media have their new address, and nobody waits for a task that is not there.
    let now = document(&world, OTHER);
    let src = now["nodes"]["made"]["src"].as_str().unwrap();
    assert!(src.ends_with("?project=p2"), "{src}");
    let asks = &now["nodes"]["asks"];
    assert_eq!(
        json!([asks["status"], asks["pendingTask"]]),
        json!(["idle", null])
    );
    assert_eq!(
        document(&world, ROOM)["nodes"]["asks"]["status"],
        "generating"
    );

    let list = store::versions::list(&world.database, OTHER, None, 9);
    let versions = block_on(list).unwrap();
    assert_eq!(versions.len(), 1);
    let point = Frontiers::decode(&versions[0].frontiers).unwrap();
    assert!(past.json_at(&point).unwrap().is_some());
    let query = Query {
        limit: 9,
        ..Query::default()
    };
    let history = history::history(&world.database, &world.warm, &world.clock, OTHER, &query);
    let (entries, _) = block_on(history).unwrap().unwrap();
    let mut actors: Vec<_> = entries.into_iter().map(|entry| entry.actor).collect();
    actors.sort();
    assert_eq!(actors, ["alice", "alice", "root", "server"]);

    // What waited still waits, and appears with its base.
    assert_eq!(now["nodes"]["late"], Value::Null);
    let session = rooms::Session {
        grant: rooms::Grant {
            sub: "alice".into(),
            permission: protocol::frame::Permission::Write,
            expires_at_ms: i64::MAX / 2,
            credentials: b"alice".to_vec(),
        },
        epoch: EPOCH,
        access: 0,
    };
    let input = protocol::turn::Input::Update {
        connection: protocol::ConnectionId(1),
        batch: protocol::BatchId::from_u64(1),
        session: session.encode(),
        updates: vec![other.export(loro::ExportMode::all_updates()).unwrap()],
    };
    let turn = protocol::turn::RoomTurn {
        room: OTHER.into(),
        seen: 0,
        inputs: vec![input],
    };
    world.turn_of(vec![turn]).unwrap();
    assert_eq!(
        document(&world, OTHER)["nodes"]["late"]["text"],
        "before its base"
    );
}

#[test]
fn rm14_a_room_that_was_written_is_not_overwritten() {
    let (world, _) = full();
    let given = give(&world, ROOM);
    let before = document(&world, ROOM);
    let checked = || backup::check(given.clone()).unwrap();
    assert_eq!(take(&world, ROOM, checked()), Taken::NotEmpty);
    assert_eq!(document(&world, ROOM), before);
    assert_eq!(take(&world, "nowhere", checked()), Taken::NoProject);
}

#[test]
fn rm14_a_failure_leaves_nothing_behind() {
    let (world, _) = full();
    let given = give(&world, ROOM);
    world.project(OTHER);
    world.sql(
        "CREATE TRIGGER broken BEFORE INSERT ON room_versions
         BEGIN SELECT raise(ABORT, 'broken'); END",
        &[],
    );
    let checked = backup::check(given.clone()).unwrap();
    let failed = backup::take(&world.database, OTHER, checked, ROOM, "root", 99);
    assert!(block_on(failed).is_err());
    for table in [
        "rooms",
        "room_snapshots",
        "room_updates",
        "room_spans",
        "room_versions",
    ] {
        let count = format!("SELECT count(*) AS n FROM {table} WHERE room_id = 'p2'");
        assert_eq!(world.number(&count), 0, "{table}");
    }
    world.sql("DROP TRIGGER broken", &[]);
    let checked = backup::check(given).unwrap();
    assert!(matches!(take(&world, OTHER, checked), Taken::Made(_)));
}

/// Something that a hostile hand does to a backup.
type Change = Box<dyn Fn(&mut Backup)>;

#[test]
fn rm14_nothing_of_a_backup_is_believed() {
    let (world, _) = full();
    let given = give(&world, ROOM);
    let table: Vec<(&str, Change)> = vec![
        ("document", Box::new(|b| b.document.truncate(40))),
        (
            "document",
            Box::new(|b| *b.document.last_mut().unwrap() ^= 1),
        ),
        (
            "document",
            Box::new(|b| b.document = b.pending.clone().unwrap()),
        ),
        ("document", Box::new(|b| b.version = vec![0])),
        ("pending", Box::new(|b| b.pending = Some(vec![1, 2, 3]))),
        ("versions[0]", Box::new(|b| b.versions[0].name = None)),
        (
            "versions[0]",
            Box::new(|b| b.versions[0].created_at_ms = -1),
        ),
        (
            "versions[0]",
            Box::new(|b| b.versions[0].frontiers = vec![9; 40]),
        ),
        (
            "versions[0]",
            // The operation -5 of the peer 9.
            Box::new(|b| b.versions[0].frontiers = vec![1, 9, 9]),
        ),
        (
            "versions[0]",
            Box::new(|b| b.versions[0].id = "x".repeat(5_000)),
        ),
        (
            "versions[1]",
            Box::new(|b| b.versions.push(b.versions[0].clone())),
        ),
        (
            "versions",
            Box::new(|b| b.versions = vec![b.versions[0].clone(); 1_001]),
        ),
        ("history[0]", Box::new(|b| b.history_peer("-1"))),
        ("history[0]", Box::new(|b| b.history_peer("007"))),
        ("history[0]", Box::new(|b| b.spans[0].to = b.spans[0].from)),
        ("history[0]", Box::new(|b| b.spans[0].to = 1_000_000)),
        ("history[0]", Box::new(|b| b.spans[0].actor.clear())),
        (
            "history[1]",
            Box::new(|b| b.spans.insert(0, b.spans[0].clone())),
        ),
    ];
    for (part, spoil) in table {
        let mut spoiled = given.clone();
        spoil(&mut spoiled);
        let checked: Result<(), Wrong> = backup::check(spoiled).map(drop);
        let said = checked.expect_err(part).to_string();
        assert!(said.starts_with(&format!("{part}:")), "{part}: {said}");
    }
}

trait Spoil {
    fn history_peer(&mut self, peer: &str);
}

impl Spoil for Backup {
    fn history_peer(&mut self, peer: &str) {
        self.spans[0].peer = peer.to_owned();
    }
}

/// Bytes that somebody changed, with the checksum put right: refused, or a document like any.
#[test]
fn rm14_a_forged_document_is_refused_or_can_be_used() {
    let (world, _) = full();
    let given = give(&world, ROOM);
    let mut taken = 0;
    for at in 22..given.document.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut forged = given.clone();
            forged.document[at] = value;
            let checksum =
                xxhash_rust::xxh32::xxh32(&forged.document[20..], u32::from_le_bytes(*b"LORO"));
            forged.document[16..20].copy_from_slice(&checksum.to_le_bytes());
            if let Ok(checked) = backup::check(forged) {
                taken += 1;
                let document = checked.document;
                document.export(loro::ExportMode::all_updates()).unwrap();
                document.export(loro::ExportMode::Snapshot).unwrap();
                let _ = canvas::json::to_json(&document);
            }
        }
    }
    assert!(taken > 0, "some changes are in what people wrote");
}
