//! OP3: what is due is found by index and claimed in bounded batches, whatever the clock does.

mod common;

use common::{database, number, sql};
use futures::executor::block_on;
use store::native::Native;
use store::{DueAt, effects, servers, sql as named, tasks, ticks};

const HOUR_MS: i64 = 3_600_000;
const NOW_MS: i64 = 1_800_000_000_000;
/// The longest pause of the work in these tests, and how long a claim holds.
const PAUSE_MS: i64 = 30_000;
const HOLD_MS: i64 = 15_000;
const BATCH: i64 = 64;

fn at(now_ms: i64) -> DueAt {
    DueAt::new(now_ms, PAUSE_MS)
}

/// Many of everything, all due at [`NOW_MS`].
fn crowd(database: &Native, many: i64) {
    for statement in [
        "INSERT INTO tasks (id, project_id, tenant, kind, state, phase, lease_expires_at_ms,
            next_action_at_ms, created_by, created_at_ms)
         SELECT 't_' || value, 'p1', 'default', 'image_gen', 'PROCESSING', 'submit', ?2, ?2, 'a', ?2
         FROM generate_series(1, ?1)",
        "INSERT INTO effects (kind, task_id, body, next_action_at_ms)
         SELECT 'update-node', 't_' || value, '{}', ?2 FROM generate_series(1, ?1)",
        "INSERT INTO servers (id, tenant, owner, name, url, kinds, slots, state, changed_at_ms,
            next_check_at_ms, created_at_ms)
         SELECT 's_' || value, 'default', 'o', 'n', 'u' || value, '[]', 1, 'ONLINE', ?2, ?2, ?2
         FROM generate_series(1, ?1)",
    ] {
        let series = "(WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n \
            WHERE value < ?1) SELECT value FROM n)";
        let statement = statement.replace("generate_series(1, ?1)", series);
        sql(database, &statement, &[many.into(), NOW_MS.into()]);
    }
}

/// Claims of each kind at a time: tasks, effects, servers.
fn claim(database: &Native, now_ms: i64) -> [usize; 3] {
    let (at, until) = (at(now_ms), now_ms + HOLD_MS);
    [
        block_on(tasks::claim_due(database, at, until, BATCH))
            .unwrap()
            .len(),
        block_on(effects::claim_due(database, at, until, BATCH))
            .unwrap()
            .len(),
        block_on(servers::claim_due(database, at, until, BATCH))
            .unwrap()
            .len(),
    ]
}

fn is_due(database: &Native, now_ms: i64) -> [bool; 3] {
    let at = at(now_ms);
    [
        block_on(tasks::has_due(database, at, at))
            .unwrap()
            .processing,
        block_on(effects::has_due(database, at)).unwrap(),
        block_on(servers::look(database, at, 3)).unwrap().due,
    ]
}

#[test]
fn op3_ten_thousand_due_things_are_claimed_in_bounded_batches() {
    let database = database();
    crowd(&database, 10_000);
    let mut claims = 0;
    while is_due(&database, NOW_MS) != [false; 3] {
        let claimed = claim(&database, NOW_MS);
        assert!(
            claimed.iter().all(|count| *count <= BATCH as usize),
            "{claimed:?}"
        );
        claims += 1;
    }
    // Each one once: overlapping ticks share them.
    assert_eq!(claims, 10_000 / BATCH + 1);
    let tries = "SELECT count(*) AS n FROM effects WHERE tries <> 1";
    assert_eq!(number(&database, tries), 0);
}

#[test]
fn op3_late_repeated_and_missed_ticks_by_a_table() {
    let database = database();
    crowd(&database, BATCH);
    for (what, now_ms, claimed) in [
        ("before the time", NOW_MS - 1, 0),
        ("at the time", NOW_MS, 64),
        ("again at once", NOW_MS, 0),
        ("while it is held", NOW_MS + HOLD_MS - 1, 0),
        ("when nobody finished it", NOW_MS + HOLD_MS, 64),
        ("an hour late", NOW_MS + HOUR_MS, 64),
        ("the clock a second back", NOW_MS + HOUR_MS - 1_000, 0),
        ("the clock an hour back", NOW_MS, 64),
        ("and on from there", NOW_MS + HOLD_MS, 64),
    ] {
        assert_eq!(claim(&database, now_ms), [claimed; 3], "{what}");
    }
}

#[test]
fn op3_what_is_due_is_found_by_index() {
    let database = database();
    let three = [1.into(), 2.into(), 3.into(), 4.into()];
    for (name, statement, parameters) in [
        ("tasks/has_due", named!("tasks/has_due"), 3),
        ("tasks/claim_due", named!("tasks/claim_due"), 4),
        ("tasks/due_waiting", named!("tasks/due_waiting"), 3),
        ("effects/has_due", named!("effects/has_due"), 2),
        ("effects/claim_due", named!("effects/claim_due"), 4),
        ("servers/look", named!("servers/look"), 3),
        ("servers/claim_due", named!("servers/claim_due"), 4),
    ] {
        let plan = format!("EXPLAIN QUERY PLAN {statement}");
        for row in sql(&database, &plan, &three[..parameters]).into_rows() {
            let step = row.text("detail").unwrap();
            for table in ["tasks", "effects", "servers"] {
                assert_ne!(step, format!("SCAN {table}"), "{name}");
            }
        }
    }
}

#[test]
fn op3_the_last_tick_is_the_last_one_also_after_the_clock_was_set_back() {
    let database = database();
    for now_ms in [NOW_MS, NOW_MS + HOUR_MS, NOW_MS + 5_000] {
        block_on(ticks::record(&database, now_ms)).unwrap();
        assert_eq!(
            block_on(ticks::last_at_ms(&database)).unwrap(),
            Some(now_ms)
        );
    }
}
