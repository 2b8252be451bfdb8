//! Five thousand connections that say nothing cost little, and the edge goes on. Alone in its file,
//! because it measures the process.
#![cfg(target_os = "linux")]

mod common;

use common::client::{Client, join, update};
use common::server::{Raw, soon};
use common::{Edge, edge_with, options};
use futures::StreamExt;

const CONNECTIONS: usize = 5_000;
/// Of one idle connection, in this process: both of its sockets, the client's few bytes, and all
/// that the edge holds for it. It was 16 KiB for each kind when this was written, half of which is
/// a read buffer.
const MOST_BYTES: usize = 40 * 1024;
/// How many are opened at a time: the backlog of a listening socket is 1,024.
const AT_ONCE: usize = 100;

/// Resident memory of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

/// A connection after one request.
async fn kept(edge: &Edge) -> Raw {
    let mut raw = Raw::to(edge).await;
    raw.says("GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n").await;
    raw.until("not here").await;
    raw
}

/// A member of a room, byte by byte: a client's own buffers would be measured, too.
async fn member(edge: &Edge) -> Raw {
    let mut raw = Raw::to(edge).await;
    raw.says(
        "GET /sync/p1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await;
    assert!(raw.head().await.starts_with("HTTP/1.1 101 "));
    let frame = join("p1", "editor");
    let length = u8::try_from(frame.len()).unwrap();
    assert!(length < 126);
    // A mask of zeros leaves bytes as they are.
    let head = [0x82, 0x80 | length, 0, 0, 0, 0];
    raw.says([head.as_slice(), &frame].concat()).await;
    raw.until("p1").await;
    raw
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op2_five_thousand_idle_connections_cost_little() {
    let mut options = options();
    if let edge::OpenFiles::TooFew { allowed, .. } = edge::raise_open_files(&mut options.limits) {
        // Both ends of each connection are files of this process.
        let wanted = 2 * CONNECTIONS as u64 + 500;
        assert!(
            allowed >= wanted,
            "this test needs {wanted} open files, the system allows {allowed} (`ulimit -Hn`)"
        );
    }
    let edge = edge_with(options).await;
    let mut alice = Client::editor(edge.address, "p1").await;
    drop(kept(&edge).await);

    let mut held = Vec::new();
    let mut costs = Vec::new();
    for half in ["HTTP", "WebSocket"] {
        let before = resident();
        let opening = futures::stream::iter(0..CONNECTIONS / 2).map(|_| async {
            match half {
                "HTTP" => kept(&edge).await,
                _ => member(&edge).await,
            }
        });
        let opened: Vec<Raw> = opening.buffer_unordered(AT_ONCE).collect().await;
        let bytes = resident().saturating_sub(before) / opened.len();
        println!(
            "{} idle {half} connections: {bytes} bytes each",
            opened.len()
        );
        costs.push(bytes);
        held.push(opened);
    }
    assert!(costs.iter().all(|bytes| *bytes < MOST_BYTES), "{costs:?}");

    // All are there, and the edge goes on: what one says, everybody hears.
    alice.says(update("p1", 1, &["hello"])).await;
    alice.hears("Ack p1 1 Ok").await;
    for members in held.iter_mut().skip(1) {
        for member in members {
            member.until("hello").await;
        }
    }
    for connection in &mut held[0] {
        connection
            .says("GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        connection.until("not here").await;
    }
    // And it ends in order, all at once.
    edge.shutdown.cancel();
    let mut edge = edge;
    soon(&mut edge.served).await.unwrap().unwrap();
}
