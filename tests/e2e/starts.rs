//! Starts that cannot work end at once, with one sentence and a remedy.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clash_tests::Stack;
use clash_tests::stack::{clash, finish, root};

const LIMIT: Duration = Duration::from_secs(60);

fn up(state_dir: &Path) -> Command {
    let mut command = clash(&[
        "up",
        "--no-atelier",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
    ]);
    command.arg(state_dir);
    command
}

/// Runs a start that must fail, and gives what it said.
fn refused(command: Command) -> String {
    let output = finish(command, LIMIT);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{:?}: {said}",
        output.status
    );
    assert!(output.stdout.is_empty(), "it does not say that it serves");
    assert!(
        said.contains("error: ") && !said.contains("panicked"),
        "{said}"
    );
    said
}

#[test]
fn op2_a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut command = clash(&[
        "up",
        "--no-atelier",
        "--listen",
        &address.to_string(),
        "--state-dir",
    ]);
    command.arg(folder.path().join("state"));
    let said = refused(command);
    assert!(
        said.contains(&format!("port {} is taken", address.port())),
        "{said}"
    );
}

#[test]
fn op2_a_state_directory_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("state");
    std::fs::write(&file, "a file").expect("written");
    for path in [file.clone(), file.join("below")] {
        let said = refused(up(&path));
        assert!(
            said.contains("state directory") && said.contains(&path.display().to_string()),
            "{said}"
        );
    }
}

#[test]
fn op2_an_unknown_manifest_key_is_refused_by_name() {
    let manifest = std::fs::read_to_string(root().join("spin.toml")).expect("a manifest");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("spin.toml");
    for (before, key) in [
        ("[application]\n", "surprise"),
        ("[component.gateway]\n", "colour"),
        ("[component.gateway.build]\n", "workdirr"),
    ] {
        assert!(manifest.contains(before), "{before}");
        std::fs::write(
            &path,
            manifest.replacen(before, &format!("{before}{key} = \"x\"\n"), 1),
        )
        .expect("written");
        let mut command = up(&folder.path().join("state"));
        command.arg("--from").arg(&path);
        let said = refused(command);
        assert!(said.contains(key), "{said}");
    }
    std::fs::write(&path, "spin_manifest_version = 2\n[application\n").expect("written");
    let mut command = up(&folder.path().join("state"));
    command.arg("--from").arg(&path);
    let said = refused(command);
    assert!(said.contains("spin.toml"), "{said}");
}

#[test]
fn op2_a_missing_component_says_how_to_build_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    std::fs::copy(root().join("spin.toml"), folder.path().join("spin.toml")).expect("copied");
    let mut command = up(&folder.path().join("state"));
    command.arg("--from").arg(folder.path());
    let said = refused(command);
    assert!(
        said.contains(".wasm") && said.contains("make components"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_second_stack_on_one_state_directory_is_refused() {
    let stack = Stack::shared().await;
    let said = tokio::task::block_in_place(|| refused(up(&stack.state_dir)));
    assert!(
        said.contains("another `clash up`") && said.contains("--state-dir"),
        "{said}"
    );
    assert_eq!(
        clash_tests::Api::new(&stack.url, None)
            .get("/api/health")
            .await
            .status,
        200
    );
}
