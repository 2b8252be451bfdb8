//! Seeded simulations (RL1): two application processes on one database serve two rooms to two
//! edges. Clients edit, exchange edits by other ways, drop out, forget, come back; frames come in
//! the wrong order and twice, or hold garbage; some may not write and try. Every statement is a
//! step: between any two of them others run, a process dies with its open transactions, an answer
//! is lost after its commit and the same turn is played again beside the first. Logs are compacted,
//! rooms leave memory, sessions expire and are taken away, edges die.
//!
//! In the end everybody who was let in has the same document as a fresh joiner, it holds every
//! acked update and nothing of those who may not write.
//!
//! `SEED=7` plays one seed, `SEEDS=5000` that many, `FIRST=5000` begins there.

#[path = "simulation/client.rs"]
mod client;
mod common;
#[path = "simulation/disk.rs"]
mod disk;
#[path = "simulation/edge.rs"]
mod edge;
#[path = "simulation/process.rs"]
mod process;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/settle.rs"]
mod settle;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use run::Simulation;

pub const ROOMS: usize = 2;

/// Enough for a dozen turns with everything in between.
const STEPS: usize = 250;

/// As many as take a few seconds; `make simulate` plays thousands.
const SEEDS: u64 = 200;

pub fn room_name(room: usize) -> String {
    format!("p{}", room + 1)
}

/// Everybody has a token of their own.
pub fn token(client: usize) -> Vec<u8> {
    format!("token of {client}").into_bytes()
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is no number")),
    )
}

fn play(seed: u64) {
    let mut simulation = Simulation::new(seed);
    for _ in 0..STEPS {
        simulation.step();
    }
    simulation.settle();
    simulation.check();
}

/// Plays seeds on all processors, each from beginning to end on one of them.
#[test]
fn rl1_rooms_converge_and_keep_every_acked_update() {
    let (first, count) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (
            number("FIRST").unwrap_or(0),
            number("SEEDS").unwrap_or(SEEDS),
        ),
    };
    let started = Instant::now();
    let (next, failed) = (AtomicU64::new(first), AtomicU64::new(u64::MAX));
    let player = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= first.saturating_add(count) || failed.load(Ordering::Relaxed) != u64::MAX {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| play(seed))).is_err() {
            failed.fetch_min(seed, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let players = std::thread::available_parallelism().map_or(1, usize::from);
        (0..players).for_each(|_| drop(scope.spawn(player)));
    });
    let failed = failed.into_inner();
    assert!(
        failed == u64::MAX,
        "a seed failed; once more: SEED={failed} cargo test --release -p rooms --test simulation"
    );
    println!("{count} seeds in {:?}", started.elapsed());
}
