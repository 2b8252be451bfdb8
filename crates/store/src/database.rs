//! One connection, and transactions on it.

use crate::{Row, Rows, Value};

/// What can go wrong below the SQL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered an error: locked, full, a broken constraint.
    #[error("database: {0}")]
    Database(String),
    /// A row does not look as the code expects: a fault of ours.
    #[error("unexpected row: {0}")]
    Shape(String),
    /// The schema is newer than this program.
    #[error("the database has schema {found}, this program knows {known}: start the newer version")]
    Newer { found: i64, known: i64 },
}

impl StoreError {
    /// True for a UNIQUE or PRIMARY KEY conflict.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(message) if message.contains("UNIQUE constraint failed"))
    }
}

/// One connection. Statements run one after the other and are drained before the next:
/// Spin's row channel is small, and a failing statement tells its error only at its end.
pub trait Database {
    fn query(
        &self,
        statement: &str,
        parameters: &[Value],
    ) -> impl Future<Output = Result<Rows, StoreError>>;
}

/// A write transaction: BEGIN IMMEDIATE … COMMIT.
///
/// Dropping it without [`Transaction::commit`] or [`Transaction::rollback`] leaves the
/// transaction open on the connection; the connection must then be dropped too, which rolls
/// it back. Handlers open a connection per request, so an early `?` does exactly that.
#[must_use]
pub struct Transaction<'a, D: Database> {
    database: &'a D,
}

/// Starts a write transaction.
pub async fn begin<D: Database>(database: &D) -> Result<Transaction<'_, D>, StoreError> {
    database.query("BEGIN IMMEDIATE", &[]).await?;
    Ok(Transaction { database })
}

impl<D: Database> Transaction<'_, D> {
    pub async fn commit(self) -> Result<(), StoreError> {
        self.database.query("COMMIT", &[]).await.map(drop)
    }
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.database.query("ROLLBACK", &[]).await.map(drop)
    }
}

impl<D: Database> Database for Transaction<'_, D> {
    async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        self.database.query(statement, parameters).await
    }
}

/// The first row of a statement.
pub async fn read_one(
    database: &impl Database,
    statement: &str,
    parameters: &[Value],
) -> Result<Option<Row>, StoreError> {
    Ok(database.query(statement, parameters).await?.first())
}
