//! Numbered, forward-only migrations, applied under the database's own write lock (OP5).

use crate::{Database, StoreError, begin, read_one};

/// All migrations in order; the number is the position plus one.
const MIGRATIONS: &[(&str, &str)] = &[(
    "0001_first",
    include_str!("../../../migrations/0001_first.sql"),
)];

/// The schema version that this program knows.
pub const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Brings the schema up to date and returns its version.
///
/// Instances that start at once queue on BEGIN IMMEDIATE; the later ones find nothing to do.
/// A schema newer than [`KNOWN`] is refused.
pub async fn migrate(database: &impl Database, now_ms: i64) -> Result<i64, StoreError> {
    if current(database).await? == Some(KNOWN) {
        return Ok(KNOWN);
    }
    database.query("PRAGMA journal_mode = WAL", &[]).await?;
    let transaction = begin(database).await?;
    transaction
        .query(
            "CREATE TABLE IF NOT EXISTS schema_migrations \
             (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT",
            &[],
        )
        .await?;
    let found = current(&transaction).await?.unwrap_or(0);
    if found > KNOWN {
        transaction.rollback().await?;
        return Err(StoreError::Newer {
            found,
            known: KNOWN,
        });
    }
    for (at, (name, text)) in MIGRATIONS.iter().enumerate().skip(found.max(0) as usize) {
        for statement in statements(text) {
            transaction.query(statement, &[]).await?;
        }
        transaction
            .query(
                "INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (?, ?, ?)",
                &[(at as i64 + 1).into(), (*name).into(), now_ms.into()],
            )
            .await?;
    }
    transaction.commit().await?;
    Ok(KNOWN)
}

/// The version that the database has; `None` before the first migration.
pub async fn current(database: &impl Database) -> Result<Option<i64>, StoreError> {
    let table = read_one(
        database,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'",
        &[],
    )
    .await?;
    if table.is_none() {
        return Ok(None);
    }
    match read_one(
        database,
        "SELECT max(version) AS version FROM schema_migrations",
        &[],
    )
    .await?
    {
        Some(row) => row.optional_integer("version"),
        None => Ok(None),
    }
}

/// The statements of a migration file, which a line `--;;` separates.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n--;;\n")
        .map(str::trim)
        .filter(|part| !part.is_empty())
}
