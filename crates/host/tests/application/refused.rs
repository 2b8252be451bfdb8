//! Manifests and runtime configurations that are wrong: each message names the file, the key, and
//! what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use host::{Application, LoadError};

use crate::refused_cases::{ADDITIONS, CONFIGURATIONS, WHOLE};
use crate::support::options;

/// A component that could run.
const GOOD: &str =
    "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"a\"\n[component.a]\nsource = \"PROBE\"\n";

/// Loads an application that must be refused. Nothing may have been compiled for it.
async fn refusal(manifest: &str, config: Option<&str>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), GOOD);
    let probe = crate::guests::directory()
        .join("probe.wasm")
        .display()
        .to_string();
    std::fs::write(&options.manifest, manifest.replace("PROBE", &probe)).unwrap();
    if let Some(config) = config {
        let path = folder.path().join("runtime-config.toml");
        let text = config.replace("FOLDER", &folder.path().display().to_string());
        std::fs::write(&path, text).unwrap();
        options.runtime_config = Some(path);
    }
    let compiled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&compiled);
    options.progress = Some(Arc::new(move |progress| {
        if matches!(progress, host::Progress::Compiling { .. }) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let error: LoadError = Application::load(options)
        .await
        .err()
        .unwrap_or_else(|| panic!("not refused: {manifest}\n{}", config.unwrap_or_default()));
    assert_eq!(compiled.load(Ordering::Relaxed), 0, "{manifest}");
    error.to_string()
}

fn check(message: &str, file: &str, case: &str, words: [&str; 2]) {
    for word in [file, words[0], words[1]] {
        assert!(message.contains(word), "{case}\n→ {message}\nlacks {word}");
    }
    for word in ["Error(", "Some(", "panicked", "None"] {
        assert!(
            !message.contains(word),
            "{case}\n→ {message}\nis not for people"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_each_mistake_in_a_manifest_is_told_with_its_file_key_and_remedy() {
    let head = "spin_manifest_version = 2\n[application]\nname = \"test\"\n";
    for (addition, key, remedy) in ADDITIONS {
        let message = refusal(&format!("{head}{GOOD}{addition}\n"), None).await;
        check(&message, "spin.toml: ", addition, [key, remedy]);
    }
    for (manifest, key, remedy) in WHOLE {
        let message = refusal(manifest, None).await;
        check(&message, "spin.toml: ", manifest, [key, remedy]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_each_mistake_in_a_runtime_configuration_is_told_with_its_file_key_and_remedy() {
    let manifest = format!("spin_manifest_version = 2\n[application]\nname = \"test\"\n{GOOD}");
    for (config, key, remedy) in CONFIGURATIONS {
        let message = refusal(&manifest, Some(config)).await;
        check(&message, "runtime-config.toml: ", config, [key, remedy]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_files_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut gone = options(folder.path(), GOOD);
    gone.manifest = folder.path().join("gone/spin.toml");
    let message = Application::load(gone).await.err().unwrap().to_string();
    check(
        &message,
        "gone/spin.toml: ",
        "manifest",
        ["no application manifest", "name one"],
    );
    let mut gone = options(folder.path(), GOOD);
    gone.runtime_config = Some(folder.path().join("gone.toml"));
    let message = Application::load(gone).await.err().unwrap().to_string();
    check(
        &message,
        "gone.toml: ",
        "config",
        ["cannot be read", "name another file"],
    );
    let mut broken = options(folder.path(), GOOD);
    std::fs::create_dir_all(&broken.state_dir).unwrap();
    std::fs::write(broken.state_dir.join("sqlite_db.db"), "no database").unwrap();
    broken.runtime_config = None;
    let message = Application::load(broken).await.err().unwrap().to_string();
    check(
        &message,
        "state/sqlite_db.db: ",
        "state",
        ["cannot be used", "no SQLite database"],
    );
}
