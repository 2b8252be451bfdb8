//! `kill -9` under a load of tasks: each ends once and is paid once (RL2).
//!
//! `TASKS=500 KILLS=20` is the long form; `make soak-tasks` runs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clash_tests::{Api, Provider, Stack, eventually};
use reqwest::Method;
use serde_json::json;

/// The short form.
const TASKS: usize = 100;
const KILLS: usize = 4;

const CLIENTS: usize = 8;
const SLOTS: usize = 16;

/// For a restart, and for what was on its way, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(180);

fn number(name: &str, short: usize) -> usize {
    let text = std::env::var(name).ok();
    text.map_or(short, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

/// What the clients share.
struct Load {
    api: Api,
    project: String,
    /// Numbers from here on wait for the next kill.
    allowed: AtomicUsize,
    next: AtomicUsize,
    accepted: AtomicUsize,
}

impl Load {
    /// Takes numbers and submits each until it is accepted, as a careful client does: with a key.
    async fn submit(&self, tasks: usize) -> Vec<String> {
        let mut ids = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= tasks {
                return ids;
            }
            while number >= self.allowed.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let ask = json!({"project": self.project, "kind": "text_gen", "prompt": "x"});
            let id = loop {
                let request = self.api.request(Method::POST, "/api/tasks/submit");
                let request = request.header("idempotency-key", format!("task-{number}"));
                match self.api.try_send(request.json(&ask)).await {
                    Ok(reply) if reply.status == 202 => {
                        break reply.json()["task_id"].as_str().expect("an id").to_owned();
                    }
                    // Killed, starting, or an earlier try of the same holds the key for a while.
                    Ok(reply) => {
                        let status = reply.status;
                        assert!(matches!(status, 409 | 500..), "{status} {}", reply.text());
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            };
            self.accepted.fetch_add(1, Ordering::Relaxed);
            ids.push(id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rl2_tasks_end_once_and_are_paid_once_whenever_the_stack_is_killed() {
    let (tasks, kills) = (number("TASKS", TASKS), number("KILLS", KILLS));
    let stack = Stack::start().await;
    let project = stack.project("rl2-tasks").await;
    let provider = Provider::start().await;
    provider.manner(|manner| manner.work = Duration::from_millis(400));
    let server = provider
        .register_with(&stack, "gpu-1", &["text_gen"], SLOTS)
        .await;
    let token = stack.token_with(&["--sub", "alice", "--role", "editor", "--ttl", "2h"]);
    let root = stack.token_with(&["--sub", "root", "--role", "admin", "--ttl", "2h"]);
    let root = Api::new(&stack.url, Some(root));
    let load = Arc::new(Load {
        api: Api::new(&stack.url, Some(token)),
        project: project.clone(),
        allowed: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
        accepted: AtomicUsize::new(0),
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let load = load.clone();
            tokio::spawn(async move { load.submit(tasks).await })
        })
        .collect();
    let started = Instant::now();
    for kill in 1..=kills {
        let before = provider.submissions().len();
        load.allowed.store(tasks * kill / kills, Ordering::Relaxed);
        // In the middle of the work: while tasks are accepted, submitted, called back for.
        eventually(&format!("work before kill {kill}"), PATIENCE, || async {
            (provider.submissions().len() > before).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..700))).await;
        stack.kill();
        eprintln!(
            "kill {kill}: {} accepted, {} submitted, at {:?}",
            load.accepted.load(Ordering::Relaxed),
            provider.submissions().len(),
            started.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..500))).await;
        stack.start_again();
    }
    let mut ids = Vec::new();
    for client in clients {
        let submitted = tokio::time::timeout(PATIENCE, client).await;
        ids.extend(submitted.expect("all are accepted").expect("a client"));
    }
    assert_eq!(ids.len(), tasks);
    eventually("no task is live", PATIENCE, || async {
        let live = |state: &'static str| {
            let root = &root;
            async move {
                let path = format!("/api/tasks?project=rl2-tasks&state={state}&limit=1");
                let listed = root.get(&path).await.json();
                listed["tasks"].as_array().map_or(1, Vec::len)
            }
        };
        (live("WAITING").await + live("PROCESSING").await == 0).then_some(())
    })
    .await;
    let (mut finished, mut cursor) = (0, String::new());
    loop {
        let path = format!("/api/tasks?project=rl2-tasks&limit=1000{cursor}");
        let page = root.get(&path).await.json();
        for task in page["tasks"].as_array().expect("tasks") {
            assert_eq!(task["state"], "FINISHED", "{task:#}");
            assert!(ids.contains(&task["task_id"].as_str().unwrap_or_default().to_owned()));
            finished += 1;
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(finished, tasks, "no more than were accepted");
    let paid = provider.paid();
    assert_eq!(paid.len(), tasks);
    let twice: Vec<_> = paid.iter().filter(|(_, begun)| **begun != 1).collect();
    assert!(twice.is_empty(), "paid more than once: {twice:?}");
    eventually("all slots are free", PATIENCE, || async {
        let queues = root.get("/api/queues").await.json();
        let servers = queues["servers"].as_array().cloned().unwrap_or_default();
        let found = servers.iter().find(|row| row["id"] == server.as_str());
        (found.expect("the server")["used"] == 0).then_some(())
    })
    .await;
    let submissions = provider.submissions().len();
    eprintln!(
        "{tasks} tasks, {kills} kills, {submissions} calls for {} paid jobs, {:?}",
        paid.len(),
        started.elapsed()
    );
}
