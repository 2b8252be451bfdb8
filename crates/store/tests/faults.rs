//! RL2: a full disk and a lock that somebody else holds. Nothing is lost, both are told apart, and
//! everything goes on afterwards.

mod common;

use common::{assert_nothing_open, database, number, open, sql};
use futures::executor::block_on;
use store::{StoreError, assets, begin, migrate};

/// The stand-in for a full disk: a file that may not grow.
#[test]
fn rl2_a_full_disk_is_told_and_everything_goes_on_after_space_is_freed() {
    let database = database();
    let chunk = |part: i64| {
        let bytes = vec![7; assets::CHUNK_BYTES];
        block_on(assets::insert_chunk(&database, "upload:t_1:x", part, bytes))
    };
    sql(&database, "PRAGMA max_page_count = 400", &[]);
    let written = (0..).take_while(|part| chunk(*part).is_ok()).count() as i64;
    assert!((1..10).contains(&written), "{written} chunks");
    let error = chunk(99).unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    // In a transaction too: all of it is gone, also what had found its place.
    let transaction = block_on(begin(&database)).unwrap();
    sql(&transaction, "INSERT INTO ticks VALUES ('x', 1)", &[]);
    let bytes = vec![7; assets::CHUNK_BYTES];
    let outcome = block_on(assets::insert_chunk(&transaction, "b", 0, bytes));
    block_on(store::or_rollback(&database, outcome)).unwrap_err();
    assert_eq!(number(&database, "SELECT count(*) AS n FROM ticks"), 0);
    assert_nothing_open(&database);
    // What was there is there, and space that is freed is used.
    let count = "SELECT count(*) AS n FROM asset_chunks";
    assert_eq!(number(&database, count), written);
    block_on(assets::delete_abandoned(&database)).unwrap();
    assert_eq!(number(&database, count), 0);
    chunk(0).unwrap();
}

#[test]
fn rl2_a_lock_of_another_process_is_told_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let (ours, theirs) = (open(&path), open(&path));
    block_on(migrate::migrate(&ours, 1)).unwrap();
    // How long is waited is the host's; here it is not waited at all.
    sql(&ours, "PRAGMA busy_timeout = 0", &[]);
    let transaction = block_on(begin(&theirs)).unwrap();
    sql(&transaction, "INSERT INTO ticks VALUES ('theirs', 1)", &[]);
    for error in [
        block_on(begin(&ours)).err().unwrap(),
        block_on(store::ticks::record(&ours, 5)).unwrap_err(),
        block_on(store::projects::delete(&ours, "p1")).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Locked(_)), "{error}");
    }
    // Reading goes on.
    assert_eq!(block_on(store::ticks::last_at_ms(&ours)).unwrap(), None);
    block_on(transaction.commit()).unwrap();
    block_on(store::ticks::record(&ours, 5)).unwrap();
    assert_eq!(number(&ours, "SELECT count(*) AS n FROM ticks"), 2);
}
