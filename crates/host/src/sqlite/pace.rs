//! How long statements have taken, so that quick ones need no thread of their own.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

/// What may run where it is asked for: less than a guest computes before it gives way (10 ms) by
/// far, and more than the way to a blocking thread and back.
const QUICK: Duration = Duration::from_micros(200);

/// The same on a runtime with a single thread, which nobody else waits for: a commit may wait for
/// the disk there.
const QUICK_ALONE: Duration = Duration::from_millis(5);

/// Statements that are remembered. An application has some hundred; one that makes up its
/// statements as it goes is forgotten all at once and begins anew.
const MOST_STATEMENTS: usize = 2_048;

/// The time that a statement takes: the longest, fading with each run that was quicker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace(Option<Duration>);

impl Pace {
    pub(super) fn is_quick(self) -> bool {
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        let quick = match flavor {
            Ok(RuntimeFlavor::CurrentThread) => QUICK_ALONE,
            Ok(_) | Err(_) => QUICK,
        };
        self.0.is_some_and(|time| time < quick)
    }

    fn after(self, time: Duration) -> Self {
        let before = self.0.unwrap_or_default();
        Self(Some(time.max(before * 7 / 8)))
    }
}

/// The paces of a database's statements.
#[derive(Debug, Default)]
pub(super) struct Paces {
    hasher: RandomState,
    paces: Mutex<HashMap<u64, Pace>>,
}

impl Paces {
    pub(super) fn of(&self, sql: &str) -> Pace {
        let key = self.hasher.hash_one(sql);
        let paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.get(&key).copied().unwrap_or_default()
    }

    pub(super) fn note(&self, sql: &str, time: Duration) {
        let key = self.hasher.hash_one(sql);
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= MOST_STATEMENTS && !paces.contains_key(&key) {
            paces.clear();
        }
        let pace = paces.entry(key).or_default();
        *pace = pace.after(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op2_a_statement_is_quick_only_after_it_was() {
        let paces = Paces::default();
        assert!(!paces.of("SELECT 1").is_quick(), "nothing is known yet");
        paces.note("SELECT 1", QUICK / 2);
        assert!(paces.of("SELECT 1").is_quick());
        assert!(!paces.of("SELECT 2").is_quick());
    }

    #[test]
    fn op2_one_slow_run_is_remembered_for_a_while() {
        let paces = Paces::default();
        paces.note("COMMIT", QUICK * 4);
        let mut quick_runs = 0;
        while !paces.of("COMMIT").is_quick() {
            paces.note("COMMIT", QUICK / 8);
            quick_runs += 1;
        }
        assert_eq!(quick_runs, 11, "4 × (7/8)¹¹ is less than 1");
    }

    #[test]
    fn op2_statements_without_end_do_not_fill_the_memory() {
        let paces = Paces::default();
        for number in 0..3 * MOST_STATEMENTS {
            paces.note(&format!("SELECT {number}"), QUICK);
        }
        assert!(paces.paces.lock().unwrap().len() <= MOST_STATEMENTS);
    }
}
