//! Joining a room: from the first byte of the connection until everything is imported and a node can
//! be read, and until all nodes are read; and joining again with all but the last update.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use loro::{LoroDoc, ToJson, VersionVector};

use crate::Bench;
use crate::member::{Heard, Member};
use crate::report::{Aim, Report, Row, number};
use crate::statistics::{Figure, median, ms};

use super::edits::{Canvas, Edits, canvas, edits};
use super::{Subject, Usage, each};

/// A large room, and how it grows: each update of a 10,000-node canvas fits one frame of the
/// protocol, those of a larger one come in fragments.
#[derive(Clone, Copy)]
pub struct Size {
    nodes: usize,
    nodes_per_update: usize,
}

impl Size {
    pub fn of(nodes: usize) -> Self {
        Self {
            nodes,
            nodes_per_update: nodes / 40,
        }
    }
}

/// Between the first join and the others: a room that was just filled may be tidied up meanwhile,
/// which the stack does at every tick, and ticks come every five seconds.
const TIDY: Duration = Duration::from_secs(7);

/// What is expected of the stack.
pub struct Aims {
    pub readable: Aim,
    pub bytes: Option<Aim>,
}

/// Joins of one server.
struct Joins {
    first: Figure,
    readable: Figure,
    whole: Figure,
    megabytes: Figure,
    again: Figure,
    again_kilobytes: Figure,
    /// What came last, for what the client alone needs for it.
    received: Vec<Vec<u8>>,
}

pub async fn measure(
    bench: &Bench,
    report: &mut Report,
    subjects: &[Subject<'_>],
    size: Size,
    aims: Aims,
) -> Result<()> {
    let room = bench.stack()?.project("join").await?;
    let canvas = canvas(size.nodes, size.nodes_per_update)?;
    let times = bench.pick(5, 2);
    let later = edits(&canvas, 0, times + 1)?;
    let measured = each(subjects, async |subject| {
        joins(subject, &room, size, &canvas, &later).await
    })
    .await?;
    let alone = client_alone(&measured.ours.received)?;
    let beside = |row: Row, figure| row.beside("the client alone, on clash's bytes", Some(figure));
    let nodes = number(size.nodes as f64);
    let row = |what: &str, unit, part: fn(&Joins) -> Figure| -> Row {
        measured.row(format!("{what} {nodes} nodes"), unit, part)
    };
    report.add(row("the first join of", "ms", |joins| joins.first));
    let readable = row("join until readable,", "ms", |joins| joins.readable);
    report.add(beside(readable, alone.0).aim(aims.readable));
    let whole = row("join until read whole,", "ms", |joins| joins.whole);
    report.add(beside(whole, alone.1));
    let mut bytes = row("bytes of a join of", "MB", |joins| joins.megabytes);
    bytes.aims.extend(aims.bytes);
    report.add(bytes);
    let again = row("rejoin one update behind,", "ms", |joins| joins.again);
    report.add(again.aim(Aim::AtMost(15.0)));
    let kilobytes = row("bytes of a rejoin,", "KB", |joins| joins.again_kilobytes);
    report.add(kilobytes.aim(Aim::AtMost(10.0)));
    Ok(())
}

/// Fills the room and joins it again and again.
async fn joins(
    subject: &Subject<'_>,
    room: &str,
    size: Size,
    canvas: &Canvas,
    later: &Edits,
) -> Result<Joins> {
    let (address, token) = (subject.server.address, subject.token);
    let mut author = Member::join(address, room, token).await?;
    for (number, update) in canvas.updates.iter().enumerate() {
        author
            .write(update)
            .await
            .with_context(|| format!("update {number} of {} nodes", size.nodes))?;
    }
    let usage = Usage::of(subject.server);
    let first = read(address, room, token, &canvas.version).await?;
    let first = usage.add_to(Figure::of(ms(first.readable)), 1);
    tokio::time::sleep(TIDY).await;

    let usage = Usage::of(subject.server);
    let (mut readable, mut whole) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 1..later.len() {
        // One at a time in memory: they are large.
        drop(last.take());
        let join = read(address, room, token, &canvas.version).await?;
        readable.push(ms(join.readable));
        whole.push(ms(join.whole));
        last = Some(join);
    }
    let Read { doc, received, .. } = last.context("nobody joined")?;
    let readable = usage.add_to(Figure::of(median(&readable)), readable.len() as u64);
    let nodes = doc.get_deep_value().to_json_value()["nodes"]
        .as_object()
        .map_or(0, |nodes| nodes.len());
    ensure!(
        nodes == size.nodes,
        "the newcomer sees {nodes} of {} nodes",
        size.nodes
    );
    let again = rejoins(subject, room, &mut author, &doc, later).await?;
    Ok(Joins {
        first,
        readable,
        whole: Figure::of(median(&whole)),
        megabytes: Figure::of(sum(&received) / 1e6),
        again: again.0,
        again_kilobytes: again.1,
        received,
    })
}

/// Joins with `doc`, which lacks one update each time: times and kilobytes.
async fn rejoins(
    subject: &Subject<'_>,
    room: &str,
    author: &mut Member,
    doc: &LoroDoc,
    later: &Edits,
) -> Result<(Figure, Figure)> {
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let usage = Usage::of(subject.server);
    let mut wanted = doc.oplog_vv();
    for (number, update) in later.iter().enumerate() {
        author.write(update).await?;
        wanted.merge(&LoroDoc::decode_import_blob_meta(update, false)?.partial_end_vv);
        let started = Instant::now();
        let (address, token) = (subject.server.address, subject.token);
        let mut member = Member::enter(address, room, token, &doc.oplog_vv()).await?;
        let received = member_reads(&mut member, doc, &wanted).await?;
        // The first one brings the document's own caches up.
        if number > 0 {
            times.push(ms(started.elapsed()));
            bytes.push(sum(&received));
        }
    }
    let times = usage.add_to(Figure::of(median(&times)), later.len() as u64);
    Ok((times, Figure::of(median(&bytes) / 1e3)))
}

/// A join, and when what was there.
struct Read {
    doc: LoroDoc,
    received: Vec<Vec<u8>>,
    /// Until everything is imported and a node is read.
    readable: Duration,
    /// Until the whole document is read as a value.
    whole: Duration,
}

/// Joins with nothing and reads everything up to a version.
async fn read(
    address: SocketAddr,
    room: &str,
    token: &str,
    wanted: &VersionVector,
) -> Result<Read> {
    let started = Instant::now();
    let doc = LoroDoc::new();
    let mut member = Member::enter(address, room, token, &doc.oplog_vv()).await?;
    let received = member_reads(&mut member, &doc, wanted).await?;
    read_node(&doc)?;
    let readable = started.elapsed();
    std::hint::black_box(doc.get_deep_value());
    Ok(Read {
        whole: started.elapsed(),
        doc,
        received,
        readable,
    })
}

/// Imports what comes until the document has `wanted`, and returns it.
async fn member_reads(
    member: &mut Member,
    doc: &LoroDoc,
    wanted: &VersionVector,
) -> Result<Vec<Vec<u8>>> {
    let mut received = Vec::new();
    while !doc.oplog_vv().includes_vv(wanted) {
        if let Heard::Updates(updates) = member.hear().await? {
            for update in updates {
                doc.import(&update)?;
                received.push(update);
            }
        }
    }
    Ok(received)
}

/// Joins with nothing and reads everything up to the version that the server says it has.
pub async fn read_all(address: SocketAddr, room: &str, token: &str) -> Result<LoroDoc> {
    let doc = LoroDoc::new();
    let mut member = Member::enter(address, room, token, &doc.oplog_vv()).await?;
    loop {
        if let Heard::Joined(version) = member.hear().await? {
            let wanted = VersionVector::decode(&version)?;
            member_reads(&mut member, &doc, &wanted).await?;
            return Ok(doc);
        }
    }
}

/// The same bytes, imported and read without a server: no server can be faster.
fn client_alone(received: &[Vec<u8>]) -> Result<(Figure, Figure)> {
    let started = Instant::now();
    let doc = LoroDoc::new();
    for update in received {
        doc.import(update)?;
    }
    read_node(&doc)?;
    let readable = started.elapsed();
    std::hint::black_box(doc.get_deep_value());
    Ok((Figure::of(ms(readable)), Figure::of(ms(started.elapsed()))))
}

/// Reads the first node, which every room of this benchmark has.
fn read_node(doc: &LoroDoc) -> Result<()> {
    let node = doc.get_map("nodes").get("n0");
    let node = node.and_then(|node| node.into_container().ok()?.into_map().ok());
    let node = node.context("there is no node")?.get_deep_value();
    ensure!(
        node.to_json_value()["title"].is_string(),
        "a node without its title"
    );
    Ok(())
}

fn sum(updates: &[Vec<u8>]) -> f64 {
    updates.iter().map(Vec::len).sum::<usize>() as f64
}
