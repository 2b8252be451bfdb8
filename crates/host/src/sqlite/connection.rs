//! A connection that can be handed to one guest after another.
//!
//! What a guest can leave behind on a connection is: an open transaction, temporary tables,
//! attached databases, settings, the last row id, the number of changes. The first is rolled back,
//! settings that are known are set back, the last row id is set to 0, and the number of changes is
//! told to each guest from its own statements only; a connection with anything else on it is
//! closed instead of kept. (One thing shows: SQL's `total_changes()` after a write counts from
//! before `open`.)

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::BUSY_TIMEOUT;

/// Prepared statements kept on each connection: more than one application has in use.
const STATEMENT_CACHE: usize = 128;

/// Settings of a connection that guests do change, and that can be set back.
const SETTINGS: [&str; 5] = [
    "foreign_keys",
    "synchronous",
    "cache_size",
    "temp_store",
    "wal_autocheckpoint",
];

/// The place of `synchronous` among them.
const SYNCHRONOUS: usize = 1;

/// Pragmas that leave nothing on the connection, whatever their argument.
const HARMLESS: [&str; 16] = [
    "application_id",
    "foreign_key_check",
    "foreign_key_list",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "optimize",
    "page_size",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
    "wal_checkpoint",
];

/// What the statements of a connection may leave behind.
#[derive(Debug, Default)]
struct Traces {
    /// A setting of `SETTINGS` was changed.
    settings: AtomicBool,
    /// Something that cannot be undone.
    lasting: AtomicBool,
    /// The statement prepared last asks how many rows have changed.
    counts: AtomicBool,
    /// The statement prepared last must be looked at again when it is next prepared.
    noted: AtomicBool,
    /// How the file keeps its commits may have been changed.
    journal: AtomicBool,
    /// Not a trace: whether a long statement is to be interrupted.
    interrupt: AtomicBool,
    /// Not a trace: a transaction has been committed and is perhaps not on the disk yet.
    committed: AtomicBool,
}

impl Traces {
    fn authorize(&self, context: &AuthContext<'_>) -> Authorization {
        let trace = match context.action {
            // Other files are not the guest's business; private databases are.
            AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => {
                return Authorization::Deny;
            }
            AuthAction::Attach { .. }
            | AuthAction::Detach { .. }
            | AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. } => &self.lasting,
            AuthAction::Function {
                function_name: "changes" | "total_changes",
            } => &self.counts,
            AuthAction::Pragma {
                pragma_name,
                pragma_value: Some(value),
            } => {
                if SETTINGS.contains(&pragma_name) {
                    &self.settings
                } else if HARMLESS.contains(&pragma_name) {
                    return Authorization::Allow;
                } else if is_kept_in_the_file(pragma_name, value) {
                    &self.journal
                } else {
                    &self.lasting
                }
            }
            _ => return Authorization::Allow,
        };
        trace.store(true, Relaxed);
        self.noted.store(true, Relaxed);
        Authorization::Allow
    }
}

/// Write-ahead logging is a property of the file, not of the connection.
fn is_kept_in_the_file(pragma: &str, value: &str) -> bool {
    pragma == "journal_mode"
        && ["wal", "delete"]
            .iter()
            .any(|mode| value.eq_ignore_ascii_case(mode))
}

/// How long a statement may take and wait for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// As long as Spin lets it.
    Whole,
    /// It does not wait at all, and a reader ends after `IMPATIENT_STEPS`.
    None,
}

/// Steps of SQLite's machine after which an impatient reader is interrupted: about a millisecond.
const IMPATIENT_STEPS: i32 = 50_000;

/// A connection, and what it needs to pass for a new one.
#[derive(Debug)]
pub(super) struct Warm {
    connection: rusqlite::Connection,
    patience: Cell<Patience>,
    traces: Arc<Traces>,
    /// The settings as they were at first; none for a database in memory, which is not kept.
    settings: Option<[i64; SETTINGS.len()]>,
    /// Its commits are made durable together with others'.
    is_shared: bool,
    /// Whether it has had a guest before the present one.
    used_before: bool,
    /// Whether the present guest has changed rows.
    changed: Cell<bool>,
}

impl Warm {
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, rusqlite::Error> {
        let in_file = path.is_some();
        let connection = match path {
            Some(path) => rusqlite::Connection::open(path)?,
            None => rusqlite::Connection::open_in_memory()?,
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        // Without this, SQLite may plan a kept statement anew for each value that is bound to it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let is_shared = in_file && share_commits(&connection)?;
        let settings = if in_file {
            read_settings(&connection).ok()
        } else {
            None
        };
        let traces = Arc::new(Traces::default());
        let authorizer = Arc::clone(&traces);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            authorizer.authorize(&context)
        }));
        let interrupt = Arc::clone(&traces);
        let end = move || interrupt.interrupt.load(Relaxed);
        let committed = Arc::clone(&traces);
        connection.commit_hook(Some(move || {
            committed.committed.store(true, Relaxed);
            // The transaction goes on.
            false
        }));
        connection.progress_handler(IMPATIENT_STEPS, Some(end));
        Ok(Self {
            connection,
            patience: Cell::new(Patience::Whole),
            traces,
            settings,
            is_shared,
            used_before: false,
            changed: Cell::new(false),
        })
    }

    /// Prepares a statement. The authorizer sees a statement when it is prepared, not when it is
    /// run: the second value says that it must not stay in the cache.
    pub(super) fn prepare(
        &self,
        sql: &str,
    ) -> Result<(rusqlite::CachedStatement<'_>, bool), rusqlite::Error> {
        self.traces.counts.store(false, Relaxed);
        self.traces.noted.store(false, Relaxed);
        let statement = self.connection.prepare_cached(sql)?;
        Ok((statement, self.traces.noted.load(Relaxed)))
    }

    /// From now on statements wait for locks so long.
    pub(super) fn set_patience(&self, patience: Patience) {
        if self.patience.replace(patience) != patience {
            // Neither can fail: they only note a number.
            let _ = self.connection.busy_timeout(match patience {
                Patience::Whole => BUSY_TIMEOUT,
                Patience::None => Duration::ZERO,
            });
        }
    }

    /// Whether the statement that runs next is interrupted if it turns out to be long. One that
    /// changes something must not be: that would roll its transaction back.
    pub(super) fn note_read_only(&self, read_only: bool) {
        let interrupt = read_only && self.patience.get() == Patience::None;
        self.traces.interrupt.store(interrupt, Relaxed);
    }

    /// Whether the statement prepared last asks for a count that an earlier guest has left.
    pub(super) fn is_stale(&self) -> bool {
        self.used_before
            && !self.changed.get()
            && self.traces.counts.load(Relaxed)
            && self.connection.is_autocommit()
    }

    /// Whether something was committed since this was last asked that others' syncs make durable.
    pub(super) fn take_committed(&self) -> bool {
        self.traces.committed.swap(false, Relaxed) && self.is_shared
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(super) fn note_change(&self) {
        self.changed.set(true);
    }

    pub(super) fn changes(&self) -> u64 {
        if self.used_before && !self.changed.get() {
            0
        } else {
            self.connection.changes()
        }
    }

    pub(super) fn last_insert_rowid(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    /// Whether there is nothing to undo.
    pub(super) fn is_clean(&self) -> bool {
        !self.in_transaction()
            && !self.traces.lasting.load(Relaxed)
            && !self.traces.settings.load(Relaxed)
            && !self.traces.journal.load(Relaxed)
    }

    /// The connection as good as new, or nothing when it cannot be.
    pub(super) fn renewed(mut self) -> Option<Self> {
        if self.in_transaction() {
            self.connection.execute_batch("ROLLBACK").ok()?;
        }
        if self.traces.lasting.load(Relaxed) {
            return None;
        }
        if self.traces.journal.swap(false, Relaxed) {
            self.is_shared = share_commits(&self.connection).ok()?;
            self.settings.as_mut()?[SYNCHRONOUS] = synchronous(self.is_shared);
        }
        if self.traces.settings.load(Relaxed) {
            for (name, value) in SETTINGS.iter().zip(self.settings?) {
                self.connection.pragma_update(None, name, value).ok()?;
            }
            self.traces.settings.store(false, Relaxed);
        }
        // SAFETY: the handle is this connection's own and open, and no other thread uses it.
        unsafe { rusqlite::ffi::sqlite3_set_last_insert_rowid(self.connection.handle(), 0) };
        self.used_before = true;
        self.changed.set(false);
        Some(self)
    }
}

/// With a write-ahead log SQLite leaves the sync of a commit to [`super::durable`]; with any other
/// journal it syncs itself. Whether it is the former.
fn share_commits(connection: &rusqlite::Connection) -> Result<bool, rusqlite::Error> {
    let mode =
        connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))?;
    let is_shared = mode.eq_ignore_ascii_case("wal");
    connection.pragma_update(None, SETTINGS[SYNCHRONOUS], synchronous(is_shared))?;
    Ok(is_shared)
}

/// NORMAL where commits share their syncs, else FULL.
fn synchronous(is_shared: bool) -> i64 {
    if is_shared { 1 } else { 2 }
}

fn read_settings(
    connection: &rusqlite::Connection,
) -> Result<[i64; SETTINGS.len()], rusqlite::Error> {
    let mut values = [0; SETTINGS.len()];
    for (name, value) in SETTINGS.iter().zip(&mut values) {
        *value = connection.pragma_query_value(None, name, |row| row.get(0))?;
    }
    Ok(values)
}
