//! One labelled database: where it is, its queue of writers, its warm connections.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::Warm;
use super::durable::Commits;
use super::pace::{Pace, Paces};
use super::{BUSY_TIMEOUT, Error, LOCKED};
use crate::manifest::SqliteDatabase;

/// Warm connections kept for each file: as many as a hundred requests at once have statements on.
/// One that has to be opened reads the schema and prepares its statements anew, which costs more
/// than most statements; each takes 2 MB for its cache at most, and the one used last goes first.
const MAX_WARM: usize = 64;

/// How long a writer waits for all those before it.
const LONGEST_QUEUE: Duration = Duration::from_secs(30);

/// A labelled database.
#[derive(Debug)]
pub(crate) struct Database {
    location: SqliteDatabase,
    /// The right to write. Waiters are served in order.
    writer: Arc<Semaphore>,
    /// How often the right to write was given.
    turns: AtomicU64,
    warm: Mutex<Vec<Warm>>,
    paces: Paces,
    /// None in memory.
    commits: Option<Arc<Commits>>,
}

impl Database {
    /// Describes a database and makes the folder of its file. Nothing is opened yet.
    pub(crate) fn new(location: SqliteDatabase) -> std::io::Result<Arc<Self>> {
        if let SqliteDatabase::File(path) = &location
            && let Some(parent) = path.parent()
            && !parent.as_os_str().is_empty()
        {
            std::fs::create_dir_all(parent)?;
        }
        let commits = match &location {
            SqliteDatabase::File(path) => Some(Commits::of(path)),
            SqliteDatabase::Memory => None,
        };
        Ok(Arc::new(Self {
            commits,
            location,
            writer: Arc::new(Semaphore::new(1)),
            turns: AtomicU64::new(0),
            warm: Mutex::default(),
            paces: Paces::default(),
        }))
    }

    /// The database file; none for a database in memory.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.location {
            SqliteDatabase::File(path) => Some(path),
            SqliteDatabase::Memory => None,
        }
    }

    /// Runs statements on a connection of their own.
    pub(crate) fn execute_batch(&self, statements: &str) -> Result<(), rusqlite::Error> {
        let connection = match &self.location {
            SqliteDatabase::File(path) => rusqlite::Connection::open(path)?,
            SqliteDatabase::Memory => rusqlite::Connection::open_in_memory()?,
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch(statements)
    }

    /// Waits for the right to write, in order of arrival. A database in memory has one user.
    ///
    /// Nobody waits longer than Spin's busy timeout for one writer, but a queue that moves is not
    /// a lock that is stuck: it is waited for up to `LONGEST_QUEUE`.
    pub(super) async fn queue_to_write(&self) -> Result<Option<OwnedSemaphorePermit>, Error> {
        if self.path().is_none() {
            return Ok(None);
        }
        let end = Instant::now() + LONGEST_QUEUE;
        let turn = Arc::clone(&self.writer).acquire_owned();
        tokio::pin!(turn);
        loop {
            let turns = self.turns.load(Relaxed);
            match tokio::time::timeout(BUSY_TIMEOUT, &mut turn).await {
                Ok(Ok(permit)) => {
                    self.turns.fetch_add(1, Relaxed);
                    return Ok(Some(permit));
                }
                Err(_) if self.turns.load(Relaxed) != turns && Instant::now() < end => {}
                // The semaphore is never closed; a lock error is the honest answer all the same.
                Ok(Err(_)) | Err(_) => return Err(Error::Io(LOCKED.into())),
            }
        }
    }

    /// A connection that behaves as a new one.
    pub(super) fn connect(&self) -> Result<Warm, rusqlite::Error> {
        match self.kept() {
            Some(warm) => Ok(warm),
            None => Warm::open(self.path().map(PathBuf::from)),
        }
    }

    /// Such a connection, if one was kept.
    pub(super) fn kept(&self) -> Option<Warm> {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        warm.pop()
    }

    /// The commits of its file.
    pub(super) fn commits(&self) -> Option<&Arc<Commits>> {
        self.commits.as_ref()
    }

    /// How long a statement has taken so far.
    pub(super) fn pace(&self, sql: &str) -> Pace {
        self.paces.of(sql)
    }

    /// A statement has taken so long.
    pub(super) fn note_pace(&self, sql: &str, time: Duration) {
        self.paces.note(sql, time);
    }

    /// Keeps a connection for the next `open`, if it can still pass for a new one.
    pub(super) fn keep(&self, connection: Warm) {
        if self.path().is_none() {
            return;
        }
        if let Some(connection) = connection.renewed() {
            let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
            if warm.len() < MAX_WARM {
                warm.push(connection);
            }
        }
    }
}
