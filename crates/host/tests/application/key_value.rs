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

#[tokio::test(flavor = "multi_thread")]
async fn op2_labels_are_stores_of_their_own_even_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("runtime-config.toml");
    let file = folder.path().join("stores.db").display().to_string();
    let text: String = ["one", "two"]
        .map(|label| format!("[key_value_store.{label}]\ntype = \"spin\"\npath = \"{file}\"\n"))
        .concat();
    std::fs::write(&config, text).unwrap();
    let manifest = ONE.replace(
        "key_value_stores = [\"default\"]",
        "key_value_stores = [\"default\", \"one\", \"two\"]",
    );
    let app = App::within(folder, &manifest, |options| {
        options.runtime_config = Some(config)
    })
    .await
    .unwrap();
    let results = run(
        &app,
        json!([
            { "open": "one" }, { "set": ["a", "1"] },
            { "open": "two" }, { "get": "a" }, { "set": ["a", "2"] },
            { "open": "default" }, "keys",
            { "open": "one" }, { "get": "a" }
        ]),
    )
    .await;
    let expected = json!(["open", "set", "open", null, "set", "open", [], "open", "1"]);
    assert_eq!(results, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_values_are_bytes_of_any_length_and_keys_any_text() {
    let app = App::new(ONE).await;
    let results = run(
        &app,
        json!([
            { "open": "default" }, { "fill": ["big", 20_000_000] }, { "length": "big" },
            { "fill": ["", 0] }, { "length": "" }, { "exists": "" },
            { "set": ["ключ /?&\u{0}", "значение"] }, { "get": "ключ /?&\u{0}" }
        ]),
    )
    .await;
    let expected = json!([
        "open",
        "filled",
        20_000_000,
        "filled",
        0,
        true,
        "set",
        "значение"
    ]);
    assert_eq!(results, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_an_instance_holds_so_many_stores_and_gives_them_back() {
    let app = App::new(ONE).await;
    for _ in 0..2 {
        let results = run(&app, json!([{ "open_many": 300 }])).await;
        assert_eq!(results, json!([[256, "Error::StoreTableFull"]]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_what_was_set_is_there_after_a_restart() {
    let app = App::new(ONE).await;
    run(&app, json!([{ "open": "default" }, { "set": ["a", "1"] }])).await;
    let App {
        application,
        folder,
    } = app;
    drop(application);
    let app = App::within(folder, ONE, |_| {}).await.unwrap();
    let results = run(&app, json!([{ "open": "default" }, { "get": "a" }])).await;
    assert_eq!(results, json!(["open", "1"]));
}
