//! OP3: late, missed, repeated ticks, and clocks that are set, do no harm; a tick does a bounded
//! amount, and one with nothing to do costs little.

use std::pin::pin;
use std::task::{Context, Poll};

use futures::executor::block_on;
use pipeline::{BATCH, PER_KIND, Pipeline, Tick};
use store::Database;
use store::tasks::NewTask;

use crate::platform::Platform;
use crate::sim::{Sim, wake_yielded};

const HOUR_MS: i64 = 3_600_000;

/// Runs to the end, waking whoever yields.
pub fn drive<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(futures::task::noop_waker_ref());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
        wake_yielded();
    }
}

fn tick(sim: &Sim, platform: &Platform<'_>) -> Tick {
    let pipeline = Pipeline::new(&*platform.native, sim, &platform.settings);
    drive(pipeline.tick()).unwrap()
}

fn healthy() -> Sim {
    let sim = Sim::new(3);
    sim.healed.set(true);
    sim
}

fn sql(platform: &Platform<'_>, statement: &str) {
    block_on(platform.native.query(statement, &[])).unwrap();
}

fn count(platform: &Platform<'_>, state: &str) -> i64 {
    platform.count(&format!(
        "SELECT count(*) AS n FROM tasks WHERE state = '{state}'"
    ))
}

#[test]
fn op3_a_tick_with_nothing_due_costs_four_statements() {
    let sim = healthy();
    let platform = Platform::new(&sim);
    sql(&platform, "DELETE FROM tasks");
    let before = platform.native.round_trips();
    assert_eq!(tick(&sim, &platform), Tick::default());
    assert_eq!(platform.native.round_trips() - before, 4);
}

#[test]
fn op3_a_tick_with_ten_thousand_due_tasks_does_a_bounded_amount() {
    let sim = healthy();
    let platform = Platform::new(&sim);
    sql(&platform, "DELETE FROM tasks");
    sql(
        &platform,
        "UPDATE servers SET slots = 1024, kinds = '[\"image_gen\"]'",
    );
    sql(&platform, "BEGIN");
    for at in 0..10_000 {
        let task = NewTask {
            priority: 0,
            trace_id: None,
            id: format!("t_{at:05}"),
            project_id: "p1".into(),
            tenant: "default".into(),
            node_id: None,
            kind: "image_gen".into(),
            prompt: String::new(),
            params: "{}".into(),
            inputs: Vec::new(),
            created_by: "alice".into(),
            created_at_ms: sim.now(),
        };
        block_on(store::tasks::insert(&*platform.native, &task)).unwrap();
    }
    sql(&platform, "COMMIT");
    // Sixteen passes of one kind is all that a tick gives out, and a batch all that it follows.
    let most = 16 * PER_KIND as usize;
    let first = tick(&sim, &platform);
    assert_eq!((first.dispatched, first.followed), (most, 0));
    assert_eq!(tick(&sim, &platform).dispatched, most);
    sim.pass(HOUR_MS);
    let late = tick(&sim, &platform);
    assert_eq!(late.followed, BATCH as usize);
    assert!(late.dispatched <= most, "{late:?}");
    platform.check_slots();
    // The next ones do the rest, of which a part is enough to see it.
    sql(
        &platform,
        "DELETE FROM tasks WHERE state = 'WAITING' AND id > 't_02000'",
    );
    let mut ticks = 0;
    while count(&platform, "WAITING") + count(&platform, "PROCESSING") > 0 {
        sim.pass(5_000);
        tick(&sim, &platform);
        ticks += 1;
        assert!(ticks < 2_000, "it never ends");
    }
}

#[test]
fn op3_an_hour_without_ticks_does_not_fail_what_waits_for_a_server() {
    let sim = healthy();
    let platform = Platform::new(&sim);
    sql(&platform, "UPDATE servers SET state = 'OFFLINE'");
    sql(&platform, "UPDATE servers SET kinds = '[]'");
    for what in ["at once", "after a tick", "after an hour asleep"] {
        tick(&sim, &platform);
        assert_eq!(count(&platform, "WAITING"), 5, "{what}");
        sim.pass(match what {
            "at once" => 5_000,
            _ => HOUR_MS,
        });
    }
    // While somebody looks, the time counts: 60 s are over.
    for _ in 0..15 {
        tick(&sim, &platform);
        sim.pass(5_000);
    }
    assert_eq!(count(&platform, "FAILED"), 5);
}

#[test]
fn op3_clocks_that_are_set_stop_nothing() {
    for jump_ms in [-HOUR_MS, HOUR_MS, -24 * HOUR_MS, 24 * HOUR_MS] {
        for after in 0..6 {
            let sim = healthy();
            let platform = Platform::new(&sim);
            for _ in 0..after {
                tick(&sim, &platform);
                sim.pass(5_000);
            }
            sim.jump(jump_ms);
            // Ten minutes are the longest pause that anything is ever given, far more than this
            // work needs.
            for _ in 0..24 {
                tick(&sim, &platform);
                sim.pass(5_000);
            }
            let live = count(&platform, "WAITING") + count(&platform, "PROCESSING");
            assert_eq!(
                live,
                0,
                "{jump_ms} ms after {after} ticks: {:#?}",
                platform.rows()
            );
            platform.check_end();
        }
    }
}

#[test]
fn op3_repeated_ticks_do_everything_once() {
    let sim = healthy();
    let platform = Platform::new(&sim);
    for _ in 0..40 {
        for _ in 0..3 {
            tick(&sim, &platform);
        }
        sim.pass(5_000);
    }
    platform.check_end();
    let submissions = sim.provider.borrow().jobs.len();
    let attempts: i64 = platform.rows().iter().map(|row| row.attempt).sum();
    assert_eq!(submissions as i64, attempts);
    assert_eq!(sim.provider.borrow().repeated, 0);
}
