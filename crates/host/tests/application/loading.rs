//! What a component is given, and applications that cannot be loaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{App, ONE};

#[tokio::test(flavor = "multi_thread")]
async fn op6_variables_environment_and_files_reach_the_component() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("web/css")).unwrap();
    std::fs::write(folder.path().join("web/index.html"), "index").unwrap();
    std::fs::write(folder.path().join("web/css/a.css"), "css").unwrap();
    let manifest = format!(
        r#"
        [variables]
        secret = {{ required = true, secret = true }}
        level = {{ default = "info" }}
        {ONE}
        environment = {{ PLACE = "manifest", OTHER = "kept" }}
        files = [{{ source = "web", destination = "/web" }}]
        [component.probe.variables]
        token = "<{{{{ secret }}}}>"
        level = "{{{{ level }}}}"
        "#
    );
    let app = App::within(folder, &manifest, |options| {
        options.variables = vec![("secret".into(), "s3cret".into())];
        options.env = vec![("PLACE".into(), "option".into())];
    })
    .await
    .unwrap();
    let cases = [
        ("/variable/token", "<s3cret>"),
        ("/variable/level", "info"),
        (
            "/variable/unknown",
            "Error::Undefined(\"the manifest gives this component no variable \\\"unknown\\\"\")",
        ),
        ("/env/PLACE", "option"),
        ("/env/OTHER", "kept"),
        ("/file/web/index.html", "index"),
        ("/file/web/css/a.css", "css"),
    ];
    for (path, expected) in cases {
        assert_eq!(app.get(path).await.text(), expected, "{path}");
    }
    assert_eq!(app.get("/write/web/new").await.status, 400);
    assert!(!app.folder.path().join("web/new").exists());
    assert_eq!(app.get("/file/etc/passwd").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn op6_a_required_variable_without_a_value_is_an_error_to_the_guest() {
    let manifest = format!(
        "[variables]\nsecret = {{ required = true }}\n{ONE}\n[component.probe.variables]\ntoken = \"{{{{ secret }}}}\""
    );
    let app = App::new(&manifest).await;
    assert!(app.get("/variable/token").await.text().contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_what_cannot_be_loaded_is_said_with_its_remedy() {
    let head = "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"probe\"\n[component.probe]\n";
    let cases = [
        (format!("{head}source = \"missing.wasm\"\n[component.probe.build]\ncommand = \"make it\""), "build it with: make it"),
        (format!("{head}source = \"spin.toml\""), "it is not WebAssembly"),
        (format!("{head}source = \"PROBE\"\nsqlite_databases = [\"other\"]"), "[sqlite_database.other]"),
        (format!("{head}source = \"PROBE\"\nkey_value_stores = [\"other\"]"), "[key_value_store.other]"),
        (format!("{head}source = \"PROBE\"\nallowed_outbound_hosts = [\"example.com\"]"), "<scheme>://<host>"),
        (format!("{head}source = \"TICKER\""), "wasi:http/handler@0.3.0"),
        ("[[trigger.cron]]\ncomponent = \"probe\"\ncron_expression = \"* * * * * *\"\n[component.probe]\nsource = \"PROBE\"".into(), "wasi:"),
        ("[[trigger.cron]]\ncomponent = \"legacy\"\ncron_expression = \"* * * * * *\"\n[component.legacy]\nsource = \"LEGACY\"".into(), "handle-cron-event"),
        ("[[trigger.cron]]\ncomponent = \"t\"\ncron_expression = \"often\"\n[component.t]\nsource = \"TICKER\"".into(), "cron_expression"),
    ];
    for (manifest, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let error = App::within(folder, &manifest, |_| {})
            .await
            .err()
            .expect(words)
            .to_string();
        assert!(error.contains(words), "{error}\nlacks {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_second_start_compiles_nothing_and_a_broken_entry_is_made_again() {
    let cache = tempfile::tempdir().unwrap();
    let directory = cache.path().join("compiled");
    // How many components were compiled for a start.
    let load = async || {
        let compiled = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&compiled);
        let app = App::with(ONE, |options| {
            options.cache_dir = Some(directory.clone());
            options.progress = Some(Arc::new(move |progress| {
                if matches!(progress, host::Progress::Compiling { .. }) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }));
        })
        .await;
        assert_eq!(app.get("/health").await.text(), "ok");
        compiled.load(Ordering::Relaxed)
    };
    assert_eq!(load().await, 1);
    assert_eq!(load().await, 0);
    let entry = std::fs::read_dir(&directory)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    // Removed first: the old file may still be mapped.
    std::fs::remove_file(&entry).unwrap();
    std::fs::write(&entry, "broken").unwrap();
    assert_eq!(load().await, 1);
    assert!(std::fs::metadata(&entry).unwrap().len() > 100_000);
}
