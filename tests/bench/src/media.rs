//! Files through the entrance: 100 MB up and down beside hyper alone, and one MB out of a GB.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Method;

use crate::load::Connection;
use crate::report::{Report, Row};
use crate::statistics::{Figure, median, ms};
use crate::{Bench, bare};

const MEGABYTE: usize = 1_000_000;
/// Of the large file, whose size the upload says beforehand.
const PIECE: usize = 200 * MEGABYTE;
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    let (project, token) = (stack.project("media").await?, stack.token("editor").await?);
    let bare = bare::start().await?;
    let mut ours = Connection::open(stack.server.address).await?;
    let mut beside = Connection::open(bare.address).await?;
    let size = bench.pick(100, 20) * MEGABYTE;
    let rate = |began: Instant| Figure::of(size as f64 / 1e6 / began.elapsed().as_secs_f64());

    let bytes = noise(size);
    let began = Instant::now();
    let path = format!("/api/assets?project={project}");
    let headers = [("content-type", "application/octet-stream")];
    let (status, answer) = ours
        .send(Method::POST, &path, Some(&token), &headers, bytes.clone())
        .await?;
    let up = rate(began);
    ensure!(status == 201, "the upload answers {status}");
    let asset: serde_json::Value = serde_json::from_slice(&answer)?;
    let source = asset["src"].as_str().context("no src")?.to_owned();
    let began = Instant::now();
    beside
        .send(Method::POST, "/", None, &[], bytes.clone())
        .await?;
    let bare_up = rate(began);
    let name = |what: &str| format!("{what} of {} MB", size / MEGABYTE);
    report.add(Row::new("media", name("upload"), "MB/s", up).beside("bare hyper", Some(bare_up)));

    let began = Instant::now();
    let times = ours.stream(&source, &token).await?;
    let down = rate(began);
    ensure!(times.bytes == size, "{} of {size} bytes came", times.bytes);
    let began = Instant::now();
    beside.stream(&format!("/bytes/{size}"), "none").await?;
    let bare_down = rate(began);
    report.add(
        Row::new("media", name("download"), "MB/s", down).beside("bare hyper", Some(bare_down)),
    );
    bare.stop().await;

    let pieces = bench.pick(5, 1);
    let source = large(&mut ours, &project, &token, pieces).await?;
    let mut times = Vec::new();
    for at in 0..20 {
        let first = at * (pieces * PIECE - MEGABYTE) / 20;
        let range = format!("bytes={first}-{}", first + MEGABYTE - 1);
        let began = Instant::now();
        let (status, body) = ours
            .send(
                Method::GET,
                &source,
                Some(&token),
                &[("range", &range)],
                Bytes::new(),
            )
            .await?;
        ensure!(
            status == 206 && body.len() == MEGABYTE,
            "{range}: {status}, {} bytes",
            body.len()
        );
        times.push(ms(began.elapsed()));
    }
    let what = format!("1 MB out of {} MB", pieces * PIECE / MEGABYTE);
    report.add(Row::new("media", what, "ms", Figure::of(median(&times))));
    Ok(())
}

/// Uploads a file in pieces, and gives where it is.
async fn large(
    connection: &mut Connection,
    project: &str,
    token: &str,
    pieces: usize,
) -> Result<String> {
    let length = (pieces * PIECE).to_string();
    let metadata = format!("project {}", STANDARD.encode(project.as_bytes()));
    let headers = [
        TUS,
        ("upload-length", &length),
        ("upload-metadata", &metadata),
    ];
    let (head, _) = connection
        .exchange(
            Method::POST,
            "/api/uploads",
            Some(token),
            &headers,
            Bytes::new(),
        )
        .await?;
    ensure!(head.status == 201, "the upload answers {}", head.status);
    let place = head.headers.get("location").context("no Location")?;
    let place = place.to_str()?.to_owned();
    let path = place
        .find("/api/")
        .map_or(place.as_str(), |at| &place[at..]);
    let bytes = noise(PIECE);
    for at in 0..pieces {
        let offset = (at * PIECE).to_string();
        let headers = [
            TUS,
            ("upload-offset", &offset),
            ("content-type", "application/offset+octet-stream"),
        ];
        let (head, _) = connection
            .exchange(Method::PATCH, path, Some(token), &headers, bytes.clone())
            .await?;
        ensure!(head.status == 204, "a piece answers {}", head.status);
        if let Some(source) = head.headers.get("asset-src") {
            return Ok(source.to_str()?.to_owned());
        }
    }
    anyhow::bail!("the last piece made no asset")
}

/// Bytes that are not on the disk yet.
fn noise(size: usize) -> Bytes {
    let mut state = rand::random::<u64>() | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    Bytes::from(bytes)
}
