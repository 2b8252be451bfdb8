//! `kill -9`: what was acked is there, the database is whole, and everybody has the same document.
//!
//! `KILLS=50` kills so often; `make soak` does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clash_tests::member::node_map;
use clash_tests::stack::{clash, finish};
use clash_tests::{Member, Stack, eventually};
use loro::{ExportMode, LoroDoc, VersionVector};
use protocol::frame::AckStatus;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

const WRITERS: usize = 20;

/// Kills of the short form.
const KILLS: usize = 4;

/// For a restart and everybody's return on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

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

/// What the writers are to do.
#[derive(Clone)]
enum Phase {
    /// One edit after the other, each acked before the next; after a cut, come back.
    Write,
    /// Bring everything into the room.
    Gather,
    /// Read up to this version, and show the document.
    Show(VersionVector),
    End,
}

struct Writer {
    stack: Arc<Stack>,
    project: String,
    token: String,
    node: String,
    /// It outlives connections, as a browser's tab does.
    doc: LoroDoc,
    member: Option<Member>,
    number: i64,
    acked: Vec<String>,
    acks: Arc<AtomicUsize>,
}

impl Writer {
    async fn run(
        mut self,
        mut phase: watch::Receiver<Phase>,
        shown: mpsc::Sender<Option<Value>>,
    ) -> (String, Vec<String>) {
        loop {
            let now = phase.borrow_and_update().clone();
            match now {
                Phase::Write => {
                    while !phase.has_changed().expect("the test goes on") {
                        if self.write().await.is_err() {
                            self.member = None;
                        }
                    }
                    continue;
                }
                Phase::Gather => {
                    while self.member().await.is_err() {}
                    shown.send(None).await.expect("the test waits");
                }
                Phase::Show(version) => {
                    let member = self.member.as_mut().expect("gathered");
                    while !member.doc.oplog_vv().includes_vv(&version) {
                        member.event().await;
                    }
                    let document = member.document();
                    shown.send(Some(document)).await.expect("the test waits");
                }
                Phase::End => return (self.node, self.acked),
            }
            phase.changed().await.expect("the test goes on");
        }
    }

    /// In the room, with everything that it lacked of ours acked.
    async fn member(&mut self) -> Result<&mut Member, ()> {
        if self.member.is_none() {
            let doc = self.doc.clone();
            let joined = Member::rejoin(&self.stack, &self.project, &self.token, doc).await;
            let Ok(mut member) = joined else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Err(());
            };
            if !member.joined_at.includes_vv(&self.doc.oplog_vv()) {
                let lacking = ExportMode::updates(&member.joined_at);
                let update = self.doc.export(lacking).expect("an update");
                let batch = member.send_update(&update).await;
                let status = member.try_acked(batch).await.map_err(drop)?;
                assert_eq!(status, AckStatus::Ok, "{}", self.node);
            }
            self.member = Some(member);
        }
        self.member.as_mut().ok_or(())
    }

    async fn write(&mut self) -> Result<(), ()> {
        let (number, node) = (self.number, self.node.clone());
        self.number += 1;
        let key = format!("k{number}");
        let member = self.member().await?;
        let edit = |doc: &LoroDoc| {
            node_map(doc, &node)
                .insert(&key, number)
                .expect("an insert")
        };
        let batch = member.edit(edit).await;
        let status = member.try_acked(batch).await.map_err(drop)?;
        assert_eq!(status, AckStatus::Ok, "{node} {key}");
        self.acked.push(key);
        self.acks.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What is in the nodes of one document and not in those of another.
fn beyond(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (node, fields) in one["nodes"].as_object().into_iter().flatten() {
        let keys = fields.as_object().into_iter().flatten().map(|(key, _)| key);
        let missing = keys.filter(|key| other["nodes"][node].get(key.as_str()).is_none());
        found.extend(missing.map(|key| format!("{node}.{key}")));
    }
    found
}

/// What `clash doctor` says of the database that the killed process left.
fn assert_sound(stack: &Stack) {
    let mut doctor = clash(&["doctor", "--state-dir"]);
    doctor.arg(&stack.state_dir);
    let output = finish(doctor, PATIENCE);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("is sound"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rm2_kills_under_twenty_writers_lose_no_acked_update() {
    let kills = std::env::var("KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    let stack = Arc::new(Stack::start().await);
    let project = stack.project("rm2-kills").await;
    let token = stack.token_with(&["--sub", "writer", "--role", "editor", "--ttl", "1h"]);
    let acks = Arc::new(AtomicUsize::new(0));
    let (phase, phases) = watch::channel(Phase::Write);
    let (shows, mut shown) = mpsc::channel(WRITERS);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let writer = Writer {
                stack: stack.clone(),
                project: project.clone(),
                token: token.clone(),
                node: format!("w{writer}"),
                doc: LoroDoc::new(),
                member: None,
                number: 1,
                acked: Vec::new(),
                acks: acks.clone(),
            };
            tokio::spawn(writer.run(phases.clone(), shows.clone()))
        })
        .collect();
    let started = Instant::now();
    for kill in 1..=kills {
        // In the middle of the work: each round acks something from most writers first.
        phase.send_replace(Phase::Write);
        let before = acks.load(Ordering::Relaxed);
        eventually(&format!("acks before kill {kill}"), PATIENCE, || async {
            (acks.load(Ordering::Relaxed) >= before + 3 * WRITERS).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..300))).await;
        stack.kill();
        let number = acks.load(Ordering::Relaxed);
        eprintln!(
            "kill {kill} after {number} acks, at {:?}",
            started.elapsed()
        );
        assert_sound(&stack);
        stack.start_again();
        // Everybody comes back with what was not acked; then nobody writes for a moment.
        phase.send_replace(Phase::Gather);
        for _ in 0..WRITERS {
            let gathered = tokio::time::timeout(PATIENCE, shown.recv()).await;
            gathered
                .expect("everybody comes back")
                .expect("the writers go on");
        }
        let fresh = Member::join(&stack, &project, &token).await;
        phase.send_replace(Phase::Show(fresh.doc.oplog_vv()));
        for _ in 0..WRITERS {
            let document = tokio::time::timeout(PATIENCE, shown.recv()).await;
            let document = document.expect("all of it reaches everybody");
            let document = document.expect("the writers go on").expect("shown");
            // A snapshot also names root maps that are empty, so only what is in one is compared.
            if document["nodes"] != fresh.document()["nodes"] {
                let late = Member::join(&stack, &project, &token).await.document();
                panic!(
                    "after kill {kill} somebody has {:?} more than a fresh joiner, who has {:?} more; \
                     a later one: {:?}, {:?}",
                    beyond(&document, &fresh.document()),
                    beyond(&fresh.document(), &document),
                    beyond(&document, &late),
                    beyond(&late, &document),
                );
            }
        }
    }
    phase.send_replace(Phase::End);
    let document = Member::join(&stack, &project, &token).await.document();
    let (mut total, mut lost) = (0, BTreeSet::new());
    for writer in writers {
        let (node, acked) = writer.await.expect("the writer wrote");
        total += acked.len();
        let there = &document["nodes"][&node];
        let missing = acked.iter().filter(|key| there.get(key.as_str()).is_none());
        lost.extend(missing.map(|key| format!("{node}.{key}")));
    }
    eprintln!(
        "{total} acked edits, {kills} kills, {:?}",
        started.elapsed()
    );
    assert!(lost.is_empty(), "of {total} acked edits are lost: {lost:?}");
}
