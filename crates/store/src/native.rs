//! [`Database`] over rusqlite, for tests and tools.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::types::ValueRef;

use crate::{Database, Rows, StoreError, Value};

/// A connection to a file, or to a database in memory.
pub struct Native {
    connection: RefCell<rusqlite::Connection>,
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
        Ok(Self {
            connection: RefCell::new(connection),
        })
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
        self.run(statement, parameters).map_err(failed)
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Database(error.to_string())
}
