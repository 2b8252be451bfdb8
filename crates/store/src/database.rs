//! One connection, and transactions on it.

use crate::{Row, Rows, Value};

/// What can go wrong below the SQL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered an error, a broken constraint for example.
    #[error("database: {0}")]
    Database(String),
    /// Nothing more can be written until space is freed; reading goes on.
    #[error("the disk of the database is full: {0}")]
    Full(String),
    /// Somebody else has held the lock for longer than the database waits (5 s).
    #[error("the database is locked by another process: {0}")]
    Locked(String),
    /// A row does not look as the code expects: a fault of ours.
    #[error("unexpected row: {0}")]
    Shape(String),
    /// The schema is newer than this program.
    #[error(
        "the state directory was written by a newer version (its database has schema {found}, this \
         program knows {known}): start that version, or restore a backup from before it"
    )]
    Newer { found: i64, known: i64 },
}

impl StoreError {
    /// Tells apart what SQLite, and whatever stands between it and us, say in words alone.
    pub fn of_database(message: String) -> Self {
        if message.contains("database or disk is full") {
            Self::Full(message)
        } else if message.contains("is locked") {
            Self::Locked(message)
        } else {
            Self::Database(message)
        }
    }
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
/// Dropping it without [`Transaction::commit`] or [`Transaction::rollback`] leaves the transaction
/// open: whoever starts one and may leave by `?` passes the outcome to [`or_rollback`]. After a
/// trap nobody can; then the connection goes with the instance, which rolls back too.
#[must_use]
pub struct Transaction<'a, D: Database> {
    database: &'a D,
}

/// Starts a write transaction.
pub async fn begin<D: Database>(database: &D) -> Result<Transaction<'_, D>, StoreError> {
    // One that began all the same, and whose answer was lost, must not stay open.
    let begun = database.query("BEGIN IMMEDIATE", &[]).await;
    or_rollback(database, begun).await?;
    Ok(Transaction { database })
}

/// Ends the transaction that a failure may have left open on the connection, and hands the outcome
/// on. The first error is the one that says why, so a second one is not told: SQLite may have
/// rolled back by itself already, and a connection that is lost has no transaction any more.
pub async fn or_rollback<T, E>(database: &impl Database, outcome: Result<T, E>) -> Result<T, E> {
    if outcome.is_err() {
        let _ = database.query("ROLLBACK", &[]).await;
    }
    outcome
}

impl<D: Database> Transaction<'_, D> {
    /// A commit that fails (a full disk, a lost connection) leaves nothing open either.
    pub async fn commit(self) -> Result<(), StoreError> {
        let committed = self.database.query("COMMIT", &[]).await.map(drop);
        or_rollback(self.database, committed).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rl2_full_and_locked_are_told_apart_from_the_rest() {
        for (message, wanted) in [
            ("database or disk is full", "full"),
            ("database is locked", "locked"),
            ("database table is locked: tasks", "locked"),
            ("Io(\"database is locked\")", "locked"),
            ("disk I/O error", "other"),
            ("UNIQUE constraint failed: tasks.id", "other"),
        ] {
            let found = match StoreError::of_database(message.to_owned()) {
                StoreError::Full(_) => "full",
                StoreError::Locked(_) => "locked",
                _ => "other",
            };
            assert_eq!(found, wanted, "{message}");
        }
    }
}
