//! TK4, OP3: retries, dead letters and the operator's view, and by which index they are found.

mod common;

use common::{database, number, sql};
use futures::executor::block_on;
use store::native::Native;
use store::tasks::{NewTask, Only};
use store::{Value, dead_letters, effects, metrics, operations, retries, sql as named, tasks};

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn task(id: &str, node: Option<&str>) -> NewTask {
    NewTask {
        trace_id: None,
        priority: 0,
        id: id.into(),
        project_id: "p1".into(),
        tenant: "default".into(),
        node_id: node.map(str::to_owned),
        kind: "image_gen".into(),
        prompt: "a boat".into(),
        params: "{}".into(),
        inputs: Vec::new(),
        created_by: "alice".into(),
        created_at_ms: NOW_MS,
    }
}

fn insert(database: &Native, task: &NewTask) {
    assert!(block_on(tasks::insert(database, task)).unwrap());
}

fn fail(database: &Native, id: &str, class: &str, at_ms: i64) {
    let error = format!(r#"{{"class":"{class}","message":"m"}}"#);
    sql(
        database,
        "UPDATE tasks SET state = 'FAILED', next_action_at_ms = NULL, version = version + 1, attempt = 3,
            failures = 3, server_id = 's_1', external_id = 'x', started_at_ms = 1, sent_at_ms = 1,
            ended_at_ms = ?2, error = ?3 WHERE id = ?1",
        &[id.into(), at_ms.into(), error.into()],
    );
}

fn begin_again(database: &Native, id: &str, version: i64) -> bool {
    block_on(retries::begin_again(database, id, version, NOW_MS)).unwrap()
}

#[test]
fn tk4_a_retried_row_is_fresh_but_for_its_attempts_and_only_one_retry_wins() {
    let database = database();
    insert(&database, &task("t_1", None));
    assert!(!begin_again(&database, "t_1", 0), "it waits");
    fail(&database, "t_1", "terminal", NOW_MS);
    assert!(!begin_again(&database, "t_1", 0), "of an older version");
    assert!(begin_again(&database, "t_1", 1));
    assert!(!begin_again(&database, "t_1", 1), "a second time");
    let found = block_on(tasks::find(&database, "t_1")).unwrap().unwrap();
    insert(&database, &task("t_2", None));
    let fresh = block_on(tasks::find(&database, "t_2")).unwrap().unwrap();
    let expected = tasks::TaskRow {
        id: "t_1".into(),
        version: 2,
        attempt: 3,
        ..fresh
    };
    assert_eq!(found, expected);
    for (version, is_past) in [(1, true), (2, false), (3, false)] {
        let found = block_on(retries::is_past(&database, "t_1", version)).unwrap();
        assert_eq!(found, is_past, "{version}");
    }
    assert!(!block_on(retries::is_past(&database, "nobody", 0)).unwrap());
}

#[test]
fn tk4_a_node_with_a_live_task_of_the_kind_gets_no_second_one() {
    let database = database();
    insert(&database, &task("t_1", Some("n")));
    fail(&database, "t_1", "terminal", NOW_MS);
    insert(&database, &task("t_2", Some("n")));
    assert!(!begin_again(&database, "t_1", 1));
    fail(&database, "t_2", "terminal", NOW_MS);
    assert!(begin_again(&database, "t_1", 1));
    assert!(!begin_again(&database, "t_2", 1));
}

#[test]
fn tk4_dead_letters_and_lists_are_narrowed_and_come_in_pages() {
    let database = database();
    for (id, tenant, kind, class, ended_at_ms) in [
        ("a", "default", "image_gen", "terminal", 10),
        ("b", "default", "video_gen", "retryable", 30),
        ("c", "default", "image_gen", "retryable", 20),
        ("d", "default", "image_gen", "moderation", 20),
        ("e", "other", "image_gen", "terminal", 40),
    ] {
        let new = NewTask {
            tenant: tenant.into(),
            kind: kind.into(),
            ..task(id, None)
        };
        insert(&database, &new);
        fail(&database, id, class, ended_at_ms);
    }
    insert(&database, &task("waits", None));
    let only = Only {
        tenant: Some("default"),
        ..Only::default()
    };
    let dead = |only: Only<'_>, after: Option<(i64, String)>| -> Vec<String> {
        let rows = block_on(dead_letters::list(&database, only, after.as_ref(), 9)).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    };
    let of = |kind, class, since_ms, until_ms| Only {
        kind,
        class,
        since_ms,
        until_ms,
        ..only
    };
    for (kind, class, since_ms, until_ms, expected) in [
        (None, None, None, None, &["b", "d", "c", "a"][..]),
        (Some("image_gen"), None, None, None, &["d", "c", "a"]),
        (None, Some("retryable"), None, None, &["b", "c"]),
        (Some("video_gen"), Some("terminal"), None, None, &[]),
        (None, None, Some(20), None, &["b", "d", "c"]),
        (None, None, Some(20), Some(30), &["d", "c"]),
    ] {
        let found = dead(of(kind, class, since_ms, until_ms), None);
        assert_eq!(
            found, expected,
            "{kind:?} {class:?} {since_ms:?} {until_ms:?}"
        );
        // The lists of tasks know the same filters, in their own order.
        let failed = Only {
            state: Some("FAILED"),
            ..of(kind, class, since_ms, until_ms)
        };
        for project in [None, Some("p1")] {
            let listed = Only { project, ..failed };
            let rows = block_on(tasks::list(&database, listed, None, 9)).unwrap();
            let mut ids: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
            assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
            ids.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(ids, expected);
        }
    }
    assert_eq!(dead(only, Some((20, "d".into()))), ["c", "a"]);
}

#[test]
fn op3_the_view_counts_what_waits_works_and_ended_lately() {
    let database = database();
    for (id, tenant) in [("a", "default"), ("b", "default"), ("c", "other")] {
        let new = NewTask {
            tenant: tenant.into(),
            created_at_ms: NOW_MS - i64::from(id.as_bytes()[0]),
            ..task(id, None)
        };
        insert(&database, &new);
    }
    for (id, class, ended_at_ms) in [
        ("f", "terminal", NOW_MS - 1),
        ("g", "terminal", NOW_MS - HOUR_MS - 1),
    ] {
        insert(&database, &task(id, None));
        fail(&database, id, class, ended_at_ms);
    }
    insert(&database, &task("w", None));
    let working =
        "UPDATE tasks SET state = 'PROCESSING', phase = 'running', lease_expires_at_ms = 9,
        started_at_ms = 1 WHERE id = 'w'";
    sql(&database, working, &[]);
    block_on(effects::insert(&database, "f", "{}", NOW_MS + 5)).unwrap();

    let waiting = |tenant| block_on(operations::waiting(&database, tenant)).unwrap();
    assert_eq!(waiting(None)[0].waiting, 3);
    assert_eq!(waiting(None)[0].oldest_at_ms, NOW_MS - i64::from(b'c'));
    assert_eq!(waiting(Some("default"))[0].waiting, 2);
    assert_eq!(waiting(Some("nobody")), []);
    let working = block_on(operations::working(&database, None)).unwrap();
    assert_eq!(
        (working[0].phase.as_str(), working[0].working),
        ("running", 1)
    );
    let ended = block_on(operations::ended(&database, None, NOW_MS - HOUR_MS)).unwrap();
    assert_eq!((ended.len(), ended[0].ended), (1, 1));
    assert_eq!(ended[0].class.as_deref(), Some("terminal"));
    let effects = block_on(operations::effects(&database)).unwrap();
    assert_eq!(
        (
            effects.waiting,
            effects.oldest_at_ms,
            effects.next_action_at_ms
        ),
        (1, Some(NOW_MS - 1), Some(NOW_MS + 5))
    );

    let gauges = block_on(metrics::gauges(&database, NOW_MS)).unwrap();
    for (series, value) in [
        (r#"clash_tasks{state="WAITING"}"#, 3.0),
        (r#"clash_queue_depth{kind="image_gen"}"#, 3.0),
        (
            r#"clash_tasks_processing{kind="image_gen",phase="running"}"#,
            1.0,
        ),
        (
            r#"clash_tasks_ended_last_hour{kind="image_gen",state="FAILED",class="terminal"}"#,
            1.0,
        ),
        ("clash_effects_pending", 1.0),
        (
            "clash_effects_oldest_timestamp_seconds",
            (NOW_MS - 1) as f64 / 1000.0,
        ),
    ] {
        let found = gauges.iter().find(|(name, _)| name == series);
        assert_eq!(found.map(|(_, value)| *value), Some(value), "{series}");
    }
}

#[test]
fn op3_the_view_and_the_lists_read_no_history() {
    let database = database();
    // As many as make the planner's guesses matter.
    let many = "WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 500)
        INSERT INTO tasks (id, project_id, tenant, kind, state, ended_at_ms, created_by, created_at_ms)
        SELECT 't_' || value, 'p1', 'default', 'image_gen', 'FINISHED', value, 'a', value FROM n";
    sql(&database, many, &[]);
    assert_eq!(number(&database, "SELECT count(*) AS n FROM tasks"), 500);
    let some: Vec<Value> = (1..=13).map(Value::from).collect();
    for (name, statement, parameters) in [
        ("dead_letters/list", named!("dead_letters/list"), 13),
        (
            "dead_letters/list_of_class",
            named!("dead_letters/list_of_class"),
            13,
        ),
        ("operations/effects", named!("operations/effects"), 0),
        ("operations/ended", named!("operations/ended"), 2),
        ("operations/waiting", named!("operations/waiting"), 1),
        ("operations/working", named!("operations/working"), 1),
        ("metrics/gauges", named!("metrics/gauges"), 2),
        ("retries/begin_again", named!("retries/begin_again"), 3),
        ("retries/is_past", named!("retries/is_past"), 2),
        ("tasks/list", named!("tasks/list"), 13),
        ("tasks/list_failed", named!("tasks/list_failed"), 13),
        ("tasks/list_of_project", named!("tasks/list_of_project"), 13),
    ] {
        let plan = format!("EXPLAIN QUERY PLAN {statement}");
        for row in sql(&database, &plan, &some[..parameters]).into_rows() {
            let step = row.text("detail").unwrap();
            // A whole index may be read when it holds nothing but live tasks.
            let of_live = ["tasks_waiting", "tasks_processing"];
            let reads_history =
                step.starts_with("SCAN tasks") && !of_live.iter().any(|index| step.contains(index));
            // A list sorts at most those that were made at the same millisecond.
            let sorts = step == "USE TEMP B-TREE FOR ORDER BY" && name.contains("list");
            let is_bad = reads_history || sorts;
            assert!(!is_bad, "{name}: {step}");
        }
    }
}
