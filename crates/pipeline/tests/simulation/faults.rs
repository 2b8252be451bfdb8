//! RL2: a statement that fails, each in its turn, leaves no transaction open and nothing half-written;
//! the ticks after it bring everything to its end.

use futures::executor::block_on;
use pipeline::Pipeline;
use store::Database;
use store::faulty::{Fault, Faulty};

use crate::Failing;
use crate::platform::Platform;
use crate::sim::Sim;
use crate::ticks::drive;

/// Ticks with the fault: the first submits, the others poll, fetch, settle and deliver.
const TICKS: u32 = 6;

#[test]
fn rl2_whatever_statement_fails_nothing_stays_open_or_half_written() {
    for fault in [Fault::Refused, Fault::Unheard] {
        let mut failures = 0;
        for at in 0.. {
            let _failing = Failing(at);
            let sim = Sim::new(11);
            sim.healed.set(true);
            let platform = Platform::new(&sim);
            let faulty = Faulty::new(&*platform.native, at, fault);
            let pipeline = Pipeline::new(&faulty, &sim, &platform.settings);
            for _ in 0..TICKS {
                // A tick that fails is followed by another on a connection of its own; here it is
                // the same one, which must be as good.
                failures += u32::from(drive(pipeline.tick()).is_err());
                block_on(platform.native.query("BEGIN IMMEDIATE", &[])).unwrap();
                block_on(platform.native.query("ROLLBACK", &[])).unwrap();
                platform.check_slots();
                sim.pass(5_000);
            }
            let was_last = faulty.failed().is_none();
            platform.heal();
            platform.check_end();
            if was_last {
                assert!(at > 60, "only {at} statements");
                break;
            }
        }
        assert!(failures > 30, "only {failures} ticks failed");
    }
}
