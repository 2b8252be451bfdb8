//! Bytes on their way into the store, a few megabytes at a time.

use guest::Db;
use media::digest::Sha256;
use problem::{Problem, Slug};
use store::uploads::{UploadRow, Writer};

use crate::store_failed;

/// Bytes that are held before they are written: each write is a transaction, and this many bytes
/// are what one may have over libSQL.
pub const HELD_BYTES: usize = 4 * 1024 * 1024;
/// What comes slowly is written after this time, so that little is lost when the power goes.
const FLUSH_MS: i64 = 2_000;

/// One writer of an upload, with the hash of everything so far.
pub struct Intake {
    pub writer: Writer,
    pub hash: Sha256,
    /// False while a checksum has still to confirm what comes.
    is_trusting: bool,
    stays_ms: i64,
    flushed_at_ms: i64,
}

impl Intake {
    /// Takes the place of whoever wrote before.
    pub async fn begin(
        database: &Db,
        upload: &UploadRow,
        stays_ms: i64,
        is_trusting: bool,
    ) -> Result<Self, Problem> {
        let hash = match &upload.hash {
            Some(state) => Sha256::from_state(state).ok_or_else(|| {
                guest::log_error("upload", &format!("{}: no state of a hash", upload.id));
                Problem::new(Slug::Internal, "the upload cannot be continued")
            })?,
            None => Sha256::default(),
        };
        let now_ms = guest::now_ms();
        let writer = Writer::begin(database, upload, &guest::new_id("w"), now_ms)
            .await
            .map_err(store_failed)?
            .ok_or_else(overtaken)?;
        Ok(Self {
            writer,
            hash,
            is_trusting,
            stays_ms,
            flushed_at_ms: now_ms,
        })
    }

    /// Takes a piece, and writes when enough is held.
    pub async fn take(&mut self, database: &Db, bytes: &[u8]) -> Result<(), Problem> {
        // Pieces are as large as the network makes them; a write is not.
        for bytes in bytes.chunks(HELD_BYTES) {
            self.hash.update(bytes);
            self.writer.push(bytes);
            let is_late = guest::now_ms() - self.flushed_at_ms >= FLUSH_MS;
            if self.writer.pending() >= HELD_BYTES || is_late {
                self.flush(database).await?;
            }
        }
        Ok(())
    }

    /// Writes what is held; afterwards it counts, unless a checksum has to confirm it.
    pub async fn flush(&mut self, database: &Db) -> Result<(), Problem> {
        let state = self.is_trusting.then(|| self.hash.state());
        let until_ms = guest::now_ms() + self.stays_ms;
        let flushed = self
            .writer
            .flush(database, state, until_ms)
            .await
            .map_err(store_failed)?;
        self.flushed_at_ms = guest::now_ms();
        match flushed {
            true => Ok(()),
            false => Err(overtaken()),
        }
    }

    /// The checksum was right: everything counts.
    pub async fn confirm(&mut self, database: &Db) -> Result<(), Problem> {
        self.is_trusting = true;
        self.flush(database).await
    }
}

pub fn overtaken() -> Problem {
    Problem::new(
        Slug::Conflict,
        "the upload is not at this offset any more: another request writes to it",
    )
}
