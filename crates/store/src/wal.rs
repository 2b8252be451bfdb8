//! Keeping SQLite's write-ahead log short.
//!
//! SQLite moves the log into the database by itself every thousand pages, but it starts the log
//! anew only at a moment without readers. Where readers always overlap there is none, and the file
//! grows for ever. So every tick moves what it can, which waits for nobody, and when the log has
//! grown long all the same it asks for the moment: new readers then read the database alone,
//! writers wait until the readers that are there have gone, and the file is cut to nothing.

use crate::{Database, StoreError, read_one};

/// Pages of 4 KiB after which the log is cut: 16 MiB, four times what SQLite lets it grow to when
/// no reader stands in its way, so that cutting is rare.
pub const LONG_PAGES: i64 = 4_096;

/// How long writers may wait for readers when the log is cut. A read takes milliseconds; whoever
/// reads longer is let alone, and the next tick tries again.
pub const CUT_WAIT_MS: i64 = 250;

/// What was found and done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// Pages in the log before.
    pub pages: i64,
    /// True when the log is empty now.
    pub cut: bool,
}

/// Moves the log into the database, and cuts it when it is long. `None` where there is no such log,
/// or it is a server's own business.
///
/// Needs a connection that is dropped afterwards: its busy timeout is changed.
pub async fn bound(database: &impl Database) -> Option<Bounded> {
    let (pages, _) = checkpoint(database, "PRAGMA wal_checkpoint(PASSIVE)")
        .await
        .ok()??;
    let mut bounded = Bounded { pages, cut: false };
    if pages > LONG_PAGES {
        let wait = format!("PRAGMA busy_timeout = {CUT_WAIT_MS}");
        database.query(&wait, &[]).await.ok()?;
        let cut = checkpoint(database, "PRAGMA wal_checkpoint(TRUNCATE)").await;
        bounded.cut = matches!(cut, Ok(Some((_, true))));
    }
    Some(bounded)
}

/// Pages in the log, and whether the checkpoint was done as asked. A file without write-ahead log
/// counts -1 pages.
async fn checkpoint(
    database: &impl Database,
    statement: &str,
) -> Result<Option<(i64, bool)>, StoreError> {
    let Some(row) = read_one(database, statement, &[]).await? else {
        return Ok(None);
    };
    let pages = row.integer("log")?;
    Ok((pages >= 0).then_some((pages, row.integer("busy")? == 0)))
}
