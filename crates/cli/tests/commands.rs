//! The command line: arguments, messages, exit codes.

mod support;

use identity::{Keys, Role};
use support::{SECRET, clash, run, state_dir};

fn now_s() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs() as i64
}

#[test]
fn gw2_token_prints_one_verifiable_token_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    state_dir(directory.path());
    let args = [
        "token",
        "--sub",
        "alice",
        "--role",
        "viewer",
        "--tenant",
        "studio",
        "--project",
        "p1",
        "--ttl",
        "2h",
    ];
    let ended = run(directory.path(), args);
    ended.expect(0, &[]);
    assert_eq!(ended.stderr, "");
    let token = ended.stdout.strip_suffix('\n').expect("a line");
    assert_eq!(token.lines().count(), 1);
    let keys = Keys::from_secret(SECRET.as_bytes()).expect("long enough");
    let claims = keys.verify_access(token, now_s()).expect("valid");
    assert_eq!(
        (claims.sub.as_str(), claims.role, claims.tenant.as_str()),
        ("alice", Role::Viewer, "studio")
    );
    assert_eq!(claims.projects, Some(vec!["p1".to_owned()]));
    assert_eq!(claims.exp - claims.iat, 7_200);
}

#[test]
fn op1_bad_arguments_are_named_with_exit_code_2() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    state_dir(directory.path());
    let table: &[(&[&str], &[&str])] = &[
        (&[], &["Usage: clash"]),
        (&["tokn"], &["unrecognized subcommand", "token"]),
        (&["token", "--sub", "a"], &["--role"]),
        (
            &["token", "--sub", "a", "--role", "king"],
            &["admin, editor, viewer, agent, server"],
        ),
        (
            &["token", "--sub", "a", "--role", "service"],
            &["service tokens"],
        ),
        (
            &["token", "--sub", "", "--role", "admin"],
            &["--sub needs a name"],
        ),
        (
            &["token", "--sub", "a", "--role", "admin", "--ttl", "1"],
            &["is not a duration", "1h30m"],
        ),
        (
            &["token", "--sub", "a", "--role", "admin", "--ttl", "400d"],
            &["--ttl is between"],
        ),
        (
            &["token", "--sub", "a", "--role", "admin", "--project", "P"],
            &["--project P", "1 to 63"],
        ),
        (&["film"], &["STORY", "--out"]),
        (
            &["film", "none.csv", "--out", "o"],
            &["cannot read the story none.csv", "examples/story.csv"],
        ),
        (
            &["film", "s.csv", "--out", "o", "--project", "A B"],
            &["project id"],
        ),
        (
            &["film", "s.csv", "--out", "o", "--project", "a", "--fresh"],
            &["cannot be used with"],
        ),
        (
            &["film", "s.csv", "--out", "o", "--url", "nowhere"],
            &["--url"],
        ),
    ];
    for (args, texts) in table {
        let ended = run(directory.path(), *args);
        assert!(
            ended.stdout.is_empty(),
            "{args:?} printed {:?}",
            ended.stdout
        );
        ended.expect(2, texts);
    }
}

#[test]
fn wf1_a_malformed_story_is_named_with_line_and_column() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    state_dir(directory.path());
    let story = "scene,shot,shot_size,camera_move,description,dialogue,duration_s\n\
                 1,1,,,a,,4\n1,2,,,b,,4\n1,3,,,c,,long\n";
    std::fs::write(directory.path().join("story.csv"), story).expect("written");
    let ended = run(directory.path(), ["film", "story.csv", "--out", "out"]);
    ended.expect(
        2,
        &["story.csv:4:7: duration_s must be a number between 0.5 and 30, found \"long\""],
    );
    assert!(
        !directory.path().join("out").exists(),
        "nothing is made for a story that cannot be read"
    );
}

#[test]
fn gw2_without_a_stack_there_is_no_secret_and_a_remedy() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = run(directory.path(), ["token", "--sub", "a", "--role", "admin"]);
    ended.expect(1, &["there is no secret in .clash yet", "clash up"]);
    assert!(
        !directory.path().join(".clash").exists(),
        "asking for a token makes nothing"
    );
    let short = directory.path().join(".clash");
    std::fs::create_dir(&short).expect("made");
    std::fs::write(short.join("secret"), "short").expect("written");
    let ended = run(directory.path(), ["token", "--sub", "a", "--role", "admin"]);
    ended.expect(1, &["HS256 needs at least 32", "remove the file"]);
}

#[test]
fn op2_doctor_names_what_is_wrong_and_its_remedy() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    state_dir(directory.path());
    std::fs::write(
        directory.path().join(".clash/sqlite_db.db"),
        "no database at all, but long enough",
    )
    .expect("written");
    let manifest = "[component.gateway]\nsource = \"gateway.wasm\"\n";
    std::fs::write(directory.path().join("spin.toml"), manifest).expect("written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(directory.path().join(".clash/secret"), mode).expect("set");
    }
    let ended = run(directory.path(), ["doctor", "--listen", "127.0.0.1:0"]);
    ended.expect(
        1,
        &[
            "✗ components       1 of 1 are not built: gateway",
            "→ make components",
            "✓ state directory",
            "✗ secret           .clash/secret can be read by others (mode 644)",
            "→ chmod 600 .clash/secret",
            "✗ database",
            "✓ port             127.0.0.1:0 is free",
            "things are wrong",
        ],
    );
}

#[test]
fn op2_doctor_of_a_fresh_directory_finds_nothing_wrong_in_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(
        directory.path().join("spin.toml"),
        "[component.a]\nsource = \"a.wasm\"\n",
    )
    .expect("written");
    std::fs::write(directory.path().join("a.wasm"), "").expect("written");
    let ended = run(directory.path(), ["doctor", "--listen", "127.0.0.1:0"]);
    ended.expect(
        0,
        &[
            "– state directory  .clash will be made by the first",
            "– secret",
            "– database",
        ],
    );
    assert!(
        !directory.path().join(".clash").exists(),
        "looking makes nothing"
    );
}

#[test]
fn op2_help_tells_a_newcomer_where_to_begin() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    run(directory.path(), ["--help"]).expect(
        0,
        &[
            "To begin:",
            "clash film examples/story.csv --out out",
            "clash doctor",
            "Exit codes:",
            "130  it was stopped",
            "500ms, 90s, 15m",
        ],
    );
    for command in ["film", "token", "doctor"] {
        run(directory.path(), [command, "--help"])
            .expect(0, &["--state-dir <DIR>", "[default: .clash]"]);
    }
    let version = clash(directory.path())
        .arg("--version")
        .output()
        .expect("the binary runs");
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("clash "));
}

#[test]
fn op2_shells_complete_commands_and_options() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (shell, words) in [
        ("bash", ["complete -F _clash", "--state-dir"]),
        ("zsh", ["#compdef clash", "--state-dir"]),
        ("fish", ["complete -c clash", "state-dir"]),
    ] {
        let ended = run(directory.path(), ["completions", shell]);
        ended.expect(0, &words);
        assert!(ended.stderr.is_empty(), "{}", ended.stderr);
        for command in ["film", "token", "doctor", "completions"] {
            assert!(ended.stdout.contains(command), "{shell} lacks {command}");
        }
    }
    run(directory.path(), ["completions", "tcsh"]).expect(2, &["bash", "fish"]);
}
