//! One room and 20 writers in closed loop: each sends one small edit, waits for the Ack, sends the
//! next. The same frames, prepared before, go to the stack and to the SimpleServer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use loro::{ExportMode, LoroDoc, LoroMap, ToJson};
use protocol::BatchId;
use protocol::fragment::encode_update;
use protocol::frame::Crdt;
use tokio::sync::Barrier;

use crate::Bench;
use crate::join::read;
use crate::member::Member;
use crate::process::{Server, memory_mb};
use crate::report::{Aim, Report, Row};
use crate::statistics::Figure;

const WRITERS: usize = 20;
/// What the room holds before: a canvas in ordinary use.
const NODES: usize = 200;
const WARM_UP: Duration = Duration::from_millis(500);
/// Edits prepared for each writer: enough for 10,000 acks/s over the whole time.
const EDITS: usize = 2_800;
const EDITS_QUICK: usize = 800;

/// The frames of one writer, in the order of its edits; edit `n` sets `x` of its node to `n`.
type Script = Arc<Vec<(BatchId, Bytes)>>;

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    let room = stack.project("rooms").await?;
    let token = stack.token("editor").await?;
    let (window, edits) = bench.pick(
        (Duration::from_secs(5), EDITS),
        (Duration::from_millis(1_500), EDITS_QUICK),
    );
    let canvas = canvas()?;
    let scripts = (0..WRITERS)
        .map(|writer| script(&room, writer, edits))
        .collect::<Result<Vec<_>>>()?;

    let before = memory_mb(stack.server.pid).ok();
    let (ours, last) = closed_loop(&stack.server, &room, &token, &canvas, &scripts, window).await?;
    let grown = memory_mb(stack.server.pid).ok().zip(before);
    let beside = match &bench.simple_server {
        Some(server) => Some(
            closed_loop(server, &room, "", &canvas, &scripts, window)
                .await?
                .0,
        ),
        None => None,
    };
    report.add(
        Row::new(
            "rooms",
            format!("durable acks, 1 room × {WRITERS} writers"),
            "/s",
            ours,
        )
        .beside("SimpleServer (not durable)", beside)
        .aim(Aim::AtLeast(1_000.0))
        .aim(Aim::P50AtMost(15.0)),
    );
    if let Some((after, before)) = grown {
        let figure = Figure::of(after);
        let what = format!(
            "memory after that, {} MB before",
            crate::report::number(before)
        );
        report.add(Row::new("rooms", what, "MB", figure));
    }
    verify(stack.server.address, &room, &token, &last).await
}

/// The room's first content, as one update.
fn canvas() -> Result<Vec<u8>> {
    let doc = LoroDoc::new();
    for number in 0..NODES {
        note(&doc, &format!("n{number}"), number)?;
    }
    doc.commit();
    Ok(doc.export(ExportMode::all_updates())?)
}

/// An idle node with the fields of an ordinary one.
pub fn note(doc: &LoroDoc, id: &str, number: usize) -> Result<LoroMap> {
    let node = doc.get_map("nodes").ensure_mergeable_map(id)?;
    node.insert("type", "note")?;
    node.insert("status", "idle")?;
    node.insert("x", (number % 100 * 240) as i64)?;
    node.insert("y", (number / 100 * 180) as i64)?;
    node.insert("w", 220i64)?;
    node.insert("h", 160i64)?;
    node.insert("title", format!("Note {number}"))?;
    node.insert("text", format!("What happens in shot {number} of the film"))?;
    Ok(node)
}

/// Edits of a peer of its own, each exported as the update since the one before. They depend on
/// nothing of the other writers, so they can be made in advance.
fn script(room: &str, writer: usize, edits: usize) -> Result<Script> {
    let doc = LoroDoc::new();
    let node = note(&doc, &node_id(writer), NODES + writer)?;
    let mut frames = Vec::with_capacity(edits);
    let mut sent = loro::VersionVector::default();
    for edit in 0..edits {
        node.insert("x", edit as i64)?;
        doc.commit();
        let update = doc.export(ExportMode::updates(&sent))?;
        sent = doc.oplog_vv();
        let batch = BatchId::from_u64(((writer as u64) << 32) | edit as u64);
        let frame = encode_update(Crdt::Loro, room, batch, &update)?.swap_remove(0);
        frames.push((batch, Bytes::from(frame)));
    }
    Ok(Arc::new(frames))
}

fn node_id(writer: usize) -> String {
    format!("w{writer}")
}

/// Runs the writers, and gives the figure and each writer's last acked edit.
async fn closed_loop(
    server: &Server,
    room: &str,
    token: &str,
    canvas: &[u8],
    scripts: &[Script],
    window: Duration,
) -> Result<(Figure, Vec<usize>)> {
    let (mut first, _) = Member::join(server.address, room, token).await?;
    first
        .write(canvas)
        .await
        .context("the room's first content")?;
    drop(first);
    let start = Arc::new(Barrier::new(scripts.len()));
    let cpu = server.cpu();
    let writers = scripts.iter().map(|script| {
        let (script, start) = (script.clone(), start.clone());
        let (room, token, address) = (room.to_owned(), token.to_owned(), server.address);
        tokio::spawn(async move {
            let joined = Member::join(address, &room, &token).await;
            // Also of those who could not join, so that nobody waits for them.
            start.wait().await;
            let (mut member, _) = joined?;
            write(&mut member, &script, window).await
        })
    });
    let mut latencies = Vec::new();
    let mut last = Vec::new();
    for written in try_join_all(writers).await? {
        let (of_writer, edits) = written?;
        latencies.extend(of_writer);
        last.push(edits);
    }
    let acks = last.iter().map(|edit| *edit as u64 + 1).sum();
    Ok((
        Figure::rate(latencies, window).with_cpu(server.cpu_since(cpu), acks),
        last,
    ))
}

/// One writer: gives the latencies inside the window, and the number of its last acked edit.
async fn write(
    member: &mut Member,
    script: &Script,
    window: Duration,
) -> Result<(Vec<u32>, usize)> {
    let begin = Instant::now() + WARM_UP;
    let end = begin + window;
    let mut latencies = Vec::with_capacity(script.len());
    for (edit, (batch, frame)) in script.iter().enumerate() {
        let sent = Instant::now();
        member.send(frame.clone()).await?;
        member
            .acked(*batch)
            .await
            .with_context(|| format!("edit {edit}"))?;
        let acked = Instant::now();
        if acked >= begin && acked < end {
            latencies.push(u32::try_from((acked - sent).as_micros()).unwrap_or(u32::MAX));
        }
        if acked >= end {
            return Ok((latencies, edit));
        }
    }
    anyhow::bail!(
        "{} prepared edits were too few for {window:?}",
        script.len()
    )
}

/// A newcomer finds every acked edit.
async fn verify(address: SocketAddr, room: &str, token: &str, last: &[usize]) -> Result<()> {
    let doc = read(address, room, token)
        .await
        .context("a newcomer after the writers")?
        .doc;
    let document = doc.get_deep_value().to_json_value();
    for (writer, edit) in last.iter().enumerate() {
        let x = document["nodes"][node_id(writer)]["x"].as_i64();
        let found = x.is_some_and(|x| x >= *edit as i64);
        ensure!(
            found,
            "writer {writer}: edit {edit} was acked, but the room has {x:?}"
        );
    }
    Ok(())
}
