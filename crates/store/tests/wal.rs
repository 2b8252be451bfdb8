//! OP5: the write-ahead log stays short beside readers. SQLite only: a server keeps its own.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use common::{number, open, sql};
use futures::executor::block_on;
use store::native::Native;
use store::wal::{LONG_PAGES, bound};
use store::{Value, migrate};

const PAGE_BYTES: u64 = 4_096;
const LONG_BYTES: u64 = LONG_PAGES as u64 * PAGE_BYTES;

fn log_bytes(path: &Path) -> u64 {
    let name = format!("{}-wal", path.display());
    std::fs::metadata(name).map_or(0, |file| file.len())
}

/// A database, and a row that every write changes.
fn database(path: &Path) -> Native {
    let database = open(path);
    block_on(migrate::migrate(&database, 1)).unwrap();
    sql(&database, "CREATE TABLE t (a BLOB) STRICT", &[]);
    sql(&database, "INSERT INTO t VALUES (x'')", &[]);
    database
}

fn write(database: &Native, times: usize) {
    for time in 0..times {
        // Other bytes each time: SQLite writes no page that stays the same.
        let blob = Value::Blob(vec![time as u8; 200_000]);
        sql(database, "UPDATE t SET a = ?", &[blob]);
    }
}

#[test]
fn op5_a_log_that_a_reader_held_long_is_cut_when_it_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let (writer, reader, ticker) = (database(&path), open(&path), open(&path));
    sql(&reader, "BEGIN", &[]);
    number(&reader, "SELECT count(*) AS n FROM t");
    write(&writer, 120);
    assert!(log_bytes(&path) > LONG_BYTES, "the reader held nothing up");
    // Nobody is waited for longer than a moment.
    let bounded = block_on(bound(&ticker)).unwrap();
    assert!(bounded.pages > LONG_PAGES && !bounded.cut, "{bounded:?}");
    write(&writer, 1);
    sql(&reader, "COMMIT", &[]);
    assert!(block_on(bound(&ticker)).unwrap().cut);
    assert_eq!(log_bytes(&path), 0);
    // And it is let alone while it is short.
    write(&writer, 1);
    let bounded = block_on(bound(&ticker)).unwrap();
    assert!(bounded.pages < 100 && !bounded.cut, "{bounded:?}");
    assert_eq!(number(&reader, "SELECT length(a) AS n FROM t"), 200_000);
}

/// Two readers of which one is always there: each ends only when the other has begun anew.
fn relay(path: &Path, me: usize, begun: &[AtomicU64; 2], ended: &AtomicBool) {
    let reader = open(path);
    for round in 1.. {
        sql(&reader, "BEGIN", &[]);
        number(&reader, "SELECT count(*) AS n FROM t");
        begun[me].store(round, SeqCst);
        let wanted = round + me as u64;
        while begun[1 - me].load(SeqCst) < wanted && !ended.load(SeqCst) {
            std::thread::yield_now();
        }
        sql(&reader, "COMMIT", &[]);
        if ended.load(SeqCst) {
            return;
        }
    }
}

#[test]
fn op5_a_log_is_cut_beside_readers_that_always_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let (writer, holder, ticker) = (database(&path), open(&path), open(&path));
    sql(&holder, "BEGIN", &[]);
    number(&holder, "SELECT count(*) AS n FROM t");
    write(&writer, 120);
    assert!(log_bytes(&path) > LONG_BYTES);
    let (begun, ended) = (
        [AtomicU64::new(0), AtomicU64::new(0)],
        AtomicBool::new(false),
    );
    std::thread::scope(|scope| {
        for me in 0..2 {
            let (path, begun, ended) = (&path, &begun, &ended);
            scope.spawn(move || relay(path, me, begun, ended));
        }
        while begun[1].load(SeqCst) == 0 {
            std::thread::yield_now();
        }
        sql(&holder, "COMMIT", &[]);
        // A tick that comes too early is followed by another.
        let cut = (0..1_000).any(|_| {
            write(&writer, 1);
            block_on(bound(&ticker)).is_some_and(|bounded| bounded.cut)
        });
        let left = log_bytes(&path);
        ended.store(true, SeqCst);
        assert!(cut && left < LONG_BYTES, "{left} bytes");
    });
}

#[test]
fn op5_a_database_without_such_a_log_is_let_alone() {
    assert_eq!(block_on(bound(&Native::in_memory().unwrap())), None);
    let like_libsql = Native::in_memory().unwrap().like_libsql();
    assert_eq!(block_on(bound(&like_libsql)), None);
}
