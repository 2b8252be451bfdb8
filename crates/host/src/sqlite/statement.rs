//! Running one statement, and passing its rows on.
//!
//! A statement that has been quick so far runs where it is asked for; every other runs on a
//! blocking thread. The way there and back costs more than most statements. What turns out to be
//! slow, large or locked after all is begun again on a blocking thread, if it is one that changes
//! nothing before it ends.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::ErrorCode;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, oneshot};

use super::classify::Access;
use super::connection::{Patience, Warm};
use super::database::Database;
use super::durable::{Commits, RunsAlone};
use super::output::{Answer, Handed, Kept, Output, Refused};
use super::{Error, MAX_RESULT_BYTES, RowResult, Value, io_error};

/// Parameters larger than this are copied by SQLite for longer than the way to a thread takes.
const QUICK_PARAMETER_BYTES: usize = 64 << 10;

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

    /// Whether a connection is at hand, so that none needs to be opened.
    fn is_warm(&mut self) -> bool {
        if self.warm.is_none() {
            self.warm = self.database.kept();
        }
        self.warm.is_some()
    }

    /// The commits of the file, if there is one of this connection that is not on the disk yet.
    fn unsynced(&self) -> Option<Arc<Commits>> {
        match self.warm.as_ref()?.take_committed() {
            true => self.database.commits().cloned(),
            false => None,
        }
    }

    /// Lets the next writer in when the transaction has ended.
    fn free_permit(&mut self) {
        if !self.warm.as_ref().is_some_and(Warm::in_transaction) {
            self.permit = None;
        }
    }
}

/// Runs a statement and returns the beginning of its result.
pub(super) async fn run(
    mut session: OwnedMutexGuard<Session>,
    sql: String,
    access: Access,
    parameters: Vec<Value>,
) -> Result<Answer, Error> {
    let pace = session.database.pace(&sql);
    if pace.is_quick() && is_small(&parameters) && session.is_warm() {
        let began = Instant::now();
        let done = run_here(&mut session, &sql, access, &parameters);
        session.database.note_pace(&sql, began.elapsed());
        if let Some(answer) = done {
            return match session.unsynced() {
                Some(commits) => commits.durable(RunsAlone::here()).await.map(|()| answer),
                None => Ok(answer),
            };
        }
    }
    let runtime = Handle::current();
    let (sender, receiver) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let mut session = session;
        let mut output = Handed::new(sender);
        let began = Instant::now();
        let mut result = execute(&mut session, &sql, access, &parameters, &mut output)
            .map_err(Failure::into_error);
        session.database.note_pace(&sql, began.elapsed());
        session.free_permit();
        if let Some(commits) = session.unsynced() {
            let durable = runtime.block_on(commits.durable(RunsAlone::BLOCKING));
            result = result.and(durable);
        }
        drop(session);
        output.finish(result);
    });
    receiver
        .await
        .map_err(|_| Error::Io("the statement was abandoned".into()))
}

fn is_small(parameters: &[Value]) -> bool {
    parameters.iter().map(size).sum::<usize>() <= QUICK_PARAMETER_BYTES
}

/// Runs a statement on this thread. `None` means that it is to be run again on a blocking one.
fn run_here(
    session: &mut Session,
    sql: &str,
    access: Access,
    parameters: &[Value],
) -> Option<Answer> {
    let warm = session.warm().ok()?;
    let in_transaction = warm.in_transaction();
    warm.set_patience(Patience::None);
    let mut output = Kept::default();
    let result = execute(session, sql, access, parameters, &mut output);
    let warm = session.warm().ok()?;
    warm.set_patience(Patience::Whole);
    match result {
        // SQLite has undone what the statement had done so far, and no more than that.
        Err(Failure::Impatient(_)) if warm.in_transaction() == in_transaction => None,
        result => {
            session.free_permit();
            Some(output.finish(result.map_err(Failure::into_error)))
        }
    }
}

/// Why a statement failed.
enum Failure {
    /// It had to wait, or took too long.
    Impatient(Error),
    Other(Error),
}

impl Failure {
    fn into_error(self) -> Error {
        match self {
            Self::Impatient(error) | Self::Other(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::OperationInterrupted) => {
                Self::Impatient(io_error(error))
            }
            _ => Self::Other(io_error(error)),
        }
    }
}

fn execute(
    session: &mut Session,
    sql: &str,
    access: Access,
    parameters: &[Value],
    output: &mut impl Output,
) -> Result<(), Failure> {
    let warm = session.warm()?;
    let (statement, discard) = warm.prepare(sql)?;
    if !warm.is_stale() {
        return finish(warm, statement, discard, access, parameters, output);
    }
    statement.discard();
    let path = session.database.path().map(Into::into);
    let warm = session.warm.insert(Warm::open(path)?);
    let (statement, discard) = warm.prepare(sql)?;
    finish(warm, statement, discard, access, parameters, output)
}

fn finish(
    warm: &Warm,
    mut statement: rusqlite::CachedStatement<'_>,
    discard: bool,
    access: Access,
    parameters: &[Value],
    output: &mut impl Output,
) -> Result<(), Failure> {
    if access == Access::Change {
        warm.note_change();
    }
    let columns = statement.column_names();
    output.columns(columns.into_iter().map(str::to_owned).collect());
    warm.note_read_only(statement.readonly());
    let result = step(&mut statement, parameters, output);
    warm.note_read_only(false);
    if discard {
        statement.discard();
    }
    result
}

fn step(
    statement: &mut rusqlite::Statement<'_>,
    parameters: &[Value],
    output: &mut impl Output,
) -> Result<(), Failure> {
    let width = statement.column_count();
    let read_only = statement.readonly();
    let parameters = rusqlite::params_from_iter(parameters.iter().map(to_sql));
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(width);
        let mut bytes = 0;
        for column in 0..width {
            let value = from_sql(row.get_ref(column)?).map_err(Failure::Other)?;
            bytes += size(&value);
            values.push(value);
        }
        if bytes > MAX_RESULT_BYTES {
            let message = format!("query result exceeds limit of {MAX_RESULT_BYTES} bytes");
            return Err(Failure::Other(Error::Io(message)));
        }
        output
            .push(RowResult { values }, bytes, read_only)
            .map_err(|refused| match refused {
                Refused::TooLarge => Failure::Impatient(io_error("the result is large")),
                Refused::Gone => Failure::Other(io_error("row send error")),
            })?;
    }
    Ok(())
}

fn to_sql(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Integer(integer) => ValueRef::Integer(*integer),
        Value::Real(real) => ValueRef::Real(*real),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Blob(blob) => ValueRef::Blob(blob),
        Value::Null => ValueRef::Null,
    })
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
