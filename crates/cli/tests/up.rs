//! `clash up`, `edge` and `atelier` where they cannot start: each says why and what to do.
#![cfg(feature = "stack")]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;

use support::{Ended, run, state_dir};

fn project(manifest: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("spin.toml"), manifest).expect("written");
    directory
}

const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "a"
[variables]
jwt_secret = { required = true, secret = true }
app_url = { default = "" }
edge_url = { default = "" }
worker_public_url = { default = "" }
environment = { default = "" }
[[trigger.http]]
route = "/..."
component = "gateway"
[component.gateway]
source = "gateway.wasm"
"#;

fn up(directory: &Path, more: &[&str]) -> Ended {
    run(
        directory,
        ["up", "--listen", "127.0.0.1:0"].iter().chain(more),
    )
}

#[test]
fn op2_a_component_that_is_not_built_names_the_remedy() {
    let directory = project(MANIFEST);
    up(directory.path(), &[]).expect(1, &["gateway", "make components"]);
}

#[test]
fn op2_manifest_faults_are_named() {
    let directory = project(&MANIFEST.replace("source =", "sauce ="));
    up(directory.path(), &[]).expect(1, &["spin.toml", "sauce"]);
    let ended = up(directory.path(), &["--from", "elsewhere.toml"]);
    ended.expect(2, &["there is no manifest elsewhere.toml", "--from"]);
}

#[test]
fn op2_a_taken_port_is_one_sentence() {
    let directory = project(MANIFEST);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address");
    let (port, address) = (
        format!("port {} is taken", address.port()),
        address.to_string(),
    );
    run(directory.path(), ["up", "--listen", &address]).expect(1, &[&port, "--listen"]);
    state_dir(directory.path());
    let edge = [
        "edge",
        "--upstream",
        "http://127.0.0.1:1",
        "--listen",
        &address,
    ];
    run(directory.path(), edge).expect(1, &[&port]);
    run(directory.path(), ["atelier", "--listen", &address]).expect(1, &[&port]);
}

#[test]
fn op2_a_second_stack_in_one_state_directory_is_refused() {
    let directory = project(MANIFEST);
    state_dir(directory.path());
    let lock = File::create(directory.path().join(".clash/lock")).expect("made");
    lock.lock().expect("taken");
    up(directory.path(), &[]).expect(1, &["another `clash up`", ".clash", "--state-dir"]);
}

#[test]
fn op2_a_state_directory_that_cannot_be_written_is_one_sentence() {
    let directory = project(MANIFEST);
    std::fs::write(directory.path().join("file"), "").expect("written");
    let ended = up(directory.path(), &["--state-dir", "file"]);
    ended.expect(1, &["state directory file", "--state-dir"]);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let closed = directory.path().join("closed");
        std::fs::create_dir(&closed).expect("made");
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).expect("set");
        if std::fs::write(closed.join("probe"), "").is_err() {
            let ended = up(directory.path(), &["--state-dir", "closed/state"]);
            ended.expect(
                1,
                &["cannot make the state directory closed/state: permission denied"],
            );
        }
    }
}

#[test]
fn op6_variables_are_checked() {
    let directory = project(MANIFEST);
    let ended = up(directory.path(), &["--variable", "jwt_secret=x"]);
    ended.expect(2, &["not given on the command line", ".clash/secret"]);
    up(directory.path(), &["--variable", "novalue"]).expect(2, &["KEY=VALUE"]);
    up(directory.path(), &["--variable", "levl=1"]).expect(1, &["levl", "does not declare it"]);
}

#[test]
fn gw2_the_edge_needs_the_applications_secret() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = run(
        directory.path(),
        [
            "edge",
            "--upstream",
            "http://127.0.0.1:1",
            "--listen",
            "127.0.0.1:0",
        ],
    );
    ended.expect(1, &["there is no secret", "--state-dir"]);
    let ended = run(
        directory.path(),
        ["edge", "--upstream", "https://x", "--listen", "127.0.0.1:0"],
    );
    ended.expect(2, &["only http://"]);
}

#[test]
fn op2_help_of_what_serves_names_defaults() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    run(directory.path(), ["up", "--help"]).expect(
        0,
        &["127.0.0.1:8788", "--no-atelier", "--no-edge", "Ctrl-C"],
    );
    run(directory.path(), ["edge", "--help"]).expect(0, &["--tick", "SPIN_VARIABLE_JWT_SECRET"]);
    run(directory.path(), ["atelier", "--help"])
        .expect(0, &["--register", "by rules and not by a model"]);
}

#[test]
fn op2_tls_files_that_cannot_be_used_are_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    state_dir(directory.path());
    let (certificate, key) = issued();
    let (_, other_key) = issued();
    for (name, text) in [
        ("chain.pem", certificate.as_str()),
        ("key.pem", &key),
        ("other.pem", &other_key),
        ("notes.txt", "nothing of the kind"),
        (
            "torn.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
    ] {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    for (certificate, key, told) in [
        ("gone.pem", "key.pem", "there is no file gone.pem"),
        ("chain.pem", "gone.pem", "there is no file gone.pem"),
        ("notes.txt", "key.pem", "notes.txt holds no certificate"),
        ("chain.pem", "notes.txt", "notes.txt holds no private key"),
        ("key.pem", "key.pem", "key.pem holds no certificate"),
        ("chain.pem", "chain.pem", "chain.pem holds no private key"),
        (
            "torn.pem",
            "key.pem",
            "a certificate in torn.pem is not valid",
        ),
        (
            "chain.pem",
            "other.pem",
            "the key in other.pem does not fit the certificate in chain.pem",
        ),
        (".clash", "key.pem", ".clash cannot be read"),
    ] {
        let ended = run(
            directory.path(),
            [
                "edge",
                "--upstream",
                "http://127.0.0.1:1",
                "--listen",
                "127.0.0.1:0",
                "--tls-certificate",
                certificate,
                "--tls-key",
                key,
            ],
        );
        ended.expect(2, &[told, " help: "]);
    }
    let alone = [
        "edge",
        "--upstream",
        "http://127.0.0.1:1",
        "--tls-key",
        "key.pem",
    ];
    run(directory.path(), alone).expect(2, &["--tls-certificate"]);
}

/// A certificate and its key.
fn issued() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn op2_an_edge_with_a_certificate_says_https() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    state_dir(directory.path());
    let (certificate, key) = issued();
    std::fs::write(directory.path().join("chain.pem"), certificate).expect("written");
    std::fs::write(directory.path().join("key.pem"), key).expect("written");
    let mut edge = support::clash(directory.path())
        .args(["edge", "--upstream", "http://127.0.0.1:1"])
        .args(["--listen", "127.0.0.1:0"])
        .args(["--tls-certificate", "chain.pem", "--tls-key", "key.pem"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    let stdout = edge.stdout.take().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let address = line.trim_end().strip_prefix("Serving https://");
    let address = address.map(str::to_owned);
    // Who does not speak TLS gets no answer that looks like one.
    let answer = address.as_ref().map(|address| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).expect("written");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    });
    edge.kill().expect("it runs");
    edge.wait().expect("it ends");
    assert!(
        answer.is_some_and(|answer| !answer.starts_with(b"HTTP")),
        "{line}"
    );
}
