//! The file behind one or more stores.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::OptionalExtension;

use super::Error;
use crate::manifest::SqliteDatabase;

/// What one value, or a listing, may hold, as in Spin.
const MAX_RESULT_BYTES: usize = 128 << 20;

/// One file with the stores in it. Opened by the first call.
#[derive(Debug)]
pub(crate) struct Backend {
    location: SqliteDatabase,
    connection: Mutex<Option<rusqlite::Connection>>,
}

impl Backend {
    pub(crate) fn new(location: SqliteDatabase) -> std::io::Result<Arc<Self>> {
        if let SqliteDatabase::File(path) = &location
            && let Some(parent) = path.parent()
            && !parent.as_os_str().is_empty()
        {
            std::fs::create_dir_all(parent)?;
        }
        Ok(Arc::new(Self {
            location,
            connection: Mutex::default(),
        }))
    }

    /// Runs `operation` on a blocking thread.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        operation: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let backend = Arc::clone(self);
        let result = tokio::task::spawn_blocking(move || {
            let mut slot = backend
                .connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let connection = match slot.take() {
                Some(connection) => connection,
                None => backend.open()?,
            };
            operation(slot.insert(connection))
        });
        match result.await {
            Ok(result) => result.map_err(|error| Error::Other(error.to_string())),
            Err(error) => Err(Error::Other(error.to_string())),
        }
    }

    fn open(&self) -> rusqlite::Result<rusqlite::Connection> {
        let connection = match &self.location {
            SqliteDatabase::File(path) => rusqlite::Connection::open(path)?,
            SqliteDatabase::Memory => rusqlite::Connection::open_in_memory()?,
        };
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        // Durable as before, and a write costs one sync instead of several.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS spin_key_value (
                 store TEXT NOT NULL,
                 key   TEXT NOT NULL,
                 value BLOB NOT NULL,
                 PRIMARY KEY (store, key)
             )",
        )?;
        Ok(connection)
    }

    pub(super) async fn get(
        self: &Arc<Self>,
        store: Arc<str>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        let value: Option<Vec<u8>> = self
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2",
                    )?
                    .query_row((&*store, key), |row| row.get(0))
                    .optional()
            })
            .await?;
        check_size(value.as_ref().map_or(0, Vec::len))?;
        Ok(value)
    }

    pub(super) async fn set(
        self: &Arc<Self>,
        store: Arc<str>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (store, key) DO UPDATE SET value = ?3",
                )?
                .execute((&*store, key, value))
                .map(drop)
        })
        .await
    }

    pub(super) async fn delete(
        self: &Arc<Self>,
        store: Arc<str>,
        key: String,
    ) -> Result<(), Error> {
        self.run(move |connection| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute((&*store, key))
                .map(drop)
        })
        .await
    }

    pub(super) async fn exists(
        self: &Arc<Self>,
        store: Arc<str>,
        key: String,
    ) -> Result<bool, Error> {
        self.run(move |connection| {
            connection
                .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .exists((&*store, key))
        })
        .await
    }

    pub(super) async fn keys(self: &Arc<Self>, store: Arc<str>) -> Result<Vec<String>, Error> {
        let keys: Vec<String> = self
            .run(move |connection| {
                connection
                    .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                    .query_map([&*store], |row| row.get(0))?
                    .collect()
            })
            .await?;
        check_size(keys.iter().map(String::len).sum())?;
        Ok(keys)
    }
}

fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_RESULT_BYTES {
        return Err(Error::Other(format!(
            "query result exceeds limit of {MAX_RESULT_BYTES} bytes"
        )));
    }
    Ok(())
}
