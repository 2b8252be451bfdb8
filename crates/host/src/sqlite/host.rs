//! The interface that guests see.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{Mutex, mpsc};
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult,
    VecBuffer,
};

use super::classify::{Access, access};
use super::output::{Answer, Rest};
use super::statement::{Session, run, size};
use super::{Error, MAX_RESULT_BYTES, RowResult, Value, io_error};
use crate::bindings::sqlite as wit;
use crate::guest::{GuestData, GuestState};

/// Connections one instance may hold, as in Spin.
const MAX_CONNECTIONS: usize = 256;

/// An open connection, as a guest holds it.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Mutex<Session>>);

impl Connection {
    async fn execute(self, sql: String, parameters: Vec<Value>) -> Result<Answer, Error> {
        let mut session = self.0.lock_owned().await;
        let access = access(&sql);
        if access != Access::Read
            && session.permit.is_none()
            && !session
                .warm
                .as_ref()
                .is_some_and(super::connection::Warm::in_transaction)
        {
            session.permit = session.database.queue_to_write().await?;
        }
        run(session, sql, access, parameters).await
    }

    async fn changes(self) -> u64 {
        self.0
            .lock()
            .await
            .warm
            .as_ref()
            .map_or(0, super::connection::Warm::changes)
    }

    async fn last_insert_rowid(self) -> i64 {
        self.0
            .lock()
            .await
            .warm
            .as_ref()
            .map_or(0, super::connection::Warm::last_insert_rowid)
    }
}

impl GuestState {
    fn open_connection(&mut self, label: &str) -> Result<Resource<Connection>, Error> {
        if !self.component.grants.sqlite_granted.contains(label) {
            return Err(Error::AccessDenied);
        }
        let database = self
            .component
            .grants
            .sqlite
            .get(label)
            .ok_or(Error::NoSuchDatabase)?;
        if self.open_connections >= MAX_CONNECTIONS {
            return Err(Error::Io("too many connections opened".into()));
        }
        let session = Session {
            database: Arc::clone(database),
            warm: None,
            permit: None,
        };
        let connection = Connection(Arc::new(Mutex::new(session)));
        let resource = self.table.push(connection).map_err(io_error)?;
        self.open_connections += 1;
        Ok(resource)
    }

    fn connection(&self, resource: &Resource<Connection>) -> Result<Connection, Error> {
        self.table
            .get(resource)
            .cloned()
            .map_err(|_| Error::InvalidConnection)
    }
}

impl wit::Host for GuestState {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl wit::HostConnection for GuestState {
    async fn open(&mut self, database: String) -> Result<Resource<Connection>, Error> {
        self.open_connection(&database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<wit::QueryResult, Error> {
        let answer = self
            .connection(&connection)?
            .execute(statement, parameters)
            .await?;
        let mut rows = answer.rows;
        let ended = match answer.rest {
            Rest::Ended(result) => result,
            Rest::Streaming(mut batches, ended) => {
                let mut bytes: usize = rows.iter().flat_map(|row| &row.values).map(size).sum();
                while let Some(batch) = batches.recv().await {
                    bytes += batch
                        .iter()
                        .flat_map(|row| &row.values)
                        .map(size)
                        .sum::<usize>();
                    if bytes > MAX_RESULT_BYTES {
                        return Err(Error::Io(format!(
                            "query result exceeds limit of {MAX_RESULT_BYTES} bytes"
                        )));
                    }
                    rows.extend(batch);
                }
                ended.await.unwrap_or_else(|error| Err(io_error(error)))
            }
        };
        ended.map(|()| wit::QueryResult {
            columns: answer.columns,
            rows,
        })
    }

    async fn last_insert_rowid(
        &mut self,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        Ok(self.connection(&connection)?.last_insert_rowid().await)
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.connection(&connection)?.changes().await)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.open_connections = self.open_connections.saturating_sub(1);
        Ok(())
    }
}

type Streamed = (
    Vec<String>,
    StreamReader<RowResult>,
    FutureReader<Result<(), Error>>,
);

impl<T: Send + 'static> wit::HostConnectionWithStore<T> for GuestData {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        database: String,
    ) -> Result<Resource<Connection>, Error> {
        accessor.with(|mut access| access.get().open_connection(&database))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Streamed, Error> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        // As in Spin, a statement's error is told at the end of its result, not here.
        let answer = match connection.execute(statement, parameters).await {
            Ok(answer) => answer,
            Err(error) => Answer::failed(error),
        };
        let (batches, ended) = match answer.rest {
            Rest::Ended(result) => (None, Ended::Already(result)),
            Rest::Streaming(batches, ended) => (Some(batches), Ended::Later(ended)),
        };
        let rows = Rows {
            first: answer.rows,
            batches,
        };
        accessor
            .with(|mut access| {
                let rows = StreamReader::new(&mut access, rows)?;
                let ended = FutureReader::new(&mut access, ended.wait())?;
                Ok((answer.columns, rows, ended))
            })
            .map_err(|error: wasmtime::Error| io_error(error))
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        Ok(connection.last_insert_rowid().await)
    }

    async fn changes_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        Ok(connection.changes().await)
    }
}

/// How a statement ends: known, or told later.
enum Ended {
    Already(Result<(), Error>),
    Later(tokio::sync::oneshot::Receiver<Result<(), Error>>),
}

impl Ended {
    async fn wait(self) -> wasmtime::Result<Result<(), Error>> {
        Ok(match self {
            Self::Already(result) => result,
            Self::Later(receiver) => receiver.await.unwrap_or_else(|error| Err(io_error(error))),
        })
    }
}

/// Rows on their way to the guest.
struct Rows {
    first: Vec<RowResult>,
    batches: Option<mpsc::Receiver<Vec<RowResult>>>,
}

impl<D> StreamProducer<D> for Rows {
    type Item = RowResult;
    type Buffer = VecBuffer<RowResult>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let first = std::mem::take(&mut self.first);
        if !first.is_empty() {
            destination.set_buffer(first.into());
            let last = self.batches.is_none();
            return Poll::Ready(Ok(if last {
                StreamResult::Dropped
            } else {
                StreamResult::Completed
            }));
        }
        let Some(batches) = &mut self.batches else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        let batch = match batches.poll_recv(context) {
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            poll => ready!(poll),
        };
        Poll::Ready(Ok(match batch {
            Some(batch) => {
                destination.set_buffer(batch.into());
                StreamResult::Completed
            }
            None => StreamResult::Dropped,
        }))
    }
}
