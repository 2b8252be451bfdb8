//! The node processor and the effects of tasks against a real store (SPEC section 5).

mod common;

use common::*;
use loro::LoroDoc;
use serde_json::json;

/// Alice's document in a room that has it.
fn room_with(world: &World, write: impl FnOnce(&LoroDoc)) -> LoroDoc {
    let alice = LoroDoc::new();
    write(&alice);
    let update_of_all = alice.export(loro::ExportMode::all_updates()).unwrap();
    world.turn(1, vec![update(1, 1, vec![update_of_all])]);
    alice
}

fn node(document: &LoroDoc, id: &str, node_type: &str, status: &str) {
    edit(
        document,
        id,
        &[("type", node_type.into()), ("status", status.into())],
    );
}

#[test]
fn tk1_a_node_that_asks_becomes_one_task_and_says_so() {
    let world = World::new();
    let alice = room_with(&world, |document| {
        node(document, "i1", "image", "generating");
        edit(document, "i1", &[("prompt", "a lighthouse".into())]);
        edit(document, "i1", &[("params", r#"{"width":1280}"#.into())]);
    });
    let processed = world.process();
    assert_eq!(
        (processed.tasks, processed.changed, processed.head_seq),
        (1, true, 2)
    );
    let task = world.sql("SELECT * FROM tasks", &[]).first().unwrap();
    for (column, value) in [
        ("project_id", "p1"),
        ("tenant", "default"),
        ("node_id", "i1"),
        ("kind", "image_gen"),
        ("prompt", "a lighthouse"),
        ("params", r#"{"width":1280}"#),
        ("inputs", "[]"),
        ("state", "WAITING"),
        ("created_by", "server"),
    ] {
        assert_eq!(task.text(column).unwrap(), value, "{column}");
    }
    let id = task.text("id").unwrap();
    // The change reaches the clients as a catch-up, under the server's name.
    receive(&alice, &world.turn(2, vec![]));
    let shown = json(&alice);
    assert_eq!(shown["nodes"]["i1"]["pendingTask"], id);
    assert_eq!(
        shown["tasks"][id],
        json!({"node":"i1","kind":"image_gen","state":"WAITING"})
    );
    let message = alice
        .get_change(alice.oplog_frontiers().iter().next().unwrap())
        .unwrap()
        .message
        .map(|message| message.to_string());
    assert_eq!(message.as_deref(), Some(r#"{"actor":"server"}"#));
    // Nothing is left to do.
    let again = world.process();
    assert_eq!((again.tasks, again.changed, again.head_seq), (0, false, 2));
    assert_eq!(
        world.number("SELECT head_seq - processed_seq AS n FROM rooms"),
        0
    );
}

#[test]
fn tk1_two_processes_submit_a_node_once() {
    let world = World::new();
    room_with(&world, |document| node(document, "i1", "image", "pending"));
    let other = rooms::Warm::default();
    let second = rooms::process(
        &world.database,
        &other,
        &world.clock,
        ROOM,
        rooms::Note::Changes,
    );
    let (first, second) = (
        world.process(),
        futures::executor::block_on(second).unwrap().unwrap(),
    );
    assert_eq!((first.tasks, second.tasks), (1, 0));
    assert_eq!(world.number("SELECT count(*) AS n FROM tasks"), 1);
}

#[test]
fn tk1_a_node_whose_pending_task_was_lost_gets_its_live_task_back() {
    let world = World::new();
    let alice = room_with(&world, |document| node(document, "i1", "image", "pending"));
    world.process();
    receive(&alice, &world.turn(2, vec![]));
    let lost = edit(&alice, "i1", &[("pendingTask", loro::LoroValue::Null)]);
    world.turn(3, vec![update(1, 2, vec![lost])]);
    let processed = world.process();
    assert_eq!((processed.tasks, processed.changed), (0, true));
    assert_eq!(world.json()["nodes"]["i1"]["pendingTask"], "t_1");
}

#[test]
fn tk1_the_whole_journey_to_fin() {
    let world = World::new();
    room_with(&world, |document| {
        node(document, "i1", "image", "generating");
        node(document, "v1", "video", "generating");
        edge(document, "e1", "i1", "v1");
        node(document, "t1", "prompt", "idle");
        edit(document, "t1", &[("text", "in the rain".into())]);
        edge(document, "e2", "t1", "v1");
    });
    // The video waits for the image.
    assert_eq!(world.process().tasks, 1);
    world.effect(
        json!({"effect":"task-progress","task_id":"t_1","state":"PROCESSING",
        "provider":"atelier","progress":0.5}),
    );
    assert_eq!(world.json()["tasks"]["t_1"]["progress"], 0.5);
    let id = "a".repeat(64);
    let src = format!("/assets/{id}?project=p1");
    let end = json!({"effect":"update-node","task_id":"t_1","node":"i1","kind":"image_gen",
        "state":"FINISHED","src":src,"provider":"atelier","started_at_ms":5,"ended_at_ms":9});
    assert!(world.effect(end.clone()).changed);
    // Repeats and late progress leave no trace.
    assert!(!world.effect(end).changed);
    let late = json!({"effect":"task-progress","task_id":"t_1","state":"PROCESSING"});
    assert!(!world.effect(late).changed);
    let shown = world.json();
    assert_eq!(shown["nodes"]["i1"]["status"], "completed");
    assert_eq!(shown["nodes"]["i1"]["pendingTask"], json!(null));
    assert_eq!(
        shown["tasks"]["t_1"],
        json!({"node":"i1","kind":"image_gen","state":"FINISHED",
        "provider":"atelier","progress":1,"startedAt":5,"endedAt":9})
    );
    // Now the image is described and the video made of it.
    assert_eq!(world.process().tasks, 2);
    let tasks = world.sql(
        "SELECT * FROM tasks WHERE id <> 't_1' ORDER BY node_id",
        &[],
    );
    let tasks: Vec<_> = tasks.into_rows().collect();
    let asset = format!(r#"[{{"role":"image","asset":"{id}"}}]"#);
    assert_eq!(tasks[0].text("kind").unwrap(), "image_desc");
    assert_eq!(tasks[0].text("inputs").unwrap(), asset);
    assert_eq!(tasks[1].text("kind").unwrap(), "video_gen");
    assert_eq!(tasks[1].text("inputs").unwrap(), asset);
    assert_eq!(tasks[1].text("prompt").unwrap(), "in the rain");
    let describe = tasks[0].text("id").unwrap();
    world.effect(
        json!({"effect":"update-node","task_id":describe,"node":"i1",
        "kind":"image_desc","state":"FINISHED","text":"a tower"}),
    );
    let shown = world.json();
    assert_eq!(shown["nodes"]["i1"]["status"], "fin");
    assert_eq!(shown["nodes"]["i1"]["description"], "a tower");
    // A failed clip says why, and a retry asks again.
    let clip = tasks[1].text("id").unwrap();
    world.sql(
        "UPDATE tasks SET state = 'FAILED', next_action_at_ms = NULL, ended_at_ms = 1",
        &[],
    );
    world.effect(json!({"effect":"update-node","task_id":clip,"node":"v1",
        "kind":"video_gen","state":"FAILED","error":"provider down"}));
    assert_eq!(world.json()["nodes"]["v1"]["error"], "provider down");
    assert_eq!(world.process().tasks, 0);
    let bob = LoroDoc::new();
    receive(&bob, &world.turn(0, vec![join(2, "bob", &bob)]));
    let retry = edit(&bob, "v1", &[("status", "pending".into())]);
    world.turn(0, vec![update(2, 1, vec![retry])]);
    assert_eq!(world.process().tasks, 1);
    assert_eq!(world.json()["nodes"]["v1"]["error"], json!(null));
}

#[test]
fn tk1_failures_travel_along_the_edges_in_one_pass() {
    let world = World::new();
    room_with(&world, |document| {
        node(document, "c", "image", "failed");
        node(document, "b", "image", "pending");
        node(document, "a", "video", "pending");
        edge(document, "e1", "c", "b");
        edge(document, "e2", "b", "a");
    });
    assert_eq!(world.process().tasks, 0);
    let shown = world.json();
    assert_eq!(shown["nodes"]["b"]["error"], "input c failed");
    assert_eq!(shown["nodes"]["a"]["error"], "input b failed");
}

#[test]
fn tk1_deleting_a_node_cancels_its_task_and_frees_the_slot() {
    let world = World::new();
    let alice = room_with(&world, |document| node(document, "i1", "image", "pending"));
    world.process();
    world.sql(
        "INSERT INTO servers (id, tenant, owner, name, url, kinds, slots, used, state,
            changed_at_ms, next_check_at_ms, created_at_ms)
         VALUES ('s1', 'default', 'o', 's', 'http://x', '[]', 2, 0, 'ONLINE', 0, 0, 0)",
        &[],
    );
    world.sql(
        "UPDATE tasks SET state = 'PROCESSING', phase = 'running', lease_expires_at_ms = 9,
            server_id = 's1'",
        &[],
    );
    assert_eq!(world.number("SELECT used AS n FROM servers"), 1);
    receive(&alice, &world.turn(2, vec![]));
    let deleted = edit(&alice, "i1", &[("deleted", true.into())]);
    world.turn(3, vec![update(1, 2, vec![deleted])]);
    world.process();
    assert_eq!(
        world.number("SELECT count(*) AS n FROM tasks WHERE state = 'CANCELLED'"),
        1
    );
    assert_eq!(world.number("SELECT used AS n FROM servers"), 0);
    let shown = world.json();
    assert_eq!(shown["tasks"]["t_1"]["state"], "CANCELLED");
    assert_eq!(shown["nodes"]["i1"]["pendingTask"], json!(null));
}

#[test]
fn tk1_a_client_cannot_cancel_the_task_of_another_project() {
    let world = World::new();
    world.sql(
        "INSERT INTO tasks (id, project_id, tenant, kind, state, next_action_at_ms, created_by, created_at_ms)
         VALUES ('theirs', 'p9', 'other', 'image_gen', 'WAITING', 1, 'eve', 1)",
        &[],
    );
    room_with(&world, |document| {
        node(document, "i1", "image", "generating");
        edit(
            document,
            "i1",
            &[("pendingTask", "theirs".into()), ("deleted", true.into())],
        );
    });
    world.process();
    assert_eq!(
        world.number("SELECT count(*) AS n FROM tasks WHERE state = 'WAITING'"),
        1
    );
}

#[test]
fn tk1_more_nodes_than_one_pass_takes() {
    let world = World::new();
    room_with(&world, |document| {
        for at in 0..600 {
            node(document, &format!("i{at}"), "image", "pending");
        }
    });
    let processed = world.process();
    assert_eq!(processed.tasks, 600);
    assert_eq!(
        world.number("SELECT count(DISTINCT node_id) AS n FROM tasks"),
        600
    );
    assert_eq!(
        world.number("SELECT head_seq - processed_seq AS n FROM rooms"),
        0
    );
}

#[test]
fn tk1_the_tick_processes_what_no_wake_did() {
    let world = World::new();
    room_with(&world, |document| node(document, "i1", "image", "pending"));
    let tick = || {
        let tick = rooms::tick(&world.database, &world.warm, &world.clock);
        futures::executor::block_on(tick).unwrap()
    };
    let first = tick();
    assert_eq!(
        (first.processed, first.tasks, first.failed.len()),
        (1, 1, 0)
    );
    assert_eq!(first.changed, [(ROOM.to_owned(), 2)]);
    assert_eq!(tick().processed, 0);
}

#[test]
fn rm10_compaction_keeps_everything_and_a_client_from_before_still_merges() {
    let mut world = World::new();
    let alice = room_with(&world, |document| node(document, "n1", "note", "idle"));
    let old = alice.fork();
    let offline = edit(&old, "n1", &[("title", "offline".into())]);
    for at in 0..50 {
        let moved = edit(&alice, "n1", &[("x", f64::from(at).into())]);
        world.turn(1, vec![update(1, at as u64, vec![moved])]);
    }
    // An update whose base never came survives the compaction.
    let stranger = LoroDoc::new();
    let base = edit(&stranger, "s1", &[("x", 1.0.into())]);
    let after = edit(&stranger, "s1", &[("y", 2.0.into())]);
    world.turn(1, vec![update(3, 1, vec![after])]);
    world.clock.now_ms.set(world.clock.now_ms.get() + 59_000);
    let recent = edit(&alice, "n1", &[("y", 1.0.into())]);
    world.turn(1, vec![update(1, 99, vec![recent])]);
    world.clock.now_ms.set(world.clock.now_ms.get() + 900);
    world.clock.now_ms.set(world.clock.now_ms.get() + 200);
    let compact = rooms::compact(&world.database, &world.warm, &world.clock, ROOM);
    assert!(futures::executor::block_on(compact).unwrap());
    assert_eq!(world.number("SELECT snapshot_seq AS n FROM rooms"), 53);
    // What edges may still wait for is kept, and the pending update.
    assert_eq!(world.number("SELECT count(*) AS n FROM room_updates"), 2);
    world.cold();
    let bob = LoroDoc::new();
    receive(&bob, &world.turn(0, vec![join(2, "bob", &bob)]));
    assert_eq!(json(&bob), json(&alice));
    // An edge that was away too long gets the whole document for its clients.
    let away = LoroDoc::new();
    receive(&away, &world.turn(2, vec![]));
    assert_eq!(json(&away), json(&alice));
    world.clock.now_ms.set(1_000_000);
    world.turn(0, vec![update(3, 2, vec![base, offline])]);
    assert_eq!(world.json()["nodes"]["s1"]["y"], 2);
    assert_eq!(world.json()["nodes"]["n1"]["title"], "offline");
}
