//! Values and rows as both backends give them.

use std::sync::Arc;

use crate::StoreError;

/// A SQLite value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    /// How many bytes it takes, numbers roughly.
    pub fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a statement returned: all its rows, already drained.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    columns: Arc<[String]>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    pub fn new(columns: Vec<String>, rows: Vec<Vec<Value>>) -> Self {
        Self {
            columns: columns.into(),
            rows,
        }
    }
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// The values of all rows, one after the other.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.rows.iter().flatten()
    }
    /// The rows, by value, so that blobs move instead of being copied.
    pub fn into_rows(self) -> impl Iterator<Item = Row> {
        let columns = self.columns;
        self.rows.into_iter().map(move |values| Row {
            columns: columns.clone(),
            values,
        })
    }
    /// The first row, if there is one.
    pub fn first(self) -> Option<Row> {
        self.into_rows().next()
    }
}

/// One row; columns are read by name.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    fn position(&self, column: &str) -> Result<usize, StoreError> {
        self.columns
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| StoreError::Shape(format!("no column {column}")))
    }
    fn wrong(column: &str, wanted: &str, value: &Value) -> StoreError {
        let found = match value {
            Value::Null => "null",
            Value::Integer(_) => "integer",
            Value::Real(_) => "real",
            Value::Text(_) => "text",
            Value::Blob(_) => "blob",
        };
        StoreError::Shape(format!("column {column} is {found}, not {wanted}"))
    }
    fn get(&self, column: &str) -> Result<&Value, StoreError> {
        Ok(&self.values[self.position(column)?])
    }
    pub fn integer(&self, column: &str) -> Result<i64, StoreError> {
        match self.get(column)? {
            Value::Integer(value) => Ok(*value),
            other => Err(Self::wrong(column, "integer", other)),
        }
    }
    pub fn real(&self, column: &str) -> Result<f64, StoreError> {
        match self.get(column)? {
            Value::Real(value) => Ok(*value),
            Value::Integer(value) => Ok(*value as f64),
            other => Err(Self::wrong(column, "real", other)),
        }
    }
    pub fn text(&self, column: &str) -> Result<&str, StoreError> {
        match self.get(column)? {
            Value::Text(value) => Ok(value),
            other => Err(Self::wrong(column, "text", other)),
        }
    }
    pub fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.get(column)? {
            Value::Null => Ok(None),
            _ => self.integer(column).map(Some),
        }
    }
    pub fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        match self.get(column)? {
            Value::Null => Ok(None),
            _ => self.text(column).map(Some),
        }
    }
    /// The same where there may be none.
    pub fn take_optional_blob(&mut self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.get(column)? {
            Value::Null => Ok(None),
            _ => self.take_blob(column).map(Some),
        }
    }
    /// Takes the blob out of the row.
    pub fn take_blob(&mut self, column: &str) -> Result<Vec<u8>, StoreError> {
        let at = self.position(column)?;
        match std::mem::replace(&mut self.values[at], Value::Null) {
            Value::Blob(value) => Ok(value),
            other => Err(Self::wrong(column, "blob", &other)),
        }
    }
}
