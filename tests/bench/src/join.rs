//! Joining a large room: from the first byte of the connection until the document is imported and
//! read whole by the client.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use loro::{ExportMode, LoroDoc, ToJson, VersionVector};

use crate::Bench;
use crate::member::{Heard, Member};
use crate::report::{Report, Row};
use crate::rooms::note;
use crate::statistics::{Figure, median, ms};

const NODES: usize = 10_000;
/// A room grows by many updates; this many nodes each fit one frame of the protocol.
const NODES_PER_UPDATE: usize = 250;

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    let (room, token) = (stack.project("join").await?, stack.token("editor").await?);
    let updates = updates()?;
    build(stack.server.address, &room, &token, &updates).await?;
    let mut joins = Vec::new();
    for _ in 0..bench.pick(5, 2) {
        joins.push(read(stack.server.address, &room, &token).await?);
    }
    let last = joins.last().context("nobody joined")?;
    let nodes = last.doc.get_deep_value().to_json_value()["nodes"]
        .as_object()
        .map_or(0, |nodes| nodes.len());
    ensure!(nodes == NODES, "the newcomer sees {nodes} of {NODES} nodes");

    let simple = async {
        let server = bench.simple_server.as_ref().context("it does not run")?;
        build(server.address, &room, "", &updates).await?;
        read(server.address, &room, "").await
    };
    let simple = simple.await;
    if let (Err(why), Some(_)) = (&simple, &bench.simple_server) {
        report.skip(format!("SimpleServer: join of {NODES} nodes: {why:#}"));
    }
    // What the client alone needs for the same bytes: no server can be faster.
    let local = local(&last.received)?;
    let middle = |part: fn(&Read) -> Duration| {
        Figure::of(median(
            &joins.iter().map(|join| ms(part(join))).collect::<Vec<_>>(),
        ))
    };
    let row = |what: &str, figure, unit| {
        Row::new(
            "join",
            format!("join of {NODES} nodes: {what}"),
            unit,
            figure,
        )
    };
    report.add(
        row(
            "the first, until readable",
            Figure::of(ms(joins[0].readable)),
            "ms",
        )
        .beside("client alone", Some(local)),
    );
    report.add(
        row("until readable", middle(|join| join.readable), "ms")
            .beside("client alone", Some(local)),
    );
    report.add(row(
        "until all bytes are here",
        middle(|join| join.imported),
        "ms",
    ));
    let bytes =
        |read: &Read| Figure::of(read.received.iter().map(Vec::len).sum::<usize>() as f64 / 1e6);
    report.add(row("bytes", bytes(last), "MB"));
    if let Ok(simple) = &simple {
        report.add(row(
            "SimpleServer's, until readable",
            Figure::of(ms(simple.readable)),
            "ms",
        ));
    }
    Ok(())
}

/// The room's content as the updates of one person.
fn updates() -> Result<Vec<Vec<u8>>> {
    let doc = LoroDoc::new();
    let mut updates = Vec::new();
    let mut sent = VersionVector::default();
    for number in 0..NODES {
        note(&doc, &format!("n{number}"), number)?;
        if (number + 1) % NODES_PER_UPDATE == 0 {
            doc.commit();
            updates.push(doc.export(ExportMode::updates(&sent))?);
            sent = doc.oplog_vv();
        }
    }
    Ok(updates)
}

async fn build(address: SocketAddr, room: &str, token: &str, updates: &[Vec<u8>]) -> Result<()> {
    let (mut member, _) = Member::join(address, room, token).await?;
    for (number, update) in updates.iter().enumerate() {
        member
            .write(update)
            .await
            .with_context(|| format!("update {number} of the large room"))?;
    }
    Ok(())
}

/// A join, and when what was there.
pub struct Read {
    pub doc: LoroDoc,
    received: Vec<Vec<u8>>,
    /// Until everything of the server's version is imported.
    imported: Duration,
    /// Until the whole document is read as a value.
    readable: Duration,
}

/// Joins with nothing and reads everything.
pub async fn read(address: SocketAddr, room: &str, token: &str) -> Result<Read> {
    let started = Instant::now();
    let (mut member, version) = Member::join(address, room, token).await?;
    let version = match version.as_slice() {
        [] => VersionVector::default(),
        bytes => VersionVector::decode(bytes)?,
    };
    let doc = LoroDoc::new();
    let mut received = Vec::new();
    while !doc.oplog_vv().includes_vv(&version) {
        if let Heard::Updates(updates) = member.hear().await? {
            for update in updates {
                doc.import(&update)?;
                received.push(update);
            }
        }
    }
    let imported = started.elapsed();
    std::hint::black_box(doc.get_deep_value());
    Ok(Read {
        doc,
        received,
        imported,
        readable: started.elapsed(),
    })
}

/// The same bytes, imported and read without a server.
fn local(received: &[Vec<u8>]) -> Result<Figure> {
    let started = Instant::now();
    let doc = LoroDoc::new();
    for update in received {
        doc.import(update)?;
    }
    std::hint::black_box(doc.get_deep_value());
    Ok(Figure::of(ms(started.elapsed())))
}
