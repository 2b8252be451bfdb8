//! OP5: migrations are numbered, forward-only and safe to repeat.

use futures::executor::block_on;
use store::{Database, StoreError, migrate, native::Native};

#[test]
fn op5_migrations_apply_once_and_repeat_harmlessly() {
    let database = Native::in_memory().unwrap();
    assert_eq!(
        block_on(migrate::migrate(&database, 1)).unwrap(),
        migrate::KNOWN
    );
    assert_eq!(
        block_on(migrate::migrate(&database, 2)).unwrap(),
        migrate::KNOWN
    );
    let rows =
        block_on(database.query("SELECT applied_at_ms FROM schema_migrations", &[])).unwrap();
    assert!(
        rows.into_rows()
            .all(|row| row.integer("applied_at_ms").unwrap() == 1)
    );
}

#[test]
fn op5_a_newer_schema_is_refused_and_left_alone() {
    let database = Native::in_memory().unwrap();
    block_on(migrate::migrate(&database, 1)).unwrap();
    block_on(database.query(
        "INSERT INTO schema_migrations VALUES (9999, 'future', 1)",
        &[],
    ))
    .unwrap();
    let error = block_on(migrate::migrate(&database, 2)).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 9999, .. }),
        "{error}"
    );
}

#[test]
fn op5_two_processes_migrate_one_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| block_on(migrate::migrate(&Native::open(&path).unwrap(), 1)).unwrap());
        }
    });
    let database = Native::open(&path).unwrap();
    assert_eq!(
        block_on(migrate::current(&database)).unwrap(),
        Some(migrate::KNOWN)
    );
}
