//! `clash doctor`: each common fault is made, and its sentence and remedy are read.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use store::Database;
use store::native::Native;
use support::{Ended, clash, run, state_dir};

/// A directory as a stack leaves one: what is built, a secret, a database.
struct Place {
    directory: tempfile::TempDir,
    database: Native,
}

impl Place {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        state_dir(path);
        make_private(&path.join(".clash/secret"));
        std::fs::write(
            path.join("spin.toml"),
            "[component.a]\nsource = \"a.wasm\"\n",
        )
        .expect("written");
        std::fs::write(path.join("a.wasm"), "").expect("written");
        let database = Native::open(&path.join(".clash/sqlite_db.db")).expect("opened");
        store::migrate::migrate(&database, 1)
            .await
            .expect("migrated");
        Self {
            directory,
            database,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    async fn sql(&self, statement: &str) {
        self.database.query(statement, &[]).await.expect("run");
    }

    fn doctor(&self, more: &[&str]) -> Ended {
        let args = ["doctor", "--listen", "127.0.0.1:0"];
        run(self.path(), args.iter().chain(more))
    }

    /// Says that a stack serves there.
    fn serves_at(&self, address: SocketAddr) {
        let url = format!("http://{address}\n");
        std::fs::write(self.path().join(".clash/address"), url).expect("written");
    }
}

#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("set");
}

#[cfg(not(unix))]
fn make_private(_path: &Path) {}

const HEALTH: &str = r#"{"status":"ok","version":"0.1.0","components":{"gateway":{"state":"ok"},
    "scheduler":{"state":"ok","last_tick_age_ms":900}},"database":{"state":"ok","schema":1}}"#;
const SERVERS: &str = r#"{"servers":[{"name":"gpu","state":"ONLINE"}]}"#;

/// What a stack would answer, with a Date that is off by some seconds.
fn stack(health: &str, servers: &str, skew_s: i64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (health, servers) = (health.to_owned(), servers.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("read") == 1 {
                request.push(byte[0]);
            }
            let is_health = request.starts_with(b"GET /api/health ");
            let body = if is_health { &health } else { &servers };
            let now = std::time::SystemTime::now();
            let date = match u64::try_from(skew_s) {
                Ok(ahead) => now + std::time::Duration::from_secs(ahead),
                Err(_) => now - std::time::Duration::from_secs(skew_s.unsigned_abs()),
            };
            let date = httpdate::fmt_http_date(date);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: {date}\r\n\
                 content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}

#[tokio::test]
async fn op2_doctor_finds_nothing_wrong_with_a_stack_that_is_well() {
    let place = Place::new().await;
    place.serves_at(stack(HEALTH, SERVERS, 0));
    place.doctor(&[]).expect(
        0,
        &[
            "✓ database         .clash/sqlite_db.db is sound",
            "✓ health",
            "✓ scheduler        ticked 0.9 s ago",
            "✓ clock            the stack's and this machine's agree",
            "✓ providers        1 at work: gpu",
            "✓ open files",
        ],
    );
}

#[tokio::test]
async fn op2_doctor_reads_what_is_wrong_with_a_stack() {
    let place = Place::new().await;
    let late = HEALTH.replace("900", "3600000");
    let offline = r#"{"servers":[{"name":"gpu","state":"OFFLINE","last_error":"refused"}]}"#;
    for (health, servers, skew_s, words) in [
        (
            HEALTH,
            r#"{"servers":[]}"#,
            0,
            [
                "✗ providers        no provider is registered",
                "→ clash atelier --register",
            ],
        ),
        (
            HEALTH,
            offline,
            0,
            [
                "none of 1 answers; gpu: refused",
                "→ start the provider again",
            ],
        ),
        (
            late.as_str(),
            SERVERS,
            0,
            [
                "✗ scheduler        has not ticked for 3600 s",
                "clash edge --tick 5s",
            ],
        ),
        (
            HEALTH,
            SERVERS,
            -3_600,
            [
                "s behind this machine's: tokens signed here",
                "→ set both clocks by NTP",
            ],
        ),
        (HEALTH, SERVERS, 120, ["s ahead of this machine's", "NTP"]),
        (
            "<html>",
            SERVERS,
            0,
            [
                "/api/health answers 200 OK and no health",
                "→ stop what listens there",
            ],
        ),
    ] {
        // So that the stack does not count as just started.
        place.serves_at(stack(health, servers, skew_s));
        let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
        let file = std::fs::File::options()
            .write(true)
            .open(place.path().join(".clash/address"));
        file.expect("opened").set_modified(hour_ago).expect("set");
        place
            .doctor(&[])
            .expect(1, &words)
            .expect(1, &["one thing is wrong"]);
    }
}

#[tokio::test]
async fn op2_doctor_tells_who_has_the_port() {
    let place = Place::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    // Whoever connects is hung up on.
    let address = silent.local_addr().expect("an address");
    std::thread::spawn(move || silent.incoming().for_each(drop));
    let other = stack(HEALTH, SERVERS, 0);
    for (address, words) in [
        (address, "is taken by something that is not this stack"),
        (
            other,
            "is taken by a running stack of another state directory",
        ),
    ] {
        let ended = run(place.path(), ["doctor", "--listen", &address.to_string()]);
        ended.expect(1, &["✗ port", words, "clash up --listen 127.0.0.1:0"]);
    }
}

#[tokio::test]
async fn op5_doctor_finds_what_is_wrong_with_the_database() {
    let place = Place::new().await;
    // As a tool without foreign keys leaves it.
    place.sql("PRAGMA foreign_keys = 0").await;
    place
        .sql("INSERT INTO rooms (room_id) VALUES ('orphan')")
        .await;
    place.doctor(&[]).expect(
        1,
        &[
            "is damaged: a row of rooms belongs to no row of projects",
            "→ restore the directory",
        ],
    );
    place.sql("DELETE FROM rooms").await;
    place.doctor(&[]).expect(0, &["is sound"]);
    // An index that lacks a row of its table.
    place
        .sql("INSERT INTO projects VALUES ('p1', 'default', 'a', 'b', 1)")
        .await;
    place.sql("PRAGMA writable_schema = 1").await;
    place
        .sql("UPDATE sqlite_schema SET sql = replace(sql, 'tenant, created', 'name, created') WHERE name = 'projects_by_tenant'")
        .await;
    place
        .doctor(&[])
        .expect(1, &["is damaged: ", "projects_by_tenant"]);
}

#[tokio::test]
async fn op5_a_database_of_a_newer_version_is_refused_before_the_start() {
    let place = Place::new().await;
    place
        .sql("INSERT INTO schema_migrations VALUES (9999, 'future', 1)")
        .await;
    let words = [
        "the state directory was written by a newer version",
        "has schema 9999",
        "start the newer version",
    ];
    place.doctor(&[]).expect(1, &words);
    #[cfg(feature = "stack")]
    {
        let before = std::fs::read_dir(place.path().join(".clash"))
            .expect("there")
            .count();
        let ended = run(place.path(), ["up", "--listen", "127.0.0.1:0"]);
        ended.expect(1, &words);
        assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
        let after = std::fs::read_dir(place.path().join(".clash"))
            .expect("there")
            .count();
        assert_eq!(after, before + 1, "only the lock was made");
    }
}

#[tokio::test]
async fn op2_doctor_misses_a_secret_beside_a_database() {
    let place = Place::new().await;
    std::fs::remove_file(place.path().join(".clash/secret")).expect("removed");
    place.doctor(&[]).expect(
        1,
        &[
            "its secret .clash/secret is missing",
            "→ restore it from a backup",
        ],
    );
}

#[tokio::test]
async fn op2_doctor_names_a_state_directory_that_is_none() {
    let place = Place::new().await;
    std::fs::write(place.path().join("file"), "").expect("written");
    place.doctor(&["--state-dir", "file"]).expect(
        1,
        &[
            "✗ state directory  file is not a directory",
            "→ choose another with --state-dir",
        ],
    );
}

#[cfg(feature = "stack")]
#[tokio::test]
async fn op6_doctor_names_file_and_key_of_a_wrong_runtime_configuration() {
    let place = Place::new().await;
    for (text, key) in [
        (
            "[sqlite_database.default]\ntype = \"spin\"\npfad = \"x\"\n",
            "pfad",
        ),
        (
            "[sqlite_database.default]\ntype = \"libsql\"\nurl = \"u\"\n",
            "sqlite_database.default.type",
        ),
        ("[sqlite]\n", "sqlite"),
    ] {
        std::fs::write(place.path().join("runtime.toml"), text).expect("written");
        place
            .doctor(&["--runtime-config-file", "runtime.toml"])
            .expect(
                1,
                &[
                    "✗ runtime config   runtime.toml: ",
                    key,
                    "→ correct the file",
                ],
            );
    }
    let text = "[sqlite_database.default]\ntype = \"spin\"\npath = \"elsewhere.db\"\n";
    std::fs::write(place.path().join("runtime.toml"), text).expect("written");
    place
        .doctor(&["--runtime-config-file", "runtime.toml"])
        .expect(0, &["– database         will be made"]);
}

#[cfg(unix)]
#[tokio::test]
async fn op2_doctor_names_a_limit_of_open_files_that_is_too_low() {
    let place = Place::new().await;
    let binary = env!("CARGO_BIN_EXE_clash");
    let output = std::process::Command::new("sh")
        .current_dir(place.path())
        .args([
            "-c",
            "ulimit -n 512 && exec \"$0\" doctor --listen 127.0.0.1:0",
            binary,
        ])
        .output()
        .expect("sh runs");
    Ended::from(output).expect(
        1,
        &[
            "✗ open files       only 512 at once",
            "→ raise the hard limit to 4096",
        ],
    );
}

#[cfg(unix)]
#[tokio::test]
async fn op2_doctor_names_a_wasi_target_that_is_missing() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new().await;
    std::fs::remove_file(place.path().join("a.wasm")).expect("removed");
    let rustc = place.path().join("rustc");
    std::fs::write(&rustc, "#!/bin/sh\necho /nowhere\n").expect("written");
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).expect("set");
    let doctor = |path: &Path| {
        let mut command = clash(place.path());
        command
            .env("PATH", path)
            .args(["doctor", "--listen", "127.0.0.1:0"]);
        Ended::from(command.output().expect("the binary runs"))
    };
    let missing = [
        "✗ WASI target",
        "is not installed",
        "rustup target add wasm32-wasip2",
    ];
    doctor(place.path()).expect(1, &missing);
    let empty = place.path().join(".clash");
    doctor(&empty).expect(1, &["rustc is not found", "https://rustup.rs"]);
}
