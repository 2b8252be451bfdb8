//! TK1, TK6, RG4: claims, compare-and-set and slots, also from two connections at once.

mod common;

use common::{database, number, open};
use futures::executor::block_on;
use store::servers::{NewServer, ServerRow};
use store::tasks::{Input, NewTask};
use store::{Database, DueAt, assets, effects, migrate, native::Native, servers, tasks};

fn at(now_ms: i64) -> DueAt {
    DueAt::new(now_ms, 10_000)
}

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
        inputs: vec![Input {
            role: "image".into(),
            asset: Some("a".into()),
            url: None,
            media_type: None,
        }],
        created_by: "alice".into(),
        created_at_ms: 100,
    }
}

fn server(database: &Native, slots: i64) -> ServerRow {
    let new = NewServer {
        id: "s_1".into(),
        tenant: "default".into(),
        owner: "gpu".into(),
        name: "one".into(),
        url: "http://127.0.0.1:9000".into(),
        kinds: vec!["image_gen".into()],
        token: Some("secret".into()),
        slots,
        now_ms: 100,
        ..NewServer::default()
    };
    let row = block_on(servers::upsert(database, &new)).unwrap();
    block_on(database.query("UPDATE servers SET state = 'ONLINE'", &[])).unwrap();
    row
}

#[test]
fn tk1_a_node_has_one_live_task_of_a_kind() {
    let database = database();
    assert!(block_on(tasks::insert(&database, &task("t_1", Some("n1")))).unwrap());
    assert!(!block_on(tasks::insert(&database, &task("t_2", Some("n1")))).unwrap());
    assert!(block_on(tasks::insert(&database, &task("t_3", None))).unwrap());
    assert!(block_on(tasks::insert(&database, &task("t_4", None))).unwrap());
    assert!(block_on(tasks::cancel(&database, "t_1", 200)).unwrap());
    assert!(!block_on(tasks::cancel(&database, "t_1", 200)).unwrap());
    assert!(block_on(tasks::insert(&database, &task("t_2", Some("n1")))).unwrap());
    let row = block_on(tasks::find(&database, "t_2")).unwrap().unwrap();
    assert_eq!(row.inputs().unwrap(), task("t_2", None).inputs);
}

#[test]
fn tk6_a_stale_version_is_refused() {
    let database = database();
    block_on(tasks::insert(&database, &task("t_1", None))).unwrap();
    let row = block_on(tasks::find(&database, "t_1")).unwrap().unwrap();
    assert!(block_on(tasks::replace(&database, &row)).unwrap());
    assert!(!block_on(tasks::replace(&database, &row)).unwrap());
    let fresh = block_on(tasks::find(&database, "t_1")).unwrap().unwrap();
    assert_eq!(fresh.version, row.version + 1);
}

#[test]
fn tk6_the_table_refuses_a_state_that_cannot_be() {
    let database = database();
    block_on(tasks::insert(&database, &task("t_1", None))).unwrap();
    let row = block_on(tasks::find(&database, "t_1")).unwrap().unwrap();
    for (name, wrong) in [
        (
            "processing without a lease",
            tasks::TaskRow {
                state: "PROCESSING".into(),
                phase: Some("submit".into()),
                ..row.clone()
            },
        ),
        (
            "finished without an end",
            tasks::TaskRow {
                state: "FINISHED".into(),
                next_action_at_ms: None,
                ..row.clone()
            },
        ),
        (
            "waiting without a next time",
            tasks::TaskRow {
                next_action_at_ms: None,
                ..row.clone()
            },
        ),
        (
            "an unknown state",
            tasks::TaskRow {
                state: "DONE".into(),
                ..row.clone()
            },
        ),
    ] {
        let error = block_on(tasks::replace(&database, &wrong)).expect_err(name);
        assert!(error.to_string().contains("CHECK"), "{name}: {error}");
    }
}

/// The row as it is once a server works on it.
fn at_work(database: &Native, id: &str) -> tasks::TaskRow {
    tasks::TaskRow {
        state: "PROCESSING".into(),
        phase: Some("submit".into()),
        server_id: Some("s_1".into()),
        lease_expires_at_ms: Some(900),
        started_at_ms: Some(1),
        ..block_on(tasks::find(database, id)).unwrap().unwrap()
    }
}

/// What ends a task.
type End<'a> = &'a dyn Fn(&tasks::TaskRow);

fn used(database: &Native) -> i64 {
    number(database, "SELECT used AS n FROM servers WHERE id = 's_1'")
}

#[test]
fn rg4_slots_are_never_over_admitted_by_two_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let first = open(&path);
    block_on(migrate::migrate(&first, 1)).unwrap();
    server(&first, 7);
    for number in 0..20 {
        block_on(tasks::insert(&first, &task(&format!("t_{number}"), None))).unwrap();
    }
    let take = |number: usize| {
        let database = open(&path);
        let row = at_work(&database, &format!("t_{number}"));
        match block_on(tasks::replace(&database, &row)) {
            Ok(is_written) => usize::from(is_written),
            Err(error) => {
                assert!(error.to_string().contains("no slot"), "{error}");
                0
            }
        }
    };
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn(move || (0..5).map(|time| take(thread * 5 + time)).sum::<usize>())
            })
            .collect();
        let taken = threads.into_iter().map(|thread| thread.join().unwrap());
        taken.sum()
    });
    assert_eq!(taken, 7);
    assert_eq!(used(&first), 7);
    let working = "SELECT count(*) AS n FROM tasks WHERE state = 'PROCESSING'";
    assert_eq!(number(&first, working), 7);
}

#[test]
fn rg4_a_slot_is_freed_however_its_task_ends() {
    let database = database();
    server(&database, 2);
    let ends: [(&str, End); 5] = [
        ("a transition", &|row| {
            let ended = tasks::TaskRow {
                state: "FINISHED".into(),
                phase: None,
                lease_expires_at_ms: None,
                next_action_at_ms: None,
                ended_at_ms: Some(7),
                ..row.clone()
            };
            assert!(block_on(tasks::replace(&database, &ended)).unwrap());
        }),
        ("several at once", &|row| {
            let waiting = tasks::TaskRow {
                state: "WAITING".into(),
                phase: None,
                server_id: None,
                lease_expires_at_ms: None,
                ..row.clone()
            };
            assert_eq!(
                block_on(tasks::replace_all(&database, &[waiting]))
                    .unwrap()
                    .len(),
                1
            );
        }),
        ("cancelled", &|row| {
            assert!(block_on(tasks::cancel(&database, &row.id, 200)).unwrap());
        }),
        ("cancelled by its room", &|row| {
            let transaction = block_on(store::begin(&database)).unwrap();
            let ids = [row.id.as_str()];
            let cancelled = store::rooms::cancel_tasks(&transaction, "p1", &ids, 200);
            assert_eq!(block_on(cancelled).unwrap(), ids);
            block_on(transaction.commit()).unwrap();
        }),
        ("removed with its project", &|row| {
            block_on(tasks::delete_of_project(&database, &row.project_id)).unwrap();
        }),
    ];
    for (at, (how, end)) in ends.iter().enumerate() {
        let id = format!("t_{at}");
        block_on(tasks::insert(&database, &task(&id, None))).unwrap();
        let row = at_work(&database, &id);
        assert!(block_on(tasks::replace(&database, &row)).unwrap());
        assert_eq!(used(&database), 1, "{how}");
        // As long as it works it keeps the one slot.
        let row = tasks::TaskRow {
            phase: Some("running".into()),
            version: row.version + 1,
            ..row
        };
        assert!(block_on(tasks::replace(&database, &row)).unwrap());
        assert_eq!(used(&database), 1, "{how}");
        end(&tasks::TaskRow {
            version: row.version + 1,
            ..row
        });
        assert_eq!(used(&database), 0, "{how}");
    }
}

#[test]
fn tk6_several_rows_are_written_as_each_would_be() {
    let (one_by_one, together) = (database(), database());
    let changed = |database: &Native| {
        server(database, 10);
        let texts = ["plain", "a \"quoted\" \\ line\nand 👩🏽", "ends\0here", ""];
        let rows = texts.into_iter().enumerate().map(|(at, text)| {
            let id = format!("t_{at}");
            block_on(tasks::insert(database, &task(&id, None))).unwrap();
            let row = at_work(database, &id);
            tasks::TaskRow {
                external_id: Some(text.into()),
                result: Some(text.into()),
                progress: 1.0 / 3.0,
                lease_expires_at_ms: Some(i64::MAX),
                is_paid: at % 2 == 1,
                // Somebody else has written the last one.
                version: row.version + i64::from(at == 3),
                ..row
            }
        });
        rows.collect::<Vec<_>>()
    };
    let expected: Vec<bool> = changed(&one_by_one)
        .iter()
        .map(|row| block_on(tasks::replace(&one_by_one, row)).unwrap())
        .collect();
    assert_eq!(expected, [true, true, true, false]);
    let rows = changed(&together);
    let written = block_on(tasks::replace_all(&together, &rows)).unwrap();
    let found: Vec<bool> = rows.iter().map(|row| written.contains(&row.id)).collect();
    assert_eq!(found, expected);
    for row in &rows {
        let find = |database| block_on(tasks::find(database, &row.id)).unwrap();
        assert_eq!(find(&together), find(&one_by_one), "{}", row.id);
    }
    assert!(
        block_on(tasks::replace_all(&together, &[]))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn op3_overlapping_claims_share_what_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let first = open(&path);
    block_on(migrate::migrate(&first, 1)).unwrap();
    for at in 0..40 {
        block_on(tasks::insert(&first, &task(&format!("t_{at}"), None))).unwrap();
    }
    block_on(first.query(
        "UPDATE tasks SET state = 'PROCESSING', phase = 'submit', lease_expires_at_ms = 900, started_at_ms = 1",
        &[],
    ))
    .unwrap();
    let claimed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let database = open(&path);
                    block_on(tasks::claim_due(&database, at(500), 700, 64))
                        .unwrap()
                        .len()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(claimed, 40);
    assert_eq!(
        block_on(tasks::claim_due(&first, at(700), 900, 64))
            .unwrap()
            .len(),
        40
    );
}

#[test]
fn rg1_the_same_address_of_the_same_owner_keeps_its_id_and_slots() {
    let database = database();
    server(&database, 2);
    for id in ["t_1", "t_2"] {
        block_on(tasks::insert(&database, &task(id, None))).unwrap();
    }
    assert!(block_on(tasks::replace(&database, &at_work(&database, "t_1"))).unwrap());
    let again = NewServer {
        id: "s_2".into(),
        tenant: "default".into(),
        owner: "gpu".into(),
        name: "renamed".into(),
        url: "http://127.0.0.1:9000".into(),
        kinds: vec!["video_gen".into()],
        token: None,
        slots: 1,
        now_ms: 500,
        ..NewServer::default()
    };
    let row = block_on(servers::upsert(&database, &again)).unwrap();
    assert_eq!(
        (row.id.as_str(), row.name.as_str(), row.used, row.slots),
        ("s_1", "renamed", 1, 1)
    );
    block_on(tasks::replace(&database, &at_work(&database, "t_2"))).expect_err("a slot");
    // A check that was begun before the registration says nothing about it.
    assert!(!block_on(servers::record_check(&database, &row, 100)).unwrap());
    assert!(block_on(servers::record_check(&database, &row, 500)).unwrap());
    assert!(!block_on(servers::delete_gone(&database, "s_1", 500)).unwrap());
    assert!(block_on(servers::delete(&database, "s_1")).unwrap());
}

#[test]
fn tk5_effects_are_claimed_once_until_they_are_due_again() {
    let database = database();
    let id = block_on(effects::insert(&database, "t_1", "{}", 100)).unwrap();
    assert!(!block_on(effects::has_due(&database, at(99))).unwrap());
    let due = block_on(effects::claim_due(&database, at(100), 200, 64)).unwrap();
    assert_eq!((due[0].id, due[0].tries), (id, 1));
    assert!(
        block_on(effects::claim_due(&database, at(199), 300, 64))
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        block_on(effects::claim_due(&database, at(200), 300, 64)).unwrap()[0].tries,
        2
    );
    block_on(effects::delete(&database, id)).unwrap();
    assert!(!block_on(effects::has_due(&database, at(i64::MAX))).unwrap());
}

#[test]
fn as1_abandoned_downloads_are_swept_and_live_ones_are_not() {
    let database = database();
    for id in ["t_1", "t_10"] {
        block_on(tasks::insert(&database, &task(id, None))).unwrap();
        let name = assets::temporary_name(id, "r");
        block_on(assets::insert_chunk(&database, &name, 0, vec![1])).unwrap();
    }
    block_on(database.query(
        "UPDATE tasks SET state = 'PROCESSING', phase = 'settling', lease_expires_at_ms = 900 WHERE id = 't_1'",
        &[],
    ))
    .unwrap();
    block_on(assets::delete_abandoned(&database)).unwrap();
    assert!(block_on(assets::has_chunks(&database, "upload:t_1:r")).unwrap());
    assert!(!block_on(assets::has_chunks(&database, "upload:t_10:r")).unwrap());
    block_on(assets::adopt_chunks(&database, "upload:t_1:r", "sha")).unwrap();
    assert_eq!(
        block_on(assets::chunk(&database, "sha", 0)).unwrap(),
        Some(vec![1])
    );
}

/// The ids of the next tasks, in the order in which they are served.
fn next(database: &Native, now_ms: i64, per_kind: i64) -> Vec<String> {
    let due = block_on(tasks::due_waiting(database, at(now_ms), per_kind)).unwrap();
    due.into_iter().map(|task| task.id).collect()
}

#[test]
fn tk10_a_step_of_priority_is_worth_a_minute_and_no_more() {
    let database = database();
    for (id, priority, created_at_ms) in [
        ("first", 0, 0),
        ("important", 1, 59_000),
        ("as_important", 1, 61_000),
        ("not_important", -1, 0),
    ] {
        let task = NewTask {
            priority,
            created_at_ms,
            ..task(id, None)
        };
        block_on(tasks::insert(&database, &task)).unwrap();
    }
    let served = ["important", "first", "as_important", "not_important"];
    assert_eq!(next(&database, 70_000, 9), served);
    assert_eq!(next(&database, 70_000, 2), served[..2]);
}

#[test]
fn tk10_tenants_get_their_turn_whatever_the_crowd() {
    let database = database();
    let insert = |id: &str, tenant: &str, created_at_ms: i64| {
        let task = NewTask {
            tenant: tenant.into(),
            created_at_ms,
            ..task(id, None)
        };
        block_on(tasks::insert(&database, &task)).unwrap();
    };
    for at in 0..50 {
        insert(&format!("crowd_{at:02}"), "crowd", at);
    }
    insert("late_1", "late", 100);
    insert("late_2", "late", 101);
    let served = ["crowd_00", "late_1", "crowd_01", "late_2", "crowd_02"];
    assert_eq!(next(&database, 200, 5), served);
    // What already works for a tenant counts.
    server(&database, 2);
    let working =
        "UPDATE tasks SET state = 'PROCESSING', phase = 'submit', lease_expires_at_ms = 9,
        server_id = 's_1' WHERE id IN ('crowd_00', 'crowd_01')";
    block_on(database.query(working, &[])).unwrap();
    let served = ["late_1", "late_2", "crowd_02", "crowd_03"];
    assert_eq!(next(&database, 200, 4), served);
}

#[test]
fn tk10_what_cannot_be_a_priority_is_refused() {
    let database = database();
    for priority in [-11, 11, i64::MAX] {
        let task = NewTask {
            priority,
            ..task("t_1", None)
        };
        assert!(
            block_on(tasks::insert(&database, &task)).is_err(),
            "{priority}"
        );
    }
}
