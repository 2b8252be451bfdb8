//! SQLite: labels and files, large values, results that nobody reads, locks of others.

use ::http::Method;
use serde_json::{Value, json};

use crate::sqlite::{done, open, rows, run};
use crate::support::{App, ONE, soon};

const TWO: &str = r#"
[[trigger.http]]
route = "/a/..."
component = "a"
[[trigger.http]]
route = "/b/..."
component = "b"
[component.a]
source = "PROBE"
sqlite_databases = ["default", "own"]
[component.b]
source = "PROBE"
sqlite_databases = ["default", "same"]
"#;

async fn sql(app: &App, path: &str, steps: Value) -> Value {
    app.send(Method::POST, path, steps.to_string()).await.json()
}

fn open_label(name: &str, label: &str) -> Value {
    json!({ "open": { "on": name, "label": label } })
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_label_is_one_file_for_all_components_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("runtime-config.toml");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let text = format!(
        "[sqlite_database.own]\ntype = \"spin\"\npath = \"{0}\"\n[sqlite_database.same]\ntype = \"spin\"\npath = \"{0}\"\n",
        place("deep/own.db")
    );
    std::fs::write(&config, text).unwrap();
    let app = App::within(folder, TWO, |options| options.runtime_config = Some(config))
        .await
        .unwrap();
    let steps = json!([
        open_label("d", "default"),
        run("d", "CREATE TABLE t (x)"),
        run("d", "INSERT INTO t VALUES ('default')"),
        open_label("o", "own"),
        run("o", "CREATE TABLE t (x)"),
        run("o", "INSERT INTO t VALUES ('own')"),
    ]);
    let results = sql(&app, "/a/sql", steps).await;
    assert_eq!(results[5], done(), "{results}");
    let steps = json!([
        open_label("d", "default"),
        run("d", "SELECT x FROM t"),
        open_label("s", "same"),
        run("s", "SELECT x FROM t"),
        open_label("o", "own"),
    ]);
    let results = sql(&app, "/b/sql", steps).await;
    assert_eq!(results[1], rows(&["x"], json!([["default"]])));
    // Two labels may name one file.
    assert_eq!(results[3], rows(&["x"], json!([["own"]])));
    // A label that is configured still needs a grant.
    assert_eq!(results[4], json!({ "error": "Error::AccessDenied" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_each_open_is_a_connection_of_its_own() {
    let app = App::new(ONE).await;
    let steps = json!([
        open("a"),
        open("b"),
        run("a", "CREATE TABLE t (x)"),
        run("a", "CREATE TEMP TABLE mine (x)"),
        run("a", "INSERT INTO t VALUES (1), (2)"),
        run("b", "SELECT count(*) AS n FROM temp.sqlite_master"),
        { "changes": { "on": "a" } },
        { "changes": { "on": "b" } },
        { "last_row": { "on": "b" } },
        run("a", "BEGIN"),
        run("b", "ROLLBACK"),
    ]);
    let results = app.sql(steps).await;
    assert_eq!(results[5], rows(&["n"], json!([[0]])));
    assert_eq!(
        (&results[6], &results[7], &results[8]),
        (&json!(2), &json!(0), &json!(0))
    );
    assert!(
        results[10].to_string().contains("no transaction is active"),
        "{}",
        results[10]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_hundred_megabytes_are_one_value() {
    let app = App::new(ONE).await;
    let answer = soon("a large value", app.get("/blob/104857600")).await;
    assert_eq!(answer.text(), "104857600 true");
    // Beyond Spin's bound for what a result may hold.
    let steps = json!([open("a"), run("a", "SELECT zeroblob(140000000) AS x")]);
    let refused = app.sql(steps).await[1].to_string();
    assert!(
        refused.contains("exceeds limit of 134217728 bytes"),
        "{refused}"
    );
    assert_eq!(app.get("/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_rows_come_as_they_are_read_and_may_be_left() {
    let app = App::new(ONE).await;
    // So many rows that reading all of them first would take minutes.
    let answer = soon("the first row", app.get("/abandon/100000000000")).await;
    assert_eq!(answer.text(), "Some(1) Some(7)");
    assert_eq!(app.get("/many/10").await.text(), "10 55");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_lock_of_another_process_is_an_error_after_five_seconds() {
    let app = App::new(ONE).await;
    app.sql(json!([open("a"), run("a", "CREATE TABLE t (x)")]))
        .await;
    let file = app.folder.path().join("state/sqlite_db.db");
    let other = rusqlite::Connection::open(file).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let locked = json!({ "error": "Error::Io(\"database is locked\")" });
    let started = std::time::Instant::now();
    let steps = json!([open("a"), run("a", "BEGIN IMMEDIATE"), open("b")]);
    let results = soon("an answer", app.sql(steps)).await;
    assert_eq!(results[1], locked);
    assert!(
        started.elapsed().as_secs_f32() > 4.5,
        "{:?}",
        started.elapsed()
    );
    other.execute_batch("ROLLBACK").unwrap();
    let steps = json!([open("a"), run("a", "INSERT INTO t VALUES (1)")]);
    assert_eq!(app.sql(steps).await[1], done());
}

/// Spin runs the first statement and says nothing of the rest.
#[tokio::test(flavor = "multi_thread")]
async fn op2_a_text_of_two_statements_is_an_error_and_not_half_done() {
    let app = App::new(ONE).await;
    let steps = json!([
        open("a"),
        run("a", "CREATE TABLE t (x); CREATE TABLE u (x)"),
        run("a", "SELECT name FROM sqlite_master"),
        run("a", "SELECT 1 AS n; -- nothing more"),
    ]);
    let results = app.sql(steps).await;
    assert_eq!(
        results[1],
        json!({ "error": "Error::Io(\"Multiple statements provided\")" })
    );
    assert_eq!(results[2], rows(&["name"], json!([])));
    assert_eq!(results[3], rows(&["n"], json!([[1]])));
}
