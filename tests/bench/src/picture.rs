//! From a person's edit that asks for a picture until that person's client sees it completed,
//! beside atelier asked for the same picture directly.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hyper::Method;
use loro::{ExportMode, LoroDoc, ToJson};
use protocol::frame::AckStatus;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Bench;
use crate::load::Connection;
use crate::member::{Heard, Member};
use crate::process::Server;
use crate::report::{Report, Row};
use crate::stack::Stack;
use crate::statistics::{Figure, median, ms};

/// For atelier to register and be found well.
const ONLINE_LIMIT: Duration = Duration::from_secs(40);
const PICTURE_LIMIT: Duration = Duration::from_secs(60);
/// Of one file.
const READS: usize = 50;
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    online(stack).await?;
    let atelier = atelier(bench).await?;
    let (room, token) = (
        stack.project("picture").await?,
        stack.token("editor").await?,
    );
    let mut member = Member::join(stack.server.address, &room, &token).await?;
    let doc = LoroDoc::new();
    let (mut completed, mut described, mut direct) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..bench.pick(5, 2) {
        let prompt = format!("A lighthouse on a cliff at dusk, view {number}");
        let times = on_canvas(&mut member, &doc, &format!("p{number}"), &prompt).await?;
        completed.push(ms(times.0));
        described.push(ms(times.1));
        direct.push(ms(directly(atelier.address, number, &prompt).await?));
    }
    let beside = Figure::of(median(&direct));
    let row =
        |what: &str, times: &[f64]| Row::new("picture", what, "ms", Figure::of(median(times)));
    report.add(
        row("node to picture, until completed", &completed)
            .beside("atelier directly", Some(beside)),
    );
    report.add(row("node to picture, until described (fin)", &described));
    first_byte(stack, &doc, &token, report).await?;
    atelier.stop().await;
    Ok(())
}

/// From asking for a picture's file until its first byte, and until its last.
async fn first_byte(stack: &Stack, doc: &LoroDoc, token: &str, report: &mut Report) -> Result<()> {
    let value = doc.get_deep_value().to_json_value();
    let source = value["nodes"]["p0"]["src"].as_str();
    let path = source.context("the picture has no src")?;
    let mut connection = Connection::open(stack.server.address).await?;
    let (mut first, mut last, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..READS {
        let times = connection.stream(path, token).await?;
        first.push(ms(times.first_byte));
        last.push(ms(times.whole));
        bytes = times.bytes;
    }
    let row = |what, times: &[f64]| Row::new("picture", what, "ms", Figure::of(median(times)));
    report.add(row(
        format!("a file of {} KB, until its first byte", bytes / 1_000),
        &first,
    ));
    report.add(row(
        format!("a file of {} KB, until its last byte", bytes / 1_000),
        &last,
    ));
    Ok(())
}

/// Waits until a provider of pictures is online.
async fn online(stack: &Stack) -> Result<()> {
    let token = stack.token("admin").await?;
    let mut connection = Connection::open(stack.server.address).await?;
    let started = Instant::now();
    loop {
        let (status, answer) = connection
            .json(Method::GET, "/api/servers", Some(&token), None)
            .await?;
        ensure!(status == 200, "GET /api/servers answers {status} {answer}");
        let online = |server: &Value| {
            let kinds = server["kinds"].as_array();
            let pictures = kinds.is_some_and(|kinds| kinds.contains(&json!("image_gen")));
            server["state"] == "ONLINE" && pictures
        };
        if answer["servers"]
            .as_array()
            .is_some_and(|servers| servers.iter().any(online))
        {
            return Ok(());
        }
        ensure!(
            started.elapsed() < ONLINE_LIMIT,
            "no provider of pictures is online: {answer}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// An atelier of its own, which takes work from anybody: the stack's own one takes it from the
/// stack alone.
async fn atelier(bench: &Bench) -> Result<Server> {
    let mut command = Command::new(&bench.clash);
    command.args(["atelier", "--listen", "127.0.0.1:0", "--work-dir"]);
    command
        .arg(bench.state_dir.join("bench-atelier"))
        .arg("--state-dir")
        .arg(&bench.state_dir);
    Server::start("clash atelier", command, Duration::from_secs(20)).await
}

/// Asks on the canvas; gives the times until `completed` and until `fin`.
async fn on_canvas(
    member: &mut Member,
    doc: &LoroDoc,
    id: &str,
    prompt: &str,
) -> Result<(Duration, Duration)> {
    let before = doc.oplog_vv();
    let node = doc.get_map("nodes").ensure_mergeable_map(id)?;
    for (key, value) in [
        ("type", "image"),
        ("status", "generating"),
        ("prompt", prompt),
    ] {
        node.insert(key, value)?;
    }
    for (key, value) in [("x", 0i64), ("y", 0), ("w", 640), ("h", 360)] {
        node.insert(key, value)?;
    }
    doc.commit();
    let update = doc.export(ExportMode::updates(&before))?;
    let asked = Instant::now();
    member.post(&update).await?;
    let mut completed = None;
    loop {
        let left = PICTURE_LIMIT.saturating_sub(asked.elapsed());
        let heard = tokio::time::timeout(left, member.hear()).await;
        let heard = heard.with_context(|| format!("no picture within {PICTURE_LIMIT:?}"))??;
        match heard {
            Heard::Updates(updates) => {
                for update in updates {
                    doc.import(&update)?;
                }
            }
            Heard::Acked(status) => {
                ensure!(status == AckStatus::Ok, "the edit is acked with {status:?}")
            }
            Heard::Joined(_) | Heard::Other => {}
        }
        let node = &doc.get_deep_value().to_json_value()["nodes"][id];
        match node["status"].as_str() {
            Some("completed") => {
                completed.get_or_insert_with(|| asked.elapsed());
                // A description that failed leaves it completed, with the reason.
                if let Some(error) = node["error"].as_str() {
                    bail!("the description failed: {error}");
                }
            }
            Some("fin") => {
                let described = asked.elapsed();
                return Ok((completed.unwrap_or(described), described));
            }
            Some("failed") => bail!("the picture failed: {}", node["error"]),
            _ => {}
        }
    }
}

/// Asks the provider itself, by the uniform interface, and looks until it is done.
async fn directly(provider: SocketAddr, number: usize, prompt: &str) -> Result<Duration> {
    let mut connection = Connection::open(provider).await?;
    let id = format!("bench-{number}-{:08x}", rand::random::<u32>());
    let body =
        json!({"task_id": id, "kind": "image_gen", "prompt": prompt, "params": {}, "inputs": []});
    let asked = Instant::now();
    let (status, answer) = connection
        .json(Method::POST, "/api/tasks/submit", None, Some(&body))
        .await?;
    let task = answer["task_id"].as_str().filter(|_| status == 202);
    let path = format!(
        "/api/tasks/{}",
        task.with_context(|| format!("submit answers {status} {answer}"))?
    );
    loop {
        let (status, answer) = connection.json(Method::GET, &path, None, None).await?;
        match answer["state"].as_str() {
            Some("FINISHED") => return Ok(asked.elapsed()),
            Some("WAITING" | "PROCESSING") if status == 200 => {}
            _ => bail!("the provider answers {status} {answer}"),
        }
        ensure!(
            asked.elapsed() < PICTURE_LIMIT,
            "no picture within {PICTURE_LIMIT:?}"
        );
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
