//! [`Database`] over rusqlite, for tests and tools.

use std::cell::{Cell, RefCell};
use std::path::Path;

use rusqlite::types::ValueRef;

use crate::stand_in::Limits;
use crate::{Database, Rows, StoreError, Value};

/// Statements that stay prepared: as many as the busiest user of one connection has.
const PREPARED_STATEMENTS: usize = 64;

/// A connection to a file, or to a database in memory.
pub struct Native {
    connection: RefCell<rusqlite::Connection>,
    /// Those of libSQL, when this stands in for it.
    limits: Option<Limits>,
    round_trips: Cell<u64>,
}

impl Native {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::wrap(rusqlite::Connection::open(path))
    }
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::wrap(rusqlite::Connection::open_in_memory())
    }
    fn wrap(connection: rusqlite::Result<rusqlite::Connection>) -> Result<Self, StoreError> {
        let connection = connection.map_err(failed)?;
        connection
            .busy_timeout(std::time::Duration::from_secs(5))
            .map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        Ok(Self {
            connection: RefCell::new(connection),
            limits: None,
            round_trips: Cell::new(0),
        })
    }
    /// The same with the limits of libSQL: for tests, which must pass through both.
    pub fn like_libsql(self) -> Self {
        let limits = Limits::put_on(&self.connection.borrow());
        Self {
            limits: Some(limits),
            ..self
        }
    }
    /// Statements so far: each is a round trip where the database is a server.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.get()
    }
    /// Every row of every table in words, to see whether anything at all has changed.
    pub fn dump(&self) -> Result<Vec<String>, StoreError> {
        let tables = self.run(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
            &[],
        );
        let mut dump = Vec::new();
        for table in tables.map_err(failed)?.into_rows() {
            let name = table.text("name")?;
            dump.push(format!("{name}:"));
            let rows = self.run(&format!("SELECT * FROM \"{name}\""), &[]);
            let mut rows: Vec<String> = rows
                .map_err(failed)?
                .into_rows()
                .map(|row| format!("{row:?}"))
                .collect();
            rows.sort();
            dump.append(&mut rows);
        }
        Ok(dump)
    }
    fn run(&self, statement: &str, parameters: &[Value]) -> rusqlite::Result<Rows> {
        let connection = self.connection.borrow();
        let mut prepared = connection.prepare_cached(statement)?;
        let columns: Vec<String> = prepared
            .column_names()
            .iter()
            .map(ToString::to_string)
            .collect();
        let width = columns.len();
        let values = parameters.iter().map(|value| match value {
            Value::Null => rusqlite::types::Value::Null,
            Value::Integer(value) => (*value).into(),
            Value::Real(value) => (*value).into(),
            Value::Text(value) => value.clone().into(),
            Value::Blob(value) => value.clone().into(),
        });
        let mut cursor = prepared.query(rusqlite::params_from_iter(values))?;
        let mut rows = Vec::new();
        while let Some(row) = cursor.next()? {
            let mut values = Vec::with_capacity(width);
            for at in 0..width {
                values.push(match row.get_ref(at)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(value) => Value::Integer(value),
                    ValueRef::Real(value) => Value::Real(value),
                    ValueRef::Text(value) => {
                        Value::Text(String::from_utf8_lossy(value).into_owned())
                    }
                    ValueRef::Blob(value) => Value::Blob(value.to_vec()),
                });
            }
            rows.push(values);
        }
        Ok(Rows::new(columns, rows))
    }
}

impl Database for Native {
    async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        self.round_trips.set(self.round_trips.get() + 1);
        let Some(limits) = &self.limits else {
            return self.run(statement, parameters).map_err(failed);
        };
        limits.check_request(statement, parameters)?;
        let rows = self.run(statement, parameters).map_err(failed)?;
        limits.check_answer(&rows)?;
        Ok(rows)
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::of_database(error.to_string())
}
