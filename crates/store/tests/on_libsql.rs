//! All tests of the store once more, over the stand-in with libSQL's limits (see `common`), and
//! tests of the stand-in itself: that it refuses what libSQL does not do.
#![allow(clippy::duplicate_mod, reason = "each file brings the same `common`")]

#[path = "accounts.rs"]
mod accounts;
#[path = "assets.rs"]
mod assets;
mod common;
#[path = "due.rs"]
mod due;
#[path = "entrance.rs"]
mod entrance;
#[path = "migrations.rs"]
mod migrations;
#[path = "operations.rs"]
mod operations;
#[path = "rollback.rs"]
mod rollback;
#[path = "rooms.rs"]
mod rooms;
#[path = "servers.rs"]
mod servers;
#[path = "tasks.rs"]
mod tasks;

use common::{empty, number, sql};
use futures::executor::block_on;
use store::{Database, Value};

#[test]
fn op5_the_stand_in_has_libsqls_limits() {
    let database = empty();
    sql(&database, "CREATE TABLE t (a)", &[]);
    let run = |statement: &str, parameters: &[Value]| {
        block_on(database.query(statement, parameters)).map_err(|error| error.to_string())
    };
    let blob = |bytes: usize| Value::Blob(vec![7; bytes]);
    let insert = "INSERT INTO t VALUES (?)";
    for (what, statement, parameters, refusal) in [
        ("a value", insert, vec![blob(1_000_000)], ""),
        ("a larger one", insert, vec![blob(1_000_001)], "a value has"),
        (
            "a whole request",
            "INSERT INTO t VALUES (?), (?), (?), (?), (?), (?)",
            vec![blob(900_000); 6],
            "a statement with its parameters has",
        ),
        ("changes", "SELECT changes()", vec![], "not authorized"),
        (
            "the last row id",
            "SELECT last_insert_rowid()",
            vec![],
            "not authorized",
        ),
        (
            "write-ahead log",
            "PRAGMA journal_mode = WAL",
            vec![],
            "not authorized",
        ),
        (
            "checkpoint",
            "PRAGMA wal_checkpoint(PASSIVE)",
            vec![],
            "not authorized",
        ),
        ("soundness", "PRAGMA quick_check", vec![], ""),
        (
            "temporary tables",
            "CREATE TEMP TABLE u (a)",
            vec![],
            "not authorized",
        ),
    ] {
        match (run(statement, &parameters), refusal) {
            (Ok(_), "") => {}
            (Err(error), refusal) if !refusal.is_empty() => {
                assert!(error.contains(refusal), "{what}: {error}")
            }
            (outcome, _) => panic!("{what}: {outcome:?}"),
        }
    }
    let eleven = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 11) \
        SELECT zeroblob(950000) FROM n";
    let error = run(eleven, &[]).unwrap_err();
    assert!(error.contains("an answer has"), "{error}");
}

#[test]
fn op5_a_second_statement_of_a_string_does_not_run() {
    let database = empty();
    sql(&database, "CREATE TABLE t (a)", &[]);
    let two = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)";
    block_on(database.query(two, &[])).unwrap_err();
    assert_eq!(number(&database, "SELECT count(*) AS n FROM t"), 0);
    assert_eq!(database.round_trips(), 3);
}

/// A second statement in a named file would silently never run.
#[test]
fn op5_every_named_file_holds_one_statement() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql");
    let mut files = 0;
    for group in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(group.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("--"));
            let code: String = code.collect::<Vec<_>>().join("\n").replace("'upload;'", "");
            assert!(!code.contains(';'), "{}: {code}", path.display());
            assert!(!code.trim().is_empty(), "{} is empty", path.display());
            files += 1;
        }
    }
    assert!(files > 50, "{files} files");
}
