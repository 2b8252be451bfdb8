//! Adding to an upload.

use super::{UploadRow, chunks_name};
use crate::assets::CHUNK_BYTES;
use crate::{Database, StoreError, Value, begin, or_rollback, read_one, sql};

/// Who adds to an upload. There is one at a time: a later one takes the place, because the earlier
/// one may have lost its client without noticing.
#[derive(Debug)]
pub struct Writer {
    id: String,
    name: String,
    /// Committed.
    received: i64,
    /// What follows the last whole chunk, committed or not.
    tail: Vec<u8>,
    /// Of the tail's first byte.
    tail_part: i64,
    /// Written behind `received`, and not told.
    staged: i64,
}

impl Writer {
    /// Takes the place, when the upload still is where the caller believes it to be.
    pub async fn begin(
        database: &impl Database,
        upload: &UploadRow,
        name: &str,
        now_ms: i64,
    ) -> Result<Option<Self>, StoreError> {
        let parameters = [
            upload.id.as_str().into(),
            name.into(),
            upload.received.into(),
            now_ms.into(),
        ];
        let begun = database.query(sql!("uploads/begin"), &parameters).await?;
        if begun.is_empty() {
            return Ok(None);
        }
        let chunk = CHUNK_BYTES as i64;
        let (tail_part, tail_bytes) = (upload.received / chunk, upload.received % chunk);
        let mut tail = Vec::new();
        if tail_bytes > 0 {
            let parameters = [upload.chunks_name().into(), tail_part.into()];
            let row = read_one(database, sql!("uploads/chunk"), &parameters).await?;
            let lost = || StoreError::Shape(format!("upload {} lacks a part", upload.id));
            tail = row.ok_or_else(lost)?.take_blob("bytes")?;
            if (tail.len() as i64) < tail_bytes {
                return Err(lost());
            }
            // Behind it lies what a checksum did not confirm.
            tail.truncate(tail_bytes as usize);
        }
        Ok(Some(Self {
            id: upload.id.clone(),
            name: name.to_owned(),
            received: upload.received,
            tail,
            tail_part,
            staged: 0,
        }))
    }

    /// Committed and not yet committed bytes.
    pub fn length(&self) -> i64 {
        self.tail_part * CHUNK_BYTES as i64 + self.tail.len() as i64
    }

    /// Bytes that are held and not written.
    pub fn pending(&self) -> usize {
        usize::try_from(self.length() - self.received - self.staged).unwrap_or(0)
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Writes what is held. With `hash`, the state of the sha256 of everything, it counts as
    /// received; without, it is only put down. False when another writer took the place.
    pub async fn flush(
        &mut self,
        database: &impl Database,
        hash: Option<Vec<u8>>,
        expires_at_ms: i64,
    ) -> Result<bool, StoreError> {
        let transaction = begin(database).await?;
        let flushed = self.flush_in(&transaction, hash, expires_at_ms).await;
        let Some(received) = or_rollback(database, flushed).await? else {
            transaction.rollback().await?;
            return Ok(false);
        };
        transaction.commit().await?;
        let length = self.length();
        let whole = self.tail.len() / CHUNK_BYTES;
        self.tail.drain(..whole * CHUNK_BYTES);
        self.tail_part += whole as i64;
        self.received = received;
        self.staged = length - received;
        Ok(true)
    }

    async fn flush_in(
        &self,
        database: &impl Database,
        hash: Option<Vec<u8>>,
        expires_at_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let received = match hash {
            Some(_) => self.length(),
            None => self.received,
        };
        let parameters = [
            self.id.as_str().into(),
            self.name.as_str().into(),
            self.received.into(),
            received.into(),
            hash.map_or(Value::Null, Value::Blob),
            expires_at_ms.into(),
        ];
        let advanced = database.query(sql!("uploads/advance"), &parameters).await?;
        if advanced.is_empty() {
            return Ok(None);
        }
        let name = chunks_name(&self.id);
        for (part, chunk) in (self.tail_part..).zip(self.tail.chunks(CHUNK_BYTES)) {
            let parameters = [name.as_str().into(), part.into(), chunk.to_vec().into()];
            database
                .query(sql!("uploads/put_chunk"), &parameters)
                .await?;
        }
        Ok(Some(received))
    }

    /// The name that its last transaction is bound to.
    pub fn name(&self) -> &str {
        &self.name
    }
}
