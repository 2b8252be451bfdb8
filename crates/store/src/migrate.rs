//! Numbered, forward-only migrations, applied under the database's own write lock (OP5).

use crate::{Database, StoreError, begin, or_rollback, read_one};

/// A name and its statements, which a line `--;;` separates.
pub type Migration = (&'static str, &'static str);

/// All migrations in order; the number is the position plus one.
const MIGRATIONS: &[Migration] = &[
    (
        "0001_first",
        include_str!("../../../migrations/0001_first.sql"),
    ),
    (
        "0002_parts_and_claims",
        include_str!("../../../migrations/0002_parts_and_claims.sql"),
    ),
    (
        "0003_entrance",
        include_str!("../../../migrations/0003_entrance.sql"),
    ),
    (
        "0004_assets",
        include_str!("../../../migrations/0004_assets.sql"),
    ),
    (
        "0005_access",
        include_str!("../../../migrations/0005_access.sql"),
    ),
    (
        "0006_history",
        include_str!("../../../migrations/0006_history.sql"),
    ),
    (
        "0007_priority",
        include_str!("../../../migrations/0007_priority.sql"),
    ),
    (
        "0008_providers",
        include_str!("../../../migrations/0008_providers.sql"),
    ),
    (
        "0009_operations",
        include_str!("../../../migrations/0009_operations.sql"),
    ),
    (
        "0010_slots",
        include_str!("../../../migrations/0010_slots.sql"),
    ),
];

/// The schema version that this program knows.
pub const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Brings the schema up to date and returns its version.
///
/// Instances that start at once queue on BEGIN IMMEDIATE; the later ones find nothing to do.
/// A schema newer than [`KNOWN`] is refused.
pub async fn migrate(database: &impl Database, now_ms: i64) -> Result<i64, StoreError> {
    migrate_with(database, MIGRATIONS, now_ms).await
}

/// The same with migrations of one's own: an older or a newer program, for tests.
pub async fn migrate_with(
    database: &impl Database,
    migrations: &[Migration],
    now_ms: i64,
) -> Result<i64, StoreError> {
    let known = migrations.len() as i64;
    if is_current(current(database).await?, known)? {
        return Ok(known);
    }
    // Lasts in the file, and must come before the transaction. Refused where the log is a server's
    // own business, and for a moment while another instance does the same: it is tried again below.
    let is_logging = write_ahead(database).await.is_ok();
    let applied = apply(database, migrations, known, now_ms).await;
    or_rollback(database, applied).await?;
    if !is_logging {
        let _ = write_ahead(database).await;
    }
    Ok(known)
}

async fn write_ahead(database: &impl Database) -> Result<(), StoreError> {
    let mode = "PRAGMA journal_mode = WAL";
    database.query(mode, &[]).await.map(drop)
}

async fn apply(
    database: &impl Database,
    migrations: &[Migration],
    known: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let transaction = begin(database).await?;
    transaction
        .query(
            "CREATE TABLE IF NOT EXISTS schema_migrations \
             (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT",
            &[],
        )
        .await?;
    let found = current(&transaction).await?;
    if is_current(found, known)? {
        return transaction.rollback().await;
    }
    let applied = found.unwrap_or(0).max(0);
    for (version, (name, text)) in (1..).zip(migrations).skip(applied as usize) {
        for statement in statements(text) {
            transaction.query(statement, &[]).await?;
        }
        transaction
            .query(
                "INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (?, ?, ?)",
                &[Into::into(version), (*name).into(), now_ms.into()],
            )
            .await?;
    }
    transaction.commit().await
}

/// True when there is nothing to do; an error when a newer program was here.
fn is_current(found: Option<i64>, known: i64) -> Result<bool, StoreError> {
    match found {
        Some(found) if found > known => Err(StoreError::Newer { found, known }),
        found => Ok(found == Some(known)),
    }
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

/// The statements of a migration: one call runs one statement.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n--;;\n")
        .map(str::trim)
        .filter(|part| !part.is_empty())
}
