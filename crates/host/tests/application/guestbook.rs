//! A small application of another kind, as somebody else would write it, runs on the host.

use std::path::Path;

use crate::guests;
use crate::serving::Served;
use crate::support::{App, soon};
use host::{Application, Options};

/// The guestbook's folder with the built components in it.
fn installed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/guestbook");
    for file in [
        "spin.toml",
        "notes.txt",
        "web/index.html",
        "web/style/book.css",
        "web/drafts/next.html",
    ] {
        let to = folder.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(source.join(file), to).unwrap();
    }
    for component in ["pages", "entries", "polish", "keeper"] {
        let file = format!("{component}.wasm");
        std::fs::copy(guests::directory().join(&file), folder.path().join(&file)).unwrap();
    }
    let config = std::fs::read_to_string(source.join("runtime-config.toml")).unwrap();
    let config = config.replace(
        "GUESTBOOK",
        &folder.path().join("data").display().to_string(),
    );
    std::fs::write(folder.path().join("runtime-config.toml"), config).unwrap();
    folder
}

async fn open(folder: tempfile::TempDir) -> Served {
    let mut options = Options::new(folder.path().join("spin.toml"), folder.path().join("state"));
    options.runtime_config = Some(folder.path().join("runtime-config.toml"));
    options.cache_dir = Some(guests::compiled());
    options.limits.instances = 64;
    options.variables = vec![("owner_key".into(), "quill".into())];
    let application = Application::load(options)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    Served::of(App {
        application,
        folder,
    })
    .await
}

async fn ask(served: &Served, method: &str, path: &str, more: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let answer = served
        .ask(&format!(
            "{method} {path} HTTP/1.1\r\nhost: book\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}"
        ))
        .await;
    let status = answer[9..12].parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_guestbook_runs_on_the_host() {
    let served = open(installed()).await;
    let get = async |path: &str| ask(&served, "GET", path, "", "").await;

    // Files: patterns, a single file elsewhere, and what is left out.
    let (status, page) = get("/").await;
    assert!(status == 200 && page.contains("Leave a line."), "{page}");
    assert!(get("/style/book.css").await.1.contains("teal"));
    assert!(get("/about").await.1.contains("Paper"));
    assert_eq!(get("/drafts/next.html").await.0, 404);
    assert_eq!(get("/../spin.toml").await.0, 404);

    // Lines: tidied by a private component, kept in SQLite, bounded by a variable.
    let post = async |line: &str| ask(&served, "POST", "/api/entries", "", line).await;
    assert_eq!(post("  It   was\tlovely ").await.0, 201);
    assert_eq!(post("Again!").await.0, 201);
    assert_eq!(post(&"long ".repeat(20)).await.0, 422);
    assert_eq!(get("/polish").await.0, 404);
    let (_, lines) = get("/api/entries/all").await;
    assert!(
        lines.contains(r#"[[1,"It was lovely"],[2,"Again!"]]"#),
        "{lines}"
    );

    // Visits: two stores, one of them in a file of its own.
    let (_, visits) = get("/visits").await;
    for words in [r#""title":"Guestbook""#, r#""all":"3""#, r#""/about":"1""#] {
        assert!(visits.contains(words), "{visits} lacks {words}");
    }

    // The clock: the first version of the cron trigger's world.
    let cron = served.app.application.start_cron(served.stop.clone());
    let data = served.app.folder.path().join("data");
    let counted = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let book = rusqlite::Connection::open(data.join("book.db")).unwrap();
            let lines = book.query_row("SELECT lines FROM counts", [], |row| row.get::<_, i64>(0));
            if let Ok(lines) = lines {
                return lines;
            }
        }
    };
    assert_eq!(soon("the keeper counts", counted).await, 2);

    // The owner's key is a required variable.
    let tear = async |key: &str| {
        let header = format!("x-owner-key: {key}\r\n");
        ask(&served, "DELETE", "/api/entries", &header, "").await.0
    };
    assert_eq!(tear("crayon").await, 403);
    assert_eq!(tear("quill").await, 204);
    assert!(get("/api/entries").await.1.contains("[]"));

    served.stop.cancel();
    cron.await.unwrap();
    served.serving.await.unwrap().unwrap();
    let log = served
        .app
        .folder
        .path()
        .join("state/logs/keeper_stdout.txt");
    assert!(
        std::fs::read_to_string(log)
            .unwrap()
            .starts_with("kept 1\n")
    );
    assert!(data.join("visits.db").is_file());

    // A second start finds what the first has left.
    let App {
        application,
        folder,
    } = served.app;
    drop(application);
    let again = open(folder).await;
    let (_, visits) = ask(&again, "GET", "/visits", "", "").await;
    assert!(visits.contains(r#""/style/book.css":"1""#), "{visits}");
}
