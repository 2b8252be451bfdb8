//! Writers in closed loop: each sends one small edit, waits for the Ack, sends the next; each edit
//! goes to the others in the room, too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use loro::ToJson;
use tokio::sync::Barrier;

use crate::Bench;
use crate::member::Member;
use crate::report::{Aim, Report};
use crate::statistics::{Figure, micros};

use super::edits::{Script, canvas, edits, node_id, script};
use super::join::read_all;
use super::{Subject, Usage, each};

/// What a room holds before: a canvas in ordinary use.
const NODES: usize = 200;
const WARM_UP: Duration = Duration::from_millis(500);
/// Edits are prepared for so many acks a second, several times what any server here makes, shared
/// out evenly, and twice that because writers are not equally quick.
const PREPARED_PER_S: usize = 10_000;
/// A single writer cannot be quicker than a round trip and a write to the disk.
const PREPARED_PER_WRITER_AND_S: usize = 4_000;

/// How many write.
#[derive(Clone, Copy)]
pub struct Load {
    rooms: usize,
    /// In each room.
    writers: usize,
}

impl Load {
    pub fn new(rooms: usize, writers: usize) -> Self {
        Self { rooms, writers }
    }

    fn edits(self, window: Duration) -> usize {
        let share = 2 * PREPARED_PER_S / (self.rooms * self.writers);
        let per_s = share.min(PREPARED_PER_WRITER_AND_S);
        (per_s as f64 * (window + WARM_UP).as_secs_f64()) as usize
    }
}

/// A room, and what each of its writers sends.
struct Prepared {
    room: String,
    scripts: Vec<Script>,
}

pub async fn measure(
    bench: &Bench,
    report: &mut Report,
    subjects: &[Subject<'_>],
    load: Load,
    aims: Vec<Aim>,
) -> Result<()> {
    let window = Duration::from_millis(bench.pick(5_000, 1_500));
    let canvas = canvas(NODES, NODES)?;
    let of_writers = (0..load.writers)
        .map(|writer| edits(&canvas, writer, load.edits(window)))
        .collect::<Result<Vec<_>>>()?;
    let prepare = |room: String| {
        let scripts = of_writers.iter().enumerate();
        let scripts = scripts.map(|(writer, edits)| script(&room, writer, edits));
        let scripts = scripts.collect::<Result<_>>()?;
        Ok(Prepared { room, scripts })
    };
    let rooms = bench.stack()?.projects("acks", load.rooms).await?;
    let rooms = rooms.into_iter().map(prepare).collect::<Result<Vec<_>>>()?;

    let measured = each(subjects, async |subject| {
        closed_loop(subject, &canvas.updates[0], &rooms, window).await
    })
    .await?;
    let many = if load.rooms == 1 { "room" } else { "rooms" };
    let what = format!(
        "durable acks, {} {many} × {} writers",
        load.rooms, load.writers
    );
    let mut row = measured.row(what, "/s", |(figure, _)| *figure);
    row.aims = aims;
    report.add(row);
    let ours = &subjects[0];
    for (room, last) in rooms.iter().zip(measured.ours.1.chunks(load.writers)) {
        verify(ours.server.address, &room.room, ours.token, last).await?;
    }
    Ok(())
}

/// Runs the writers, and gives the figure and each writer's last acked edit, room after room.
async fn closed_loop(
    subject: &Subject<'_>,
    first: &[u8],
    rooms: &[Prepared],
    window: Duration,
) -> Result<(Figure, Vec<usize>)> {
    let (address, token) = (subject.server.address, subject.token);
    for room in rooms {
        let mut member = Member::join(address, &room.room, token).await?;
        member
            .write(first)
            .await
            .context("the room's first content")?;
    }
    let count: usize = rooms.iter().map(|room| room.scripts.len()).sum();
    let start = Arc::new(Barrier::new(count + 1));
    let writers = rooms.iter().flat_map(|room| {
        let start = start.clone();
        room.scripts.iter().map(move |script| {
            let (script, start) = (script.clone(), start.clone());
            let (room, token) = (room.room.clone(), token.to_owned());
            tokio::spawn(async move {
                let joined = Member::join(address, &room, &token).await;
                // Also of those who could not join, so that nobody waits for them.
                start.wait().await;
                write(&mut joined?, &script, window).await
            })
        })
    });
    // Collected, so that all of them run while this waits.
    let writers: Vec<_> = writers.collect();
    start.wait().await;
    let usage = Usage::of(subject.server);
    let mut latencies = Vec::new();
    let mut last = Vec::new();
    for written in try_join_all(writers).await? {
        let (of_writer, edits) = written?;
        latencies.extend(of_writer);
        last.push(edits);
    }
    let acks = last.iter().map(|edit| *edit as u64 + 1).sum();
    let figure = usage.add_to(Figure::rate(latencies, window), acks);
    Ok((figure, last))
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
            latencies.push(micros(acked - sent));
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
    let doc = read_all(address, room, token)
        .await
        .context("a newcomer after the writers")?;
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
