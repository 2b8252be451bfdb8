//! Key-value stores.

use ::http::Method;
use serde_json::{Value, json};

use crate::support::{App, ONE};

async fn run(app: &App, steps: Value) -> Value {
    app.send(Method::POST, "/kv", steps.to_string())
        .await
        .json()
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_keys_are_written_read_listed_and_deleted() {
    let app = App::new(ONE).await;
    let results = run(
        &app,
        json!([
            { "open": "default" }, { "get": "a" }, { "set": ["a", "1"] }, { "set": ["b", "2"] },
            { "set": ["a", "3"] }, { "get": "a" }, { "exists": "b" }, "keys", { "delete": "a" },
            { "delete": "a" }, { "exists": "a" }, "keys"
        ]),
    )
    .await;
    let expected = json!([
        "open",
        null,
        "set",
        "set",
        "set",
        "3",
        true,
        ["a", "b"],
        "deleted",
        "deleted",
        false,
        ["b"]
    ]);
    assert_eq!(results, expected);
    assert_eq!(
        run(&app, json!([{ "open": "default" }, { "get": "b" }])).await,
        json!(["open", "2"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_stores_need_a_grant() {
    let app = App::new(ONE).await;
    let results = run(&app, json!([{ "open": "other" }])).await;
    assert_eq!(results, json!([{ "error": "Error::AccessDenied" }]));
}
