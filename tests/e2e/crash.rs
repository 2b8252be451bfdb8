//! `kill -9`: what was acked is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clash_tests::member::node_map;
use clash_tests::{Member, Stack, eventually};
use protocol::frame::AckStatus;
use serde_json::json;

const WRITERS: usize = 20;
const KILLS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn rm2_an_acked_edit_is_there_after_kill_9() {
    let stack = Stack::start().await;
    let project = stack.project("rm2-one").await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    alice
        .set_node("n", json!({"type": "note", "text": "acked"}))
        .await;
    stack.kill();
    alice.closed().await;
    stack.start_again();
    let fresh = Member::join(&stack, &project, &token).await;
    assert_eq!(fresh.document()["nodes"]["n"]["text"], "acked");
    Member::rejoin(&stack, &project, &token, alice.doc.clone())
        .await
        .expect("joined again");
}

/// One who writes one edit after the other, and comes back after each cut.
async fn write_on(
    stack: Arc<Stack>,
    project: String,
    token: String,
    writer: usize,
    acks: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
) -> Vec<String> {
    let mut acked = Vec::new();
    let mut number = 0;
    let node = format!("w{writer}");
    while !over.load(Ordering::Relaxed) {
        let Ok(mut member) = Member::try_join(&stack, &project, &token).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while !over.load(Ordering::Relaxed) {
            number += 1;
            let key = format!("k{number}");
            let batch = member
                .edit(|doc| {
                    node_map(doc, &node)
                        .insert(&key, number)
                        .expect("an insert")
                })
                .await;
            match member.try_acked(batch).await {
                Ok(AckStatus::Ok) => {
                    acked.push(key);
                    acks.fetch_add(1, Ordering::Relaxed);
                }
                Ok(other) => panic!("{node} {key}: {other:?}"),
                Err(_) => break,
            }
        }
    }
    acked
}

#[tokio::test(flavor = "multi_thread")]
async fn rm2_ten_kills_under_twenty_writers_lose_no_acked_update() {
    let stack = Arc::new(Stack::start().await);
    let project = stack.project("rm2-ten").await;
    let token = stack.token_with(&["--sub", "writer", "--role", "editor", "--ttl", "1h"]);
    let (acks, over) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(write_on(
                stack.clone(),
                project.clone(),
                token.clone(),
                writer,
                acks.clone(),
                over.clone(),
            ))
        })
        .collect();
    let started = Instant::now();
    for kill in 1..=KILLS {
        // In the middle of the work: each round acks something from most writers first.
        let before = acks.load(Ordering::Relaxed);
        eventually(
            &format!("acks before kill {kill}"),
            Duration::from_secs(60),
            || async { (acks.load(Ordering::Relaxed) >= before + 3 * WRITERS).then_some(()) },
        )
        .await;
        let (number, elapsed) = (acks.load(Ordering::Relaxed), started.elapsed());
        eprintln!("kill {kill} after {number} acks, at {elapsed:?}");
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..300))).await;
        stack.kill();
        stack.start_again();
    }
    let before = acks.load(Ordering::Relaxed);
    eventually(
        "acks after the last kill",
        Duration::from_secs(60),
        || async { (acks.load(Ordering::Relaxed) > before + WRITERS).then_some(()) },
    )
    .await;
    over.store(true, Ordering::Relaxed);
    let mut acked = Vec::new();
    for writer in writers {
        acked.push(writer.await.expect("the writer wrote"));
    }
    let document = Member::join(&stack, &project, &token).await.document();
    let mut lost = Vec::new();
    for (writer, keys) in acked.iter().enumerate() {
        let node = &document["nodes"][format!("w{writer}")];
        lost.extend(
            keys.iter()
                .filter(|key| node.get(key.as_str()).is_none())
                .map(|key| format!("w{writer}.{key}")),
        );
    }
    let total = acked.iter().map(Vec::len).sum::<usize>();
    eprintln!(
        "{total} acked edits, {KILLS} kills, {:?}",
        started.elapsed()
    );
    assert!(
        lost.is_empty(),
        "{} of {total} acked edits are lost: {:?}",
        lost.len(),
        lost.iter().take(20).collect::<Vec<_>>()
    );
}
