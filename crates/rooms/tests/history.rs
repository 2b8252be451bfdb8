//! RM9: versions, views of the past, going back, and who changed what, over compaction.

mod common;

use std::collections::HashMap;

use common::*;
use futures::executor::block_on;
use loro::{Frontiers, LoroDoc, LoroValue, VersionVector};
use protocol::frame::Permission;
use protocol::turn::Input;
use protocol::{BatchId, ConnectionId};
use rooms::history::{self, Entry, Named, Query, Restored};
use rooms::{Grant, Session};
use serde_json::{Value, json};
use store::versions::{Kind, Version};

fn by(sub: &str, updates: Vec<Vec<u8>>) -> Input {
    Input::Update {
        connection: ConnectionId(1),
        batch: BatchId::from_u64(1),
        session: for_long(sub),
        updates,
    }
}

/// A session that outlives the hours of these tests.
fn for_long(sub: &str) -> Vec<u8> {
    let grant = Grant {
        sub: sub.into(),
        permission: Permission::Write,
        expires_at_ms: i64::MAX / 2,
        credentials: sub.as_bytes().to_vec(),
    };
    Session {
        grant,
        epoch: EPOCH,
        access: 0,
    }
    .encode()
}

/// Sends an update as somebody.
fn send(world: &World, sub: &str, update: Vec<u8>) {
    let answer = world.turn(0, vec![by(sub, vec![update])]);
    assert_eq!(answer.outputs[0], ack(1, 1, 0));
}

fn wait(world: &World, time_ms: i64) {
    world.clock.now_ms.set(world.clock.now_ms.get() + time_ms);
}

fn compact(world: &World) {
    world.sql(
        "UPDATE room_updates SET created_at_ms = created_at_ms - 600000",
        &[],
    );
    let compacted = rooms::compact(&world.database, &world.warm, &world.clock, ROOM);
    assert!(block_on(compacted).unwrap());
}

fn page(world: &World, query: &Query) -> (Vec<Entry>, Option<store::Cursor>) {
    let page = history::history(&world.database, &world.warm, &world.clock, ROOM, query);
    block_on(page).unwrap().unwrap()
}

fn all(world: &World, node: Option<&str>) -> Vec<Entry> {
    let mut query = Query {
        node: node.map(str::to_owned),
        after: None,
        limit: 2,
    };
    let mut entries = Vec::new();
    loop {
        let (page, next) = page(world, &query);
        assert!(page.len() <= 2);
        entries.extend(page);
        match next {
            Some(next) => query.after = Some(next),
            None => return entries,
        }
    }
}

fn shown(entries: &[Entry]) -> Value {
    entries
        .iter()
        .map(|entry| json!([entry.actor, entry.changes]))
        .collect()
}

fn name(world: &World, name: &str) -> Version {
    let version = Version {
        id: format!("v-{name}"),
        kind: Kind::Named,
        name: Some(name.to_owned()),
        frontiers: Vec::new(),
        seq: 0,
        created_by: "alice".into(),
        created_at_ms: world.clock.now_ms.get(),
    };
    let named = history::name(
        &world.database,
        &world.warm,
        &world.clock,
        ROOM,
        version,
        None,
    );
    match block_on(named).unwrap() {
        Named::Made(version) => version,
        other => panic!("{other:?}"),
    }
}

fn restore(world: &World, version: &Version) -> Restored {
    let frontiers = Frontiers::decode(&version.frontiers).unwrap();
    let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
    let restored = history::restore(database, warm, clock, ROOM, &frontiers, "bob");
    block_on(restored).unwrap().unwrap()
}

fn view(world: &World, version: &Version) -> Value {
    let past = history::past(&world.database, &world.warm, &world.clock, ROOM);
    let past = block_on(past).unwrap().unwrap();
    let frontiers = Frontiers::decode(&version.frontiers).unwrap();
    past.json_at(&frontiers).unwrap().unwrap()
}

fn note(document: &LoroDoc, id: &str, text: &str) -> Vec<u8> {
    edit(
        document,
        id,
        &[("type", "note".into()), ("text", text.into())],
    )
}

#[test]
fn rm9_a_view_of_the_past_leaves_the_present_alone() {
    let mut world = World::new();
    let alice = LoroDoc::new();
    send(&world, "alice", note(&alice, "a", "one"));
    let first = name(&world, "first");
    send(&world, "alice", note(&alice, "a", "two"));
    send(&world, "alice", note(&alice, "b", "new"));
    assert_eq!(
        view(&world, &first)["nodes"],
        json!({"a": {"type": "note", "text": "one"}})
    );
    assert_eq!(world.json(), json(&alice));
    // Also when the log it came from is gone.
    compact(&world);
    world.cold();
    assert_eq!(view(&world, &first)["nodes"]["a"]["text"], "one");
    send(&world, "alice", note(&alice, "a", "three"));
    assert_eq!(world.json(), json(&alice));
}

#[test]
fn rm9_points_that_the_history_does_not_hold_are_refused() {
    let world = World::new();
    let alice = LoroDoc::new();
    send(&world, "alice", note(&alice, "a", "one"));
    let unsent = note(&alice, "a", "two");
    let at = alice.oplog_frontiers();
    let version = Version {
        id: "v".into(),
        kind: Kind::Named,
        name: Some("n".into()),
        frontiers: Vec::new(),
        seq: 0,
        created_by: "alice".into(),
        created_at_ms: 1,
    };
    let named = |version: &Version, at: &Frontiers| {
        let (database, warm, clock) = (&world.database, &world.warm, &world.clock);
        block_on(history::name(
            database,
            warm,
            clock,
            ROOM,
            version.clone(),
            Some(at),
        ))
        .unwrap()
    };
    let odd = [(9, 0), (9, -5), (9, i32::MAX), (alice.peer_id(), -1)];
    for (peer, counter) in odd {
        let nowhere = Frontiers::from_id(loro::ID::new(peer, counter));
        assert_eq!(named(&version, &nowhere), Named::Unknown, "{counter}");
    }
    assert_eq!(named(&version, &at), Named::Unknown);
    send(&world, "alice", unsent);
    assert!(matches!(named(&version, &at), Named::Made(_)));
}

#[test]
fn rm9_history_names_who_changed_what_before_and_after_compaction() {
    let mut world = World::new();
    let (alice, bob) = (LoroDoc::new(), LoroDoc::new());
    send(&world, "alice", note(&alice, "a", "one"));
    wait(&world, 1_000);
    send(&world, "alice", edge(&alice, "e", "a", "b"));
    wait(&world, 1_000);
    bob.import(&alice.export(loro::ExportMode::all_updates()).unwrap())
        .unwrap();
    send(&world, "bob", edit(&bob, "a", &[("x", 5.0.into())]));
    wait(&world, 120_000);
    send(
        &world,
        "bob",
        edit(
            &bob,
            "b",
            &[("type", "image".into()), ("status", "pending".into())],
        ),
    );
    wait(&world, 1_000);
    world.process();
    let expected = json!([
        ["server", [
            {"node": "b", "fields": ["error", "pendingTask", "status"]},
            {"task": "t_1", "fields": ["kind", "node", "state"]},
        ]],
        ["bob", [{"node": "b", "fields": ["status", "type"]}]],
        ["bob", [{"node": "a", "fields": ["x"]}]],
        ["alice", [{"node": "a", "fields": ["text", "type"]},
            {"edge": "e", "fields": ["source", "target"]}]],
    ]);
    // An error that was never there is not written.
    let mut expected = expected;
    expected[0][1][0]["fields"] = json!(["pendingTask", "status"]);
    assert_eq!(shown(&all(&world, None)), expected);
    compact(&world);
    world.cold();
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 0);
    assert_eq!(shown(&all(&world, None)), expected);
    // What comes later stands before it, and a compaction more changes nothing.
    wait(&world, 1_000_000);
    send(&world, "alice", note(&alice, "c", "late"));
    let entries = all(&world, None);
    assert_eq!(entries[0].actor, "alice");
    assert_eq!(shown(&entries[1..]), expected);
    compact(&world);
    assert_eq!(shown(&all(&world, None)[1..]), expected);
    // One node's part of it.
    assert_eq!(
        shown(&all(&world, Some("a"))),
        json!([
            ["bob", [{"node": "a", "fields": ["x"]}]],
            ["alice", [{"node": "a", "fields": ["text", "type"]}]],
        ])
    );
}

#[test]
fn rm9_each_entry_of_history_is_a_point_that_can_be_looked_at() {
    use base64::Engine;
    let world = World::new();
    let alice = LoroDoc::new();
    send(&world, "alice", note(&alice, "a", "one"));
    wait(&world, 100_000);
    send(&world, "alice", note(&alice, "a", "two"));
    let entries = all(&world, None);
    let at = base64::engine::general_purpose::STANDARD
        .decode(&entries[1].at)
        .unwrap();
    let past = history::past(&world.database, &world.warm, &world.clock, ROOM);
    let past = block_on(past).unwrap().unwrap();
    let then = past.json_at(&Frontiers::decode(&at).unwrap()).unwrap();
    assert_eq!(then.unwrap()["nodes"]["a"]["text"], "one");
}

#[test]
fn rm9_restore_brings_back_fields_and_nodes_as_ordinary_edits() {
    let world = World::new();
    let alice = LoroDoc::new();
    send(&world, "alice", note(&alice, "kept", "then"));
    send(&world, "alice", note(&alice, "deleted", "then"));
    send(&world, "alice", edge(&alice, "e", "kept", "deleted"));
    let version = name(&world, "good");
    let before = world.json();
    send(
        &world,
        "alice",
        edit(
            &alice,
            "kept",
            &[("text", "now".into()), ("title", "t".into())],
        ),
    );
    send(
        &world,
        "alice",
        edit(&alice, "deleted", &[("deleted", true.into())]),
    );
    send(&world, "alice", note(&alice, "new", "now"));
    send(&world, "alice", edge(&alice, "e", "kept", "new"));
    let seen = world.turn(0, vec![join(1, "viewer", &alice)]).head;
    wait(&world, 1);
    let restored = restore(&world, &version);
    assert_eq!((restored.counts.nodes, restored.counts.edges), (3, 1));
    // It reaches who is there, and they have what the server has.
    let answer = world.turn(seen, vec![]);
    receive(&alice, &answer);
    assert_eq!(json(&alice), world.json());
    let now = world.json();
    for id in ["kept", "deleted"] {
        assert_eq!(now["nodes"][id], before["nodes"][id], "{id}");
    }
    assert_eq!(now["edges"], before["edges"]);
    assert_eq!(now["nodes"]["new"]["deleted"], true);
    let newest = &all(&world, None)[0];
    assert_eq!(newest.actor, "bob");
    // Again: nothing differs, nothing is written.
    let head = world.number("SELECT head_seq AS n FROM rooms");
    let again = restore(&world, &version);
    assert_eq!((again.counts, again.before), (Default::default(), None));
    assert_eq!(world.number("SELECT head_seq AS n FROM rooms"), head);
    // The version of right before leads back.
    let id = restored.before.unwrap();
    let undo = block_on(store::versions::find(&world.database, ROOM, &id));
    restore(&world, &undo.unwrap().unwrap());
    let now = world.json();
    assert_eq!(now["nodes"]["kept"]["text"], "now");
    assert_eq!(now["nodes"]["deleted"]["deleted"], true);
    assert_eq!(now["nodes"]["new"]["deleted"], Value::Null);
}

#[test]
fn rm9_restore_does_not_take_up_work_that_was_under_way() {
    let world = World::new();
    let alice = LoroDoc::new();
    let image = |status: &str| {
        let fields: [(&str, LoroValue); 2] = [("type", "image".into()), ("status", status.into())];
        fields
    };
    send(&world, "alice", edit(&alice, "asked", &image("pending")));
    send(&world, "alice", edit(&alice, "busy", &image("idle")));
    let asking = name(&world, "asking");
    world.process();
    let working = name(&world, "working");
    let task = world.json()["nodes"]["asked"]["pendingTask"].clone();
    world.effect(
        json!({"effect": "update-node", "task_id": task, "node": "asked",
        "kind": "image_gen", "state": "FINISHED", "src": "/assets/1"}),
    );
    let made = name(&world, "made");
    let now = |version: &Version| {
        restore(&world, version);
        // The processor finds nothing to make again.
        let tasks = world.number("SELECT count(*) AS n FROM tasks");
        world.process();
        assert_eq!(world.number("SELECT count(*) AS n FROM tasks"), tasks);
        let node = &world.json()["nodes"]["asked"];
        json!([node["status"], node["src"], node["pendingTask"]])
    };
    assert_eq!(now(&asking), json!(["idle", null, null]));
    assert_eq!(now(&working), json!(["idle", null, null]));
    let tasks = world.json()["tasks"].clone();
    restore(&world, &made);
    assert_eq!(world.json()["nodes"]["asked"]["src"], "/assets/1");
    assert_eq!(
        world.json()["tasks"],
        tasks,
        "tasks are not history's to change"
    );

    // A task that runs now goes on, whatever is restored around it.
    let client = LoroDoc::new();
    receive(&client, &world.turn(0, vec![join(1, "alice", &client)]));
    send(
        &world,
        "alice",
        edit(
            &client,
            "busy",
            &[("status", "generating".into()), ("x", 9.0.into())],
        ),
    );
    world.process();
    restore(&world, &asking);
    let busy = world.json()["nodes"]["busy"].clone();
    assert_eq!(busy["status"], "generating");
    assert!(busy["pendingTask"].is_string(), "{busy}");
    assert_eq!(busy["x"], Value::Null);
}

#[test]
fn rm9_restore_copes_with_every_shape_that_a_client_writes() {
    let world = World::new();
    let alice = LoroDoc::new();
    let nodes = alice.get_map("nodes");
    let plain = |text: &str| -> LoroValue {
        serde_json::from_value(json!({"type": "note", "text": text, "list": [1, {"a": text}]}))
            .unwrap()
    };
    nodes.insert("plain", plain("then")).unwrap();
    nodes.insert("odd", 7).unwrap();
    nodes.insert("removed", plain("then")).unwrap();
    let deep = nodes.ensure_mergeable_map("deep").unwrap();
    deep.insert("type", "image").unwrap();
    deep.ensure_mergeable_map("params")
        .unwrap()
        .insert("width", 1)
        .unwrap();
    deep.ensure_mergeable_text("text")
        .unwrap()
        .insert(0, "Grüße an alle")
        .unwrap();
    deep.insert("list", vec![LoroValue::from(1)]).unwrap();
    deep.insert("becomes", "plain").unwrap();
    deep.ensure_mergeable_map("was")
        .unwrap()
        .insert("a", 1)
        .unwrap();
    alice.commit();
    send(
        &world,
        "alice",
        alice.export(loro::ExportMode::all_updates()).unwrap(),
    );
    let version = name(&world, "then");
    let then = world.json();
    let before = alice.oplog_vv();
    nodes.insert("plain", plain("now")).unwrap();
    nodes.insert("odd", 8).unwrap();
    nodes.delete("removed").unwrap();
    deep.ensure_mergeable_map("params")
        .unwrap()
        .insert("width", 2)
        .unwrap();
    deep.ensure_mergeable_map("params")
        .unwrap()
        .insert("more", 2)
        .unwrap();
    deep.ensure_mergeable_text("text")
        .unwrap()
        .delete(3, 4)
        .unwrap();
    deep.insert("list", vec![LoroValue::from(2)]).unwrap();
    deep.insert_container("becomes", loro::LoroMap::new())
        .unwrap();
    deep.delete("was").unwrap();
    deep.insert("was", "text").unwrap();
    alice.commit();
    send(&world, "alice", since(&alice, &before));
    restore(&world, &version);
    let mut now = world.json();
    // What is no node at all is nobody's to restore.
    assert_eq!(now["nodes"]["odd"], 8);
    now["nodes"]["odd"] = json!(7);
    assert_eq!(now["nodes"], then["nodes"]);
    assert_eq!(restore(&world, &version).counts, Default::default());
}

#[test]
fn rm9_versions_are_made_as_time_passes_and_only_with_changes() {
    let world = World::new();
    let alice = LoroDoc::new();
    let tick = || {
        let ticked = rooms::tick(&world.database, &world.warm, &world.clock);
        block_on(ticked).unwrap().versions
    };
    assert_eq!(tick(), 0);
    for minute in 0..60 {
        send(
            &world,
            "alice",
            note(&alice, "a", &format!("minute {minute}")),
        );
        tick();
        wait(&world, 60_000);
    }
    let count = || world.number("SELECT count(*) AS n FROM room_versions");
    assert_eq!(count(), 6);
    wait(&world, 10 * 60_000);
    assert_eq!(tick(), 1, "the end of the work");
    wait(&world, 10 * 60_000);
    assert_eq!(tick(), 0, "nobody wrote anything");
    let list = store::versions::list(&world.database, ROOM, None, 10);
    let last = block_on(list).unwrap().remove(0);
    assert_eq!(view(&world, &last)["nodes"]["a"]["text"], "minute 59");
    // Names outlive the thinning.
    let renamed = store::versions::rename(&world.database, ROOM, &last.id, "kept");
    assert!(block_on(renamed).unwrap());
    wait(&world, 400 * 24 * 3_600_000);
    send(&world, "alice", note(&alice, "a", "much later"));
    assert_eq!(tick(), 1);
    assert_eq!(count(), 3, "the newest, one of that day, and the named one");
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((value ^ (value >> 31)) % end as u64) as usize
    }
}

/// Each operation is somebody's, once, whatever order, repeats, relays and compactions there are.
#[test]
fn rm9_no_operation_loses_its_author() {
    const SUBS: [&str; 3] = ["alice", "bob", "carol"];
    for seed in 0..40 {
        let world = World::new();
        let mut random = Random(seed);
        let documents: Vec<LoroDoc> = (0..3).map(|_| LoroDoc::new()).collect();
        for (at, document) in documents.iter().enumerate() {
            document.set_peer_id(at as u64 + 1).unwrap();
        }
        let mut authors: HashMap<(u64, i32), usize> = HashMap::new();
        let mut held: Vec<(usize, Vec<u8>)> = Vec::new();
        let send = |at: usize, update: Vec<u8>, authors: &mut HashMap<(u64, i32), usize>| {
            let meta = LoroDoc::decode_import_blob_meta(&update, true).unwrap();
            send(&world, SUBS[at], update);
            for (peer, end) in meta.partial_end_vv.iter() {
                let start = meta.partial_start_vv.get(peer).copied().unwrap_or(0);
                for counter in start..*end {
                    authors.entry((*peer, counter)).or_insert(at);
                }
            }
        };
        for _ in 0..60 {
            let at = random.below(3);
            let document = &documents[at];
            match random.below(10) {
                0..=3 => {
                    let update = note(document, &format!("n{}", random.below(4)), "text");
                    send(at, update, &mut authors);
                }
                4 => held.push((at, note(document, "held", "text"))),
                // Sent late: what came after it waited for it.
                5 if !held.is_empty() => {
                    let (at, update) = held.swap_remove(random.below(held.len()));
                    send(at, update, &mut authors);
                }
                6 => {
                    let other = documents[random.below(3)].export(loro::ExportMode::all_updates());
                    document.import(&other.unwrap()).unwrap();
                }
                // Everything that one knows, also what others wrote.
                7 => {
                    let version = VersionVector::default();
                    let everything = since(document, &version);
                    if !document.oplog_vv().is_empty() {
                        send(at, everything, &mut authors);
                    }
                }
                8 => compact(&world),
                _ => wait(&world, random.below(90_000) as i64),
            }
        }
        for (at, update) in held.drain(..) {
            send(at, update, &mut authors);
        }
        if random.below(2) == 0 {
            compact(&world);
        }
        let folded = store::history::folded_seq(&world.database, ROOM);
        let folded_seq = block_on(folded).unwrap();
        let mut found: HashMap<(u64, i32), String> = HashMap::new();
        for span in block_on(history::spans(&world.database, ROOM, None, 10_000)).unwrap() {
            for counter in span.from..span.to {
                let before =
                    found.insert((span.peer.parse().unwrap(), counter), span.actor.clone());
                assert_eq!(before, None, "seed {seed}: twice ({folded_seq})");
            }
        }
        let expected: HashMap<(u64, i32), String> = authors
            .into_iter()
            .map(|(operation, at)| (operation, SUBS[at].to_owned()))
            .collect();
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[test]
fn rm9_restores_amid_edits_converge() {
    for seed in 0..40 {
        let world = World::new();
        let mut random = Random(seed + 1_000);
        let clients: Vec<LoroDoc> = (0..3).map(|_| LoroDoc::new()).collect();
        for (at, client) in clients.iter().enumerate() {
            client.set_peer_id(at as u64 + 1).unwrap();
        }
        let mut versions = Vec::new();
        let mut waiting: Vec<Vec<u8>> = Vec::new();
        for step in 0..40 {
            let client = &clients[random.below(3)];
            let node = format!("n{}", random.below(3));
            match random.below(8) {
                0..=2 => waiting.push(note(client, &node, &format!("step {step}"))),
                3 => waiting.push(edit(client, &node, &[("deleted", true.into())])),
                4 => {
                    for update in waiting.drain(..) {
                        world.turn(0, vec![by("alice", vec![update])]);
                    }
                }
                5 => versions.push(name(&world, &format!("{step}"))),
                6 if !versions.is_empty() => {
                    let version = &versions[random.below(versions.len())];
                    restore(&world, version);
                    assert_eq!(restore(&world, version).counts, Default::default());
                }
                _ => receive(client, &world.turn(0, vec![join(1, "alice", client)])),
            }
        }
        for update in waiting.drain(..) {
            world.turn(0, vec![by("alice", vec![update])]);
        }
        for client in &clients {
            receive(client, &world.turn(0, vec![join(1, "alice", client)]));
            assert_eq!(json(client), world.json(), "seed {seed}");
        }
    }
}
