//! Spin's SQLite as a [`store::Database`].

use std::cell::Cell;

use spin_sdk::sqlite::{Connection, Error, Value as SpinValue};
use store::{Database, Rows, StoreError, Value};

use crate::now_ms;

/// The label of the one database that all components share.
const LABEL: &str = "default";

thread_local! {
    static MIGRATED: Cell<bool> = const { Cell::new(false) };
}

/// One connection. Dropping it rolls back what was not committed.
pub struct Db {
    connection: Connection,
}

impl Db {
    /// Opens a connection; the first of an instance brings the schema up to date.
    pub async fn open() -> Result<Self, StoreError> {
        let connection = Connection::open(LABEL).await.map_err(failed)?;
        let database = Self { connection };
        if !MIGRATED.get() {
            store::migrate::migrate(&database, now_ms()).await?;
            MIGRATED.set(true);
        }
        Ok(database)
    }
}

impl Database for Db {
    async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        let parameters = parameters.iter().map(|value| match value {
            Value::Null => SpinValue::Null,
            Value::Integer(value) => SpinValue::Integer(*value),
            Value::Real(value) => SpinValue::Real(*value),
            Value::Text(value) => SpinValue::Text(value.clone()),
            Value::Blob(value) => SpinValue::Blob(value.clone()),
        });
        let result = self
            .connection
            .execute(statement, parameters)
            .await
            .map_err(failed)?;
        let columns = result.columns().to_vec();
        let rows = result.collect().await.map_err(failed)?;
        let rows = rows
            .into_iter()
            .map(|row| row.values.into_iter().map(from_spin).collect());
        Ok(Rows::new(columns, rows.collect()))
    }
}

fn from_spin(value: SpinValue) -> Value {
    match value {
        SpinValue::Null => Value::Null,
        SpinValue::Integer(value) => Value::Integer(value),
        SpinValue::Real(value) => Value::Real(value),
        SpinValue::Text(value) => Value::Text(value),
        SpinValue::Blob(value) => Value::Blob(value),
    }
}

fn failed(error: Error) -> StoreError {
    match error {
        Error::Io(message) => StoreError::of_database(message),
        Error::DatabaseFull => StoreError::Full("the host says so".into()),
        other => StoreError::Database(format!("{other:?}")),
    }
}
