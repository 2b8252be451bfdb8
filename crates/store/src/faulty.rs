//! A database that fails at a chosen statement, for tests: whoever holds a transaction must leave
//! nothing half-written and nothing open, wherever that statement is.

use std::cell::Cell;

use crate::{Database, Rows, StoreError, Value};

/// How a statement fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not run: the disk is full, somebody else holds the lock.
    Refused,
    /// It runs, and nobody hears of it: an answer that is lost, an error at its end.
    Unheard,
    /// It does not run, and nothing after it does: the connection is lost.
    Cut,
}

/// Passes statements on until the chosen one.
pub struct Faulty<'a, D> {
    inner: &'a D,
    at: u64,
    fault: Fault,
    passed: Cell<u64>,
    committed: Cell<bool>,
    failed: Cell<Option<Failed>>,
}

/// The statement that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    Commit,
    /// Something after a commit: what was to be written is.
    AfterCommit,
    Other,
}

impl<'a, D: Database> Faulty<'a, D> {
    /// Fails statement `at`, counted from 0.
    pub fn new(inner: &'a D, at: u64, fault: Fault) -> Self {
        Self {
            inner,
            at,
            fault,
            passed: Cell::new(0),
            committed: Cell::new(false),
            failed: Cell::new(None),
        }
    }
    /// What failed; `None` when the work ended before.
    pub fn failed(&self) -> Option<Failed> {
        self.failed.get()
    }
}

impl<D: Database> Database for Faulty<'_, D> {
    async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        let failure = || StoreError::Database("a fault of the test".into());
        if self.failed.get().is_some() && self.fault == Fault::Cut {
            return Err(failure());
        }
        let at = self.passed.replace(self.passed.get() + 1);
        if at != self.at {
            self.committed
                .set(self.committed.get() || statement == "COMMIT");
            return self.inner.query(statement, parameters).await;
        }
        self.failed.set(Some(match statement {
            "COMMIT" => Failed::Commit,
            _ if self.committed.get() => Failed::AfterCommit,
            _ => Failed::Other,
        }));
        if self.fault == Fault::Unheard {
            self.inner.query(statement, parameters).await?;
        }
        Err(failure())
    }
}
