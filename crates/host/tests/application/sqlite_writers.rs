//! Several writers of one database.

use serde_json::json;

use crate::sqlite::{done, open, rows, run, transcript};
use crate::support::{App, ONE};

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_trap_rolls_back_and_lets_the_next_writer_in() {
    let app = App::new(ONE).await;
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (run("a", "CREATE TABLE t (x)"), done()),
        ],
    )
    .await;
    let steps = json!([
        open("a"),
        run("a", "BEGIN IMMEDIATE"),
        run("a", "INSERT INTO t VALUES (1)"),
        "trap"
    ]);
    let answer = app
        .send(::http::Method::POST, "/sql", steps.to_string())
        .await;
    assert_eq!(answer.status, 500);
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (run("a", "INSERT INTO t VALUES (2)"), done()),
            (run("a", "SELECT x FROM t"), rows(&["x"], json!([[2]]))),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_held_write_lock_is_an_error_after_five_seconds() {
    let app = App::new(ONE).await;
    let started = std::time::Instant::now();
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (open("b"), json!("open")),
            (run("a", "CREATE TABLE t (x)"), done()),
            (run("a", "BEGIN IMMEDIATE"), done()),
            (
                run("b", "BEGIN IMMEDIATE"),
                json!({ "error": "Error::Io(\"database is locked\")" }),
            ),
            (run("a", "COMMIT"), done()),
            (run("b", "INSERT INTO t VALUES (1)"), done()),
        ],
    )
    .await;
    let waited = started.elapsed().as_secs_f32();
    assert!(waited > 4.5, "{waited}");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_many_writers_each_get_their_turn() {
    let app = App::new(ONE).await;
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (
                run("a", "PRAGMA journal_mode = WAL"),
                rows(&["journal_mode"], json!([["wal"]])),
            ),
            (run("a", "CREATE TABLE t (x)"), done()),
        ],
    )
    .await;
    let write = async || {
        let steps = json!([
            open("a"),
            run("a", "BEGIN IMMEDIATE"),
            run("a", "INSERT INTO t SELECT count(*) FROM t"),
            run("a", "COMMIT"),
        ]);
        let results = app.sql(steps).await;
        assert_eq!(results[3], done(), "{results}");
    };
    futures::future::join_all((0..40).map(|_| write())).await;
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (
                run(
                    "a",
                    "SELECT count(*) AS n, count(DISTINCT x) AS d, max(x) AS m FROM t",
                ),
                rows(&["n", "d", "m"], json!([[40, 40, 39]])),
            ),
        ],
    )
    .await;
}
