//! What the tests of the store share. The same files run twice: as they are over SQLite, and in
//! `on_libsql.rs` over the stand-in with libSQL's limits.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;

use futures::executor::block_on;
use store::native::Native;
use store::{Database, Rows, Value, migrate};

pub const ON_LIBSQL: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"on_libsql");

fn of_this_run(native: Native) -> Native {
    if ON_LIBSQL {
        native.like_libsql()
    } else {
        native
    }
}

pub fn empty() -> Native {
    of_this_run(Native::in_memory().unwrap())
}

pub fn open(path: &Path) -> Native {
    of_this_run(Native::open(path).unwrap())
}

pub fn database() -> Native {
    let native = empty();
    block_on(migrate::migrate(&native, 1)).unwrap();
    native
}

pub fn sql(database: &impl Database, statement: &str, parameters: &[Value]) -> Rows {
    block_on(database.query(statement, parameters)).unwrap()
}

pub fn number(database: &impl Database, statement: &str) -> i64 {
    let row = sql(database, statement, &[]).first().unwrap();
    row.integer("n").unwrap()
}

/// Nothing is open on the connection: a transaction can begin.
pub fn assert_nothing_open(database: &impl Database) {
    sql(database, "BEGIN IMMEDIATE", &[]);
    sql(database, "ROLLBACK", &[]);
}
