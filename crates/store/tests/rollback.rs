//! RL2: whoever holds a transaction leaves nothing half-written and nothing open, wherever a
//! statement fails.

mod common;

use common::{assert_nothing_open, database, number, sql};
use futures::executor::block_on;
use store::faulty::{Failed, Fault, Faulty};
use store::native::Native;
use store::projects::{self, ProjectRow};
use store::rooms::{self, Append, NewEntry};
use store::{StoreError, assets, begin, or_rollback};

/// A project with a row in every table.
fn project(database: &Native) {
    let row = ProjectRow {
        id: "p1".into(),
        tenant: "default".into(),
        name: "one".into(),
        created_by: "alice".into(),
        created_at_ms: 5,
    };
    assert!(block_on(projects::insert(database, &row)).unwrap());
    let entry = NewEntry {
        bytes: vec![1; rooms::PART_BYTES + 1],
        actor: "alice".into(),
    };
    let append = Append {
        room: "p1",
        epoch: 5,
        head_seq: 0,
        entries: &[entry],
    };
    let transaction = block_on(begin(database)).unwrap();
    let conflicts = block_on(rooms::append(&transaction, &[append], 1)).unwrap();
    assert!(conflicts.is_empty());
    assert!(
        block_on(rooms::store_snapshot(
            &transaction,
            "p1",
            1,
            0,
            b"snapshot",
            0
        ))
        .unwrap()
    );
    block_on(transaction.commit()).unwrap();
    let id = "a".repeat(64);
    block_on(assets::insert_chunk(database, &id, 0, vec![1])).unwrap();
    let asset = assets::AssetRow {
        project_id: "p1".into(),
        id,
        media_type: "image/png".into(),
        size: 1,
        created_by: "alice".into(),
        created_at_ms: 5,
    };
    block_on(assets::insert(database, &asset)).unwrap();
    sql(
        database,
        "INSERT INTO tasks (id, project_id, tenant, kind, state, next_action_at_ms, created_by, created_at_ms)
         VALUES ('t_1', 'p1', 'default', 'image_gen', 'WAITING', 1, 'alice', 1)",
        &[],
    );
}

#[test]
fn rl2_a_project_is_removed_whole_or_not_at_all() {
    for fault in [Fault::Refused, Fault::Unheard] {
        let mut tried = 0;
        for at in 0.. {
            let database = database();
            project(&database);
            let before = database.dump().unwrap();
            let faulty = Faulty::new(&database, at, fault);
            let outcome = block_on(projects::delete(&faulty, "p1"));
            assert_nothing_open(&database);
            let Some(failed) = faulty.failed() else {
                assert!(outcome.unwrap());
                break;
            };
            tried += 1;
            outcome.unwrap_err();
            if (fault, failed) == (Fault::Unheard, Failed::Commit) {
                assert!(!block_on(projects::delete(&database, "p1")).unwrap());
            } else {
                assert!(database.dump().unwrap() == before, "{fault:?} at {at}");
                assert!(block_on(projects::delete(&database, "p1")).unwrap());
            }
            for table in [
                "projects",
                "rooms",
                "room_updates",
                "room_update_parts",
                "tasks",
            ] {
                let left = number(&database, &format!("SELECT count(*) AS n FROM {table}"));
                assert_eq!(left, 0, "{table}");
            }
        }
        assert!(tried >= 9, "{tried} statements");
    }
}

#[test]
fn rl2_a_commit_that_fails_leaves_nothing_open() {
    let database = database();
    let before = database.dump().unwrap();
    let faulty = Faulty::new(&database, 2, Fault::Refused);
    let transaction = block_on(begin(&faulty)).unwrap();
    sql(
        &transaction,
        "INSERT INTO ticks VALUES ('application', 1)",
        &[],
    );
    block_on(transaction.commit()).unwrap_err();
    assert_eq!(faulty.failed(), Some(Failed::Commit));
    assert!(database.dump().unwrap() == before);
    assert_nothing_open(&database);
}

#[test]
fn rl2_an_early_exit_tells_its_own_error() {
    let database = database();
    let wrong = || StoreError::Shape("mine".into());
    // With a transaction open, and where SQLite itself has ended it already.
    for begun in [true, false] {
        if begun {
            sql(&database, "BEGIN IMMEDIATE", &[]);
        }
        let outcome: Result<(), _> = block_on(or_rollback(&database, Err(wrong())));
        assert_eq!(outcome.unwrap_err().to_string(), wrong().to_string());
        assert_nothing_open(&database);
    }
}

#[test]
fn rl2_a_connection_that_is_dropped_rolls_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let database = common::open(&path);
    block_on(store::migrate::migrate(&database, 1)).unwrap();
    let other = common::open(&path);
    let trapped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let transaction = block_on(begin(&database)).unwrap();
        sql(&transaction, "INSERT INTO ticks VALUES ('x', 1)", &[]);
        panic!("a trap");
    }));
    assert!(trapped.is_err());
    assert_eq!(number(&other, "SELECT count(*) AS n FROM ticks"), 0);
    assert_nothing_open(&other);
}
