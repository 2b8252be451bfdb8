//! README's example in Rust, as a process of its own, in a room with others. That in JavaScript is in
//! tests/npm.

use std::process::Stdio;
use std::time::Duration;

use clash_tests::stack::binary;
use clash_tests::{Member, Stack};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn rm1_the_example_in_rust_sees_the_others_and_they_see_it() {
    let stack = Stack::shared().await;
    let project = stack.project("rm1-example").await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    alice
        .set_node("a", json!({"type": "note", "text": "before"}))
        .await;
    // `cargo test` builds the examples, too.
    let example = binary().with_file_name("examples").join("room");
    let mut process = Command::new(&example)
        .arg(&project)
        .env("SERVER", format!("ws://{}", stack.address))
        .env("TOKEN", stack.token("rust", "editor"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", example.display()));
    let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
    alice
        .until("the example's node", SOON, |doc| {
            doc["nodes"]["from-rust"]["text"] == "Hello from Rust"
        })
        .await;
    alice.set_node("a", json!({"text": "after"})).await;
    let seen = tokio::time::timeout(SOON, async {
        while let Some(line) = lines.next_line().await.expect("lines") {
            let nodes: Value = serde_json::from_str(&line).expect("JSON");
            if nodes["a"]["text"] == "after" {
                return true;
            }
        }
        false
    });
    assert!(seen.await.expect("within its time"), "the example ended");
    process.kill().await.expect("it still runs");
}
