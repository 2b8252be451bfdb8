//! Tasks that begin again, and the nodes that wait for them (TK4), against a real store.

mod common;

use common::*;
use loro::LoroDoc;
use rooms::retry::{Retried, Wanted};
use serde_json::json;

/// Alice's document in a room that has it, and the node's task failed.
fn failed(world: &World) -> LoroDoc {
    let alice = LoroDoc::new();
    edit(
        &alice,
        "i1",
        &[("type", "image".into()), ("status", "pending".into())],
    );
    let all = alice.export(loro::ExportMode::all_updates()).unwrap();
    world.turn(1, vec![update(1, 1, vec![all])]);
    assert_eq!(world.process().tasks, 1);
    fail(world, "t_1");
    world.effect(end("t_1", 1));
    receive(&alice, &world.turn(2, vec![]));
    assert_eq!(json(&alice)["nodes"]["i1"]["status"], "failed");
    alice
}

fn fail(world: &World, id: &str) {
    world.sql(
        r#"UPDATE tasks SET state = 'FAILED', version = version + 1, next_action_at_ms = NULL,
            ended_at_ms = 1, error = '{"class":"terminal","message":"no"}' WHERE id = ?1"#,
        &[id.into()],
    );
}

fn end(task: &str, version: i64) -> serde_json::Value {
    json!({"effect":"update-node","task_id":task,"version":version,"node":"i1",
        "kind":"image_gen","state":"FAILED","error":"no"})
}

fn retry(world: &World, tasks: &[(&str, i64)]) -> Vec<Retried> {
    let wanted: Vec<Wanted> = tasks
        .iter()
        .map(|(id, version)| Wanted {
            id: (*id).to_owned(),
            version: *version,
        })
        .collect();
    let retried = rooms::retry::retry(&world.database, &world.warm, &world.clock, ROOM, &wanted);
    futures::executor::block_on(retried).unwrap().unwrap().tasks
}

fn live(world: &World) -> i64 {
    world.number("SELECT count(*) AS n FROM tasks WHERE state = 'WAITING'")
}

#[test]
fn tk4_a_retried_task_and_its_node_change_together() {
    let world = World::new();
    let alice = failed(&world);
    assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Again]);
    assert_eq!(live(&world), 1);
    receive(&alice, &world.turn(3, vec![]));
    let shown = json(&alice);
    let node = &shown["nodes"]["i1"];
    assert_eq!(
        [&node["status"], &node["pendingTask"], &node["error"]],
        [&json!("generating"), &json!("t_1"), &json!(null)]
    );
    assert_eq!(shown["tasks"]["t_1"]["state"], "WAITING");
    // The processor has nothing to add, and a second retry finds the task changed.
    assert_eq!(world.process().tasks, 0);
    assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Changed]);
    assert_eq!(live(&world), 1);
}

#[test]
fn tk5_the_end_of_an_earlier_life_says_nothing() {
    let world = World::new();
    failed(&world);
    assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Again]);
    // Its delivery was repeated, and comes when the task waits again.
    assert!(!world.effect(end("t_1", 1)).changed);
    assert_eq!(world.json()["nodes"]["i1"]["status"], "generating");
    // That of its present life counts.
    fail(&world, "t_1");
    assert!(world.effect(end("t_1", 3)).changed);
    assert_eq!(world.json()["nodes"]["i1"]["status"], "failed");
}

#[test]
fn tk4_a_retry_before_the_node_has_heard_of_the_failure() {
    let world = World::new();
    let alice = LoroDoc::new();
    edit(
        &alice,
        "i1",
        &[("type", "image".into()), ("status", "pending".into())],
    );
    let all = alice.export(loro::ExportMode::all_updates()).unwrap();
    world.turn(1, vec![update(1, 1, vec![all])]);
    world.process();
    fail(&world, "t_1");
    assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Again]);
    assert!(!world.effect(end("t_1", 1)).changed);
    assert_eq!(world.json()["nodes"]["i1"]["pendingTask"], "t_1");
    assert_eq!(live(&world), 1);
}

#[test]
fn tk4_a_node_that_is_gone_or_asks_for_something_else_keeps_its_task_as_it_is() {
    for (fields, why) in [
        (vec![("deleted", true.into())], "the node is gone"),
        (
            vec![("type", "video".into())],
            "the node asks for something else",
        ),
        (vec![("src", "/a".into())], "the node has a result"),
    ] {
        let world = World::new();
        let alice = failed(&world);
        let changed = edit(&alice, "i1", &fields);
        world.turn(3, vec![update(1, 2, vec![changed])]);
        assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Refused(why)]);
        assert_eq!(live(&world), 0, "{why}");
    }
    // It has asked again by itself.
    let world = World::new();
    let alice = failed(&world);
    let asks = edit(&alice, "i1", &[("status", "pending".into())]);
    world.turn(3, vec![update(1, 2, vec![asks])]);
    assert_eq!(world.process().tasks, 1);
    let why = "the node asks for something else";
    assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Refused(why)]);
    assert_eq!(live(&world), 1);
}

#[test]
fn tk4_a_node_that_asks_again_at_the_same_moment_gets_the_retried_task() {
    let world = World::new();
    let alice = failed(&world);
    let asks = edit(&alice, "i1", &[("status", "pending".into())]);
    world.turn(3, vec![update(1, 2, vec![asks])]);
    assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Again]);
    assert_eq!(world.process().tasks, 0);
    assert_eq!(live(&world), 1);
    assert_eq!(world.json()["nodes"]["i1"]["pendingTask"], "t_1");
}

#[test]
fn tk4_a_task_that_the_node_never_asked_for_leaves_it_alone() {
    let world = World::new();
    failed(&world);
    world.sql("UPDATE tasks SET created_by = 'alice'", &[]);
    assert_eq!(retry(&world, &[("t_1", 1)]), [Retried::Again]);
    let shown = world.json();
    assert_eq!(shown["nodes"]["i1"]["status"], "failed");
    assert_eq!(shown["tasks"]["t_1"]["state"], "WAITING");
}

#[test]
fn tk4_one_of_two_tasks_of_a_node_and_none_of_another_room() {
    let world = World::new();
    failed(&world);
    world.sql(
        "INSERT INTO tasks (id, project_id, tenant, node_id, kind, state, ended_at_ms, created_by, created_at_ms)
         SELECT id || '_2', project_id, tenant, node_id, kind, state, ended_at_ms, created_by, created_at_ms
         FROM tasks",
        &[],
    );
    world.sql(
        "INSERT INTO tasks (id, project_id, tenant, node_id, kind, state, ended_at_ms, created_by, created_at_ms)
         VALUES ('theirs', 'p9', 'other', 'i1', 'image_gen', 'FAILED', 1, 'server', 1)",
        &[],
    );
    let wanted = [("t_1", 1), ("t_1_2", 0), ("theirs", 0), ("nobody", 0)];
    let expected = [
        Retried::Again,
        Retried::Busy,
        Retried::Changed,
        Retried::Changed,
    ];
    assert_eq!(retry(&world, &wanted), expected);
    assert_eq!(live(&world), 1);
}
