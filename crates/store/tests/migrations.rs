//! OP5: migrations are numbered, forward-only, safe to repeat and safe at once.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::{empty, number, open, sql};
use futures::executor::block_on;
use store::faulty::{Failed, Fault, Faulty};
use store::{StoreError, migrate};

#[test]
fn op5_migrations_apply_once_and_repeat_harmlessly() {
    let database = empty();
    for now_ms in [1, 2] {
        let version = block_on(migrate::migrate(&database, now_ms)).unwrap();
        assert_eq!(version, migrate::KNOWN);
    }
    let late = "SELECT count(*) AS n FROM schema_migrations WHERE applied_at_ms <> 1";
    assert_eq!(number(&database, late), 0);
}

#[test]
fn op5_a_schema_that_is_current_costs_two_statements() {
    let database = empty();
    block_on(migrate::migrate(&database, 1)).unwrap();
    let before = database.round_trips();
    block_on(migrate::migrate(&database, 2)).unwrap();
    assert_eq!(database.round_trips() - before, 2);
}

const FIRST: migrate::Migration = ("0001_a", "CREATE TABLE a (x TEXT) STRICT");

#[test]
fn op5_a_newer_schema_is_refused_in_clear_words_and_left_alone() {
    let database = empty();
    block_on(migrate::migrate(&database, 1)).unwrap();
    sql(
        &database,
        "INSERT INTO schema_migrations VALUES (9999, 'future', 1)",
        &[],
    );
    let before = database.dump().unwrap();
    let asked = database.round_trips();
    let error = block_on(migrate::migrate(&database, 2)).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 9999, .. }),
        "{error}"
    );
    let words = error.to_string();
    assert!(
        words.contains("the state directory was written by a newer version"),
        "{words}"
    );
    assert!(words.contains("restore a backup"), "{words}");
    // Every request asks: it must not take the write lock to hear the same answer.
    assert_eq!(database.round_trips() - asked, 2);
    assert!(database.dump().unwrap() == before);
}

#[test]
fn op5_a_newer_program_goes_on_where_an_older_one_stopped() {
    let database = empty();
    let second = (
        "0002_b",
        "ALTER TABLE a ADD COLUMN y TEXT\n--;;\nCREATE TABLE b (z TEXT) STRICT",
    );
    assert_eq!(
        block_on(migrate::migrate_with(&database, &[FIRST], 1)).unwrap(),
        1
    );
    sql(&database, "INSERT INTO a VALUES ('kept')", &[]);
    assert_eq!(
        block_on(migrate::migrate_with(&database, &[FIRST, second], 2)).unwrap(),
        2
    );
    let kept = "SELECT count(*) AS n FROM a WHERE x = 'kept' AND y IS NULL";
    assert_eq!(number(&database, kept), 1);
    // The older program, started again by mistake.
    let error = block_on(migrate::migrate_with(&database, &[FIRST], 3)).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 2, known: 1 }),
        "{error}"
    );
}

#[test]
fn op5_a_migration_that_fails_in_the_middle_applies_nothing() {
    let database = empty();
    block_on(migrate::migrate_with(&database, &[FIRST], 1)).unwrap();
    let before = database.dump().unwrap();
    let broken = (
        "0002_b",
        "CREATE TABLE b (x TEXT) STRICT\n--;;\nINSERT INTO missing VALUES (1)",
    );
    for _ in 0..2 {
        block_on(migrate::migrate_with(&database, &[FIRST, broken], 2)).unwrap_err();
        assert!(database.dump().unwrap() == before);
        common::assert_nothing_open(&database);
    }
}

#[test]
fn op5_migrations_are_whole_wherever_a_statement_fails() {
    for fault in [Fault::Refused, Fault::Unheard, Fault::Cut] {
        let mut tried = 0;
        for at in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let database = open(&path);
            let faulty = Faulty::new(&database, at, fault);
            let outcome = block_on(migrate::migrate(&faulty, 1));
            let Some(failed) = faulty.failed() else {
                outcome.unwrap();
                break;
            };
            tried += 1;
            // What is left is what another connection finds.
            drop(database);
            let version = block_on(migrate::current(&open(&path))).unwrap();
            match (fault, failed) {
                // The last look at the log mode comes after the commit; a commit may be unheard.
                (Fault::Unheard, Failed::Commit) => assert_eq!(version, Some(migrate::KNOWN)),
                _ if outcome.is_ok() => assert_eq!(version, Some(migrate::KNOWN), "{fault:?} {at}"),
                _ => assert_eq!(version, None, "{fault:?} at statement {at}"),
            }
            block_on(migrate::migrate(&open(&path), 2)).unwrap();
        }
        assert!(tried > 20, "{tried} statements");
    }
}

fn check_migrated_once(path: &Path) {
    let database = open(path);
    let count = "SELECT count(*) AS n FROM schema_migrations";
    assert_eq!(number(&database, count), migrate::KNOWN);
    if !common::ON_LIBSQL {
        let mode = sql(&database, "PRAGMA journal_mode", &[]).first().unwrap();
        assert_eq!(mode.text("journal_mode").unwrap(), "wal");
    }
}

#[test]
fn op5_many_threads_migrate_one_file_at_once() {
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let start = std::sync::Barrier::new(16);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let database = open(&path);
                    start.wait();
                    block_on(migrate::migrate(&database, 1)).unwrap();
                });
            }
        });
        check_migrated_once(&path);
    }
}

/// Where the test below tells its copies which file to migrate.
const FILE: &str = "CLASH_TEST_MIGRATE";

#[test]
fn op5_many_processes_migrate_one_file_at_once() {
    if let Some(path) = std::env::var_os(FILE) {
        block_on(migrate::migrate(&open(Path::new(&path)), 1)).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let name = match common::ON_LIBSQL {
        true => "migrations::op5_many_processes_migrate_one_file_at_once",
        false => "op5_many_processes_migrate_one_file_at_once",
    };
    let copies: Vec<_> = (0..8)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name])
                .env(FILE, &path)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut copy in copies {
        assert!(copy.wait().unwrap().success());
    }
    check_migrated_once(&path);
}
