//! One writer and many readers: how long an edit is on its way to each of them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use tokio::time::MissedTickBehavior;

use crate::Bench;
use crate::member::{Heard, Member};
use crate::report::{Aim, Report};
use crate::statistics::{Figure, micros};

use super::edits::{Edits, Script, canvas, edits, script};
use super::{Subject, Usage, each};

const READERS: usize = 200;
const UPDATES_PER_S: usize = 30;
const NODES: usize = 200;
/// The first deliveries find cold caches.
const WARM_UP_UPDATES: usize = 15;

/// What the readers look for: the number of an update by its bytes, and when it was sent.
struct Sent {
    numbers: HashMap<Vec<u8>, usize>,
    times: Vec<OnceLock<Instant>>,
}

pub async fn measure(bench: &Bench, report: &mut Report, subjects: &[Subject<'_>]) -> Result<()> {
    let count = WARM_UP_UPDATES + UPDATES_PER_S * bench.pick(5, 1);
    let room = bench.stack()?.project("delivery").await?;
    let canvas = canvas(NODES, NODES)?;
    let updates = edits(&canvas, 0, count)?;
    let frames = script(&room, 0, &updates)?;
    let measured = each(subjects, async |subject| {
        deliver(subject, &room, &canvas.updates[0], &updates, &frames).await
    })
    .await?;
    let what = format!("deliveries, {UPDATES_PER_S} updates/s to {READERS} readers");
    let row = measured.row(what, "/s", |figure| *figure);
    report.add(row.aim(Aim::P50AtMost(4.0)).aim(Aim::P95AtMost(8.0)));
    Ok(())
}

async fn deliver(
    subject: &Subject<'_>,
    room: &str,
    first: &[u8],
    updates: &Edits,
    frames: &Script,
) -> Result<Figure> {
    let (address, token) = (subject.server.address, subject.token);
    let mut writer = Member::join(address, room, token).await?;
    writer
        .write(first)
        .await
        .context("the room's first content")?;
    let readers = try_join_all((0..READERS).map(|_| Member::join(address, room, token))).await?;
    let numbered = updates.iter().cloned().enumerate();
    let sent = Arc::new(Sent {
        numbers: numbered.map(|(number, update)| (update, number)).collect(),
        times: updates.iter().map(|_| OnceLock::new()).collect(),
    });
    let readers: Vec<_> = readers
        .into_iter()
        .map(|reader| tokio::spawn(listen(reader, sent.clone())))
        .collect();

    let usage = Usage::of(subject.server);
    let mut clock = tokio::time::interval(Duration::from_secs(1) / UPDATES_PER_S as u32);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut begin = Instant::now();
    for (number, (batch, frame)) in frames.iter().enumerate() {
        clock.tick().await;
        let now = Instant::now();
        if number == WARM_UP_UPDATES {
            begin = now;
        }
        let _ = sent.times[number].set(now);
        writer.send(frame.clone()).await?;
        writer.acked(*batch).await?;
    }
    let mut latencies = Vec::new();
    for reader in try_join_all(readers).await? {
        latencies.extend(reader?);
    }
    let figure = Figure::rate(latencies, begin.elapsed());
    Ok(usage.add_to(figure, (READERS * frames.len()) as u64))
}

/// A reader, until the last update has come.
async fn listen(mut reader: Member, sent: Arc<Sent>) -> Result<Vec<u32>> {
    let mut latencies = Vec::with_capacity(sent.times.len());
    let mut left = sent.times.len();
    while left > 0 {
        let Heard::Updates(updates) = reader.hear().await? else {
            continue;
        };
        let now = Instant::now();
        // What is not among them is the room's first content.
        for number in updates.iter().filter_map(|update| sent.numbers.get(update)) {
            let time = sent.times[*number]
                .get()
                .context("heard before it was sent")?;
            left -= 1;
            if *number >= WARM_UP_UPDATES {
                latencies.push(micros(now - *time));
            }
        }
    }
    Ok(latencies)
}
