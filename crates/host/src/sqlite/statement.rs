//! Running one statement on a blocking thread, and passing its rows on.

use rusqlite::types::{Value as SqlValue, ValueRef};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, mpsc, oneshot};

use super::classify::Access;
use super::connection::Warm;
use super::database::Database;
use super::{Error, MAX_RESULT_BYTES, RowResult, Value, io_error};
use std::sync::Arc;

/// Rows that are handed over at once: most results are smaller and need one message.
const BATCH_ROWS: usize = 64;

/// Bytes after which rows are handed over, so that large values are not piled up.
const BATCH_BYTES: usize = 64 << 10;

/// Batches that wait for a slow reader before the statement waits too.
const BATCHES: usize = 4;

/// What belongs to one open connection. Whoever holds its lock runs a statement.
#[derive(Debug)]
pub(super) struct Session {
    pub database: Arc<Database>,
    /// None until the first statement, and after it failed to open.
    pub warm: Option<Warm>,
    /// The right to write, from the start of a write transaction to its end.
    pub permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(warm) = self.warm.take() else { return };
        let (database, permit) = (Arc::clone(&self.database), self.permit.take());
        if warm.is_clean() {
            // Nothing to undo: the next guest may have it at once.
            return database.keep(warm);
        }
        let finish = move || {
            database.keep(warm);
            // Only now, after the rollback, may the next writer begin.
            drop(permit);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(finish)),
            Err(_) => finish(),
        }
    }
}

impl Session {
    fn warm(&mut self) -> Result<&mut Warm, rusqlite::Error> {
        let warm = match self.warm.take() {
            Some(warm) => warm,
            None => self.database.connect()?,
        };
        Ok(self.warm.insert(warm))
    }
}

/// The beginning of a result: everything, when it is small.
#[derive(Debug)]
pub(super) struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<RowResult>,
    pub rest: Rest,
}

/// What follows the beginning of a result.
#[derive(Debug)]
pub(super) enum Rest {
    /// Nothing; this is how the statement ended.
    Ended(Result<(), Error>),
    /// More rows, then how the statement ended.
    Streaming(
        mpsc::Receiver<Vec<RowResult>>,
        oneshot::Receiver<Result<(), Error>>,
    ),
}

/// Runs a statement on a blocking thread and returns the beginning of its result.
pub(super) async fn run(
    session: OwnedMutexGuard<Session>,
    sql: String,
    access: Access,
    parameters: Vec<Value>,
) -> Result<Answer, Error> {
    let (sender, receiver) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let mut session = session;
        let mut output = Output::new(sender);
        let result = execute(&mut session, &sql, access, parameters, &mut output);
        if !session.warm.as_ref().is_some_and(Warm::in_transaction) {
            session.permit = None;
        }
        drop(session);
        output.finish(result);
    });
    receiver
        .await
        .map_err(|_| Error::Io("the statement was abandoned".into()))
}

fn execute(
    session: &mut Session,
    sql: &str,
    access: Access,
    parameters: Vec<Value>,
    output: &mut Output,
) -> Result<(), Error> {
    let warm = session.warm().map_err(io_error)?;
    let (statement, discard) = warm.prepare(sql).map_err(io_error)?;
    if !warm.is_stale() {
        return finish(warm, statement, discard, access, parameters, output);
    }
    statement.discard();
    let path = session.database.path().map(Into::into);
    let warm = session.warm.insert(Warm::open(path).map_err(io_error)?);
    let (statement, discard) = warm.prepare(sql).map_err(io_error)?;
    finish(warm, statement, discard, access, parameters, output)
}

fn finish(
    warm: &Warm,
    mut statement: rusqlite::CachedStatement<'_>,
    discard: bool,
    access: Access,
    parameters: Vec<Value>,
    output: &mut Output,
) -> Result<(), Error> {
    if access == Access::Change {
        warm.note_change();
    }
    output.columns = statement
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let result = step(&mut statement, parameters, output);
    if discard {
        statement.discard();
    }
    result
}

fn step(
    statement: &mut rusqlite::Statement<'_>,
    parameters: Vec<Value>,
    output: &mut Output,
) -> Result<(), Error> {
    let width = statement.column_count();
    let parameters = rusqlite::params_from_iter(parameters.into_iter().map(to_sql));
    let mut rows = statement.query(parameters).map_err(io_error)?;
    while let Some(row) = rows.next().map_err(io_error)? {
        let mut values = Vec::with_capacity(width);
        let mut bytes = 0;
        for column in 0..width {
            let value = from_sql(row.get_ref(column).map_err(io_error)?)?;
            bytes += size(&value);
            values.push(value);
        }
        if bytes > MAX_RESULT_BYTES {
            return Err(Error::Io(format!(
                "query result exceeds limit of {MAX_RESULT_BYTES} bytes"
            )));
        }
        output.push(RowResult { values }, bytes)?;
    }
    Ok(())
}

fn to_sql(value: Value) -> SqlValue {
    match value {
        Value::Integer(integer) => SqlValue::Integer(integer),
        Value::Real(real) => SqlValue::Real(real),
        Value::Text(text) => SqlValue::Text(text),
        Value::Blob(blob) => SqlValue::Blob(blob),
        Value::Null => SqlValue::Null,
    }
}

fn from_sql(value: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => {
            Value::Text(std::str::from_utf8(text).map_err(io_error)?.to_owned())
        }
        ValueRef::Blob(blob) => Value::Blob(blob.to_owned()),
        ValueRef::Null => Value::Null,
    })
}

/// Memory that a value takes, as Spin counts it.
pub(super) fn size(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Text(text) => text.len(),
            Value::Blob(blob) => blob.len(),
            Value::Integer(_) | Value::Real(_) | Value::Null => 0,
        }
}

/// Collects rows and hands them over: the first batch with the answer, the rest through a channel.
struct Output {
    columns: Vec<String>,
    rows: Vec<RowResult>,
    bytes: usize,
    answer: Option<oneshot::Sender<Answer>>,
    more: Option<More>,
}

/// Where the rows after the first batch go, and how they ended.
struct More {
    batches: mpsc::Sender<Vec<RowResult>>,
    end: oneshot::Sender<Result<(), Error>>,
}

impl Output {
    fn new(answer: oneshot::Sender<Answer>) -> Self {
        Self {
            columns: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
            answer: Some(answer),
            more: None,
        }
    }

    fn push(&mut self, row: RowResult, bytes: usize) -> Result<(), Error> {
        self.rows.push(row);
        self.bytes += bytes;
        if self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), Error> {
        let gone = || Error::Io("row send error".into());
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        if let Some(more) = &self.more {
            return more.batches.blocking_send(rows).map_err(|_| gone());
        }
        let (batches, receiver) = mpsc::channel(BATCHES);
        let (end, ended) = oneshot::channel();
        self.more = Some(More { batches, end });
        let answer = self.answer.take().ok_or_else(gone)?;
        let columns = std::mem::take(&mut self.columns);
        answer
            .send(Answer {
                columns,
                rows,
                rest: Rest::Streaming(receiver, ended),
            })
            .map_err(|_| gone())
    }

    fn finish(mut self, result: Result<(), Error>) {
        if self.more.is_some() && !self.rows.is_empty() {
            // A reader that is gone does not want to know.
            let _ = self.hand_over();
        }
        match (self.answer.take(), self.more.take()) {
            (Some(answer), _) => {
                let (columns, rows) = (self.columns, self.rows);
                let _ = answer.send(Answer {
                    columns,
                    rows,
                    rest: Rest::Ended(result),
                });
            }
            (None, Some(more)) => drop(more.end.send(result)),
            (None, None) => {}
        }
    }
}
