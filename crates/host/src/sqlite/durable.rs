//! Commits that reach the disk together (docs/adr/0006).
//!
//! In WAL mode a commit appends to one file, so one `fdatasync` makes all commits durable that came
//! before it. SQLite is told not to sync at each commit (`synchronous = NORMAL`); instead a commit is
//! answered after a sync that began when it was written. While one sync is under way the next
//! writer writes, and whoever has committed meanwhile shares the next one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;

use super::{Error, io_error};

/// The commits of one database file, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Commits {
    database: PathBuf,
    log: PathBuf,
    state: Mutex<State>,
    /// Rises with each sync that has ended.
    syncs: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    written: u64,
    durable: u64,
    is_syncing: bool,
    /// Why a sync has failed. What the disk holds is not known from then on.
    broken: Option<String>,
}

/// What somebody who waits for a commit does next.
enum Step {
    Done,
    /// Syncs for all commits up to this one.
    Lead(u64),
    Follow,
}

impl Commits {
    pub(super) fn of(database: &Path) -> Arc<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Arc::new(Self {
            database: database.into(),
            log: log.into(),
            state: Mutex::default(),
            syncs: watch::Sender::new(0),
        })
    }

    /// Waits until what has been committed so far is on the disk.
    pub(super) async fn durable(self: &Arc<Self>, runs_alone: RunsAlone) -> Result<(), Error> {
        let commit = {
            let mut state = self.state();
            state.written += 1;
            state.written
        };
        let mut syncs = self.syncs.subscribe();
        loop {
            match self.step(commit)? {
                Step::Done => return Ok(()),
                Step::Lead(up_to) => {
                    let commits = Arc::clone(self);
                    match runs_alone.0 {
                        true => commits.lead(up_to),
                        // It ends even if nobody waits for it any more.
                        false => tokio::task::spawn_blocking(move || commits.lead(up_to))
                            .await
                            .map_err(io_error)?,
                    }
                }
                // The sender lives as long as `self`.
                Step::Follow => drop(syncs.changed().await),
            }
        }
    }

    fn step(&self, commit: u64) -> Result<Step, Error> {
        let mut state = self.state();
        if let Some(why) = &state.broken {
            return Err(Error::Io(format!(
                "the disk does not keep what is written: {why}"
            )));
        }
        Ok(if state.durable >= commit {
            Step::Done
        } else if state.is_syncing {
            Step::Follow
        } else {
            state.is_syncing = true;
            Step::Lead(state.written)
        })
    }

    fn lead(&self, up_to: u64) {
        let synced = self.sync();
        {
            let mut state = self.state();
            state.is_syncing = false;
            match synced {
                Ok(()) => state.durable = up_to,
                Err(error) => state.broken = Some(error.to_string()),
            }
        }
        self.syncs.send_modify(|syncs| *syncs += 1);
    }

    /// The log is opened each time: SQLite removes it when the last connection is closed, after
    /// everything of it is in the database.
    fn sync(&self) -> std::io::Result<()> {
        match File::open(&self.log) {
            Ok(log) => log.sync_data(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                File::open(&self.database)?.sync_data()
            }
            Err(error) => Err(error),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the thread that waits may as well sync itself, because nobody else waits for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunsAlone(bool);

impl RunsAlone {
    /// A thread for blocking work.
    pub(super) const BLOCKING: Self = Self(true);

    /// A task: alone if its runtime has a single thread.
    pub(super) fn here() -> Self {
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        Self(matches!(flavor, Ok(RuntimeFlavor::CurrentThread)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits(folder: &Path) -> Arc<Commits> {
        let database = folder.join("db");
        std::fs::write(&database, "").unwrap();
        std::fs::write(folder.join("db-wal"), "").unwrap();
        Commits::of(&database)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rl1_commits_that_come_together_share_a_sync() {
        let folder = tempfile::tempdir().unwrap();
        let commits = commits(folder.path());
        let waiting: Vec<_> = (0..200)
            .map(|_| {
                let commits = Arc::clone(&commits);
                tokio::spawn(async move { commits.durable(RunsAlone::here()).await })
            })
            .collect();
        for waits in waiting {
            waits.await.unwrap().unwrap();
        }
        let state = commits.state();
        assert_eq!((state.written, state.durable), (200, 200));
        assert!(*commits.syncs.borrow() < 200, "{:?}", commits.syncs);
    }

    #[tokio::test]
    async fn rl1_a_commit_waits_for_a_sync_that_began_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let commits = commits(folder.path());
        // A sync is under way that may have begun before the commit was written.
        commits.state().is_syncing = true;
        let late = tokio::spawn({
            let commits = Arc::clone(&commits);
            async move { commits.durable(RunsAlone::here()).await }
        });
        tokio::task::yield_now().await;
        assert!(!late.is_finished());
        commits.lead(0);
        late.await.unwrap().unwrap();
        assert_eq!(*commits.syncs.borrow(), 2);
    }

    #[tokio::test]
    async fn rl1_who_leads_and_goes_away_leaves_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let commits = commits(folder.path());
        for _ in 0..100 {
            let leads = tokio::spawn({
                let commits = Arc::clone(&commits);
                async move { commits.durable(RunsAlone(false)).await }
            });
            tokio::task::yield_now().await;
            leads.abort();
            commits.durable(RunsAlone(false)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn rl2_after_a_failed_sync_nothing_is_called_durable() {
        let folder = tempfile::tempdir().unwrap();
        let commits = commits(folder.path());
        commits.durable(RunsAlone::here()).await.unwrap();
        std::fs::remove_file(&commits.log).unwrap();
        commits.durable(RunsAlone::here()).await.unwrap();
        std::fs::remove_file(&commits.database).unwrap();
        for _ in 0..2 {
            let error = commits.durable(RunsAlone::here()).await.unwrap_err();
            assert!(format!("{error:?}").contains("does not keep"), "{error:?}");
            std::fs::write(&commits.database, "").unwrap();
        }
    }
}
