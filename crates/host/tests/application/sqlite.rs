//! SQLite as guests see it. Each test is a list of steps and what each must say.

use serde_json::{Value, json};

use crate::support::{App, ONE};

pub fn open(name: &str) -> Value {
    json!({ "open": { "on": name, "label": "default" } })
}

pub fn run(name: &str, sql: &str) -> Value {
    json!({ "execute": { "on": name, "sql": sql } })
}

pub fn rows(columns: &[&str], rows: Value) -> Value {
    json!({ "columns": columns, "rows": rows })
}

pub fn done() -> Value {
    rows(&[], json!([]))
}

/// Runs the steps of one request and compares each result.
pub async fn transcript(app: &App, steps: &[(Value, Value)]) {
    let results = app
        .sql(steps.iter().map(|(step, _)| step.clone()).collect())
        .await;
    for (index, (step, expected)) in steps.iter().enumerate() {
        assert_eq!(&results[index], expected, "step {index}: {step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_values_of_every_type_come_back() {
    let app = App::new(ONE).await;
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (run("a", "CREATE TABLE t (x)"), done()),
            (
                json!({ "execute": { "on": "a", "sql": "INSERT INTO t VALUES (?), (?), (?), (?), (?)",
                    "parameters": [9_007_199_254_740_993_i64, 1.5, "text", [0, 255], null] } }),
                done(),
            ),
            (json!({ "changes": { "on": "a" } }), json!(5)),
            (json!({ "last_row": { "on": "a" } }), json!(5)),
            (
                run("a", "SELECT x, typeof(x) AS kind FROM t"),
                rows(
                    &["x", "kind"],
                    json!([
                        [9_007_199_254_740_993_i64, "integer"],
                        [{ "real": 1.5 }, "real"],
                        ["text", "text"],
                        [[0, 255], "blob"],
                        [null, "null"]
                    ]),
                ),
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_transaction_spans_statements_and_a_dropped_connection_rolls_back() {
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
            (run("a", "BEGIN IMMEDIATE"), done()),
            (run("a", "INSERT INTO t VALUES (1)"), done()),
            (run("a", "INSERT INTO t VALUES (2)"), done()),
            (open("b"), json!("open")),
            (
                run("b", "SELECT count(*) AS n FROM t"),
                rows(&["n"], json!([[0]])),
            ),
            (run("a", "COMMIT"), done()),
            (
                run("b", "SELECT count(*) AS n FROM t"),
                rows(&["n"], json!([[2]])),
            ),
            (run("a", "BEGIN IMMEDIATE"), done()),
            (run("a", "DELETE FROM t"), done()),
            (json!({ "drop": { "on": "a" } }), json!("dropped")),
            (run("b", "BEGIN IMMEDIATE"), done()),
            (
                run("b", "SELECT count(*) AS n FROM t"),
                rows(&["n"], json!([[2]])),
            ),
            (run("b", "ROLLBACK"), done()),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_errors_come_at_the_end_of_the_result() {
    let app = App::new(ONE).await;
    let error = |text: &str| json!({ "error": format!("Error::Io({text:?})") });
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (
                run("a", "SELEKT 1"),
                error("near \"SELEKT\": syntax error in SELEKT 1 at offset 0"),
            ),
            (
                run("a", "SELECT * FROM nowhere"),
                error("no such table: nowhere"),
            ),
            (run("a", "CREATE TABLE t (x UNIQUE)"), done()),
            (run("a", "INSERT INTO t VALUES (1)"), done()),
            (
                run("a", "INSERT INTO t VALUES (1)"),
                error("UNIQUE constraint failed: t.x"),
            ),
            // The authorizer of the host, as of Spin, keeps other files out of reach.
            (
                run("a", "ATTACH 'other.db' AS other"),
                error("not authorized"),
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_databases_need_a_grant() {
    let app = App::new("[[trigger.http]]\nroute = \"/...\"\ncomponent = \"probe\"\n[component.probe]\nsource = \"PROBE\"")
        .await;
    let results = app.sql(json!([open("a")])).await;
    assert_eq!(results[0], json!({ "error": "Error::AccessDenied" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_kept_connection_passes_for_a_new_one() {
    let app = App::new(ONE).await;
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (run("a", "CREATE TABLE t (x)"), done()),
            (run("a", "INSERT INTO t VALUES (1), (2), (3)"), done()),
            (run("a", "PRAGMA foreign_keys = OFF"), done()),
            (run("a", "CREATE TEMP TABLE secret (x)"), done()),
            (json!({ "drop": { "on": "a" } }), json!("dropped")),
            (open("a"), json!("open")),
            (run("a", "INSERT INTO t VALUES (4)"), done()),
            (run("a", "PRAGMA foreign_keys = OFF"), done()),
            (json!({ "drop": { "on": "a" } }), json!("dropped")),
        ],
    )
    .await;
    // Connections come back on another thread; the next request gets one of them.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (
                run("a", "PRAGMA foreign_keys"),
                rows(&["foreign_keys"], json!([[1]])),
            ),
            (
                run("a", "SELECT changes() AS n, last_insert_rowid() AS id"),
                rows(&["n", "id"], json!([[0, 0]])),
            ),
            (json!({ "changes": { "on": "a" } }), json!(0)),
            (json!({ "last_row": { "on": "a" } }), json!(0)),
            (
                run("a", "SELECT count(*) AS n FROM temp.sqlite_master"),
                rows(&["n"], json!([[0]])),
            ),
            (run("a", "UPDATE t SET x = x WHERE x > 1"), done()),
            (
                run("a", "SELECT changes() AS n"),
                rows(&["n"], json!([[3]])),
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_large_results_arrive_whole() {
    let app = App::new(ONE).await;
    for count in [0_u64, 1, 63, 64, 65, 1000, 20_000] {
        // The query of the guest counts from 1, so that it has at least one row.
        let expected = count.max(1);
        assert_eq!(
            app.get(&format!("/many/{count}")).await.text(),
            format!("{expected} {}", expected * (expected + 1) / 2)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_databases_in_memory_are_separate_and_files_are_shared() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("runtime-config.toml");
    std::fs::write(&config, "[sqlite_database.scratch]\ntype = \"spin\"\n").unwrap();
    let manifest = ONE.replace(
        "sqlite_databases = [\"default\"]",
        "sqlite_databases = [\"default\", \"scratch\"]",
    );
    let app = App::within(folder, &manifest, |options| {
        options.runtime_config = Some(config)
    })
    .await
    .unwrap();
    let scratch = |name: &str| json!({ "open": { "on": name, "label": "scratch" } });
    transcript(
        &app,
        &[
            (scratch("a"), json!("open")),
            (run("a", "CREATE TABLE t (x)"), done()),
            (scratch("b"), json!("open")),
            (
                run("b", "SELECT count(*) AS n FROM sqlite_master"),
                rows(&["n"], json!([[0]])),
            ),
            (open("c"), json!("open")),
            (run("c", "CREATE TABLE t (x)"), done()),
            (open("d"), json!("open")),
            (
                run("d", "SELECT count(*) AS n FROM t"),
                rows(&["n"], json!([[0]])),
            ),
        ],
    )
    .await;
    assert!(app.folder.path().join("state/sqlite_db.db").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_statements_given_at_the_start_have_run() {
    let app = App::with(ONE, |options| {
        options.sqlite_statements = vec!["CREATE TABLE t (x); INSERT INTO t VALUES (7)".into()];
    })
    .await;
    transcript(
        &app,
        &[
            (open("a"), json!("open")),
            (run("a", "SELECT x FROM t"), rows(&["x"], json!([[7]]))),
        ],
    )
    .await;
}
