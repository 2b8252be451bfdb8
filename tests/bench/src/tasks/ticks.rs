//! What a tick costs when nothing is due, and with many servers registered. The application stands
//! alone here: the edge lets nobody tick from outside.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::Bench;
use crate::load::Connection;
use crate::report::{Aim, Report, Row};
use crate::stack::Stack;
use crate::statistics::{Figure, micros};

use super::backend::Backend;

/// Between two ticks, so that time passes in which servers become due.
const PAUSE: Duration = Duration::from_millis(50);

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.state_dir.join("ticks");
    let stack = Stack::with(&bench.clash, &folder, &["--no-atelier", "--no-edge"]).await?;
    let secret = std::fs::read(folder.join("secret")).context("the stack's secret")?;
    let count = bench.pick(200, 60);
    let row = |what: String, figure| Row::new("tasks", what, "/s", figure);

    ticks(&stack, &secret, 20).await?;
    let figure = ticks(&stack, &secret, count).await?;
    let nothing = row("tick with nothing due".to_owned(), figure);
    report.add(nothing.aim(Aim::P50AtMost(5.0)));

    let servers = bench.pick(500, 100);
    let backend = Backend::start(&stack).await?;
    register(&stack, &backend, servers).await?;
    let figure = ticks(&stack, &secret, count).await?;
    report.add(row(
        format!("tick with {servers} servers, each checked every 20 s"),
        figure,
    ));
    stack.server.stop().await;
    Ok(())
}

/// The durations of ticks, one after the other; the rate is what one could make of them.
async fn ticks(stack: &Stack, secret: &[u8], count: usize) -> Result<Figure> {
    let mut connection = Connection::open(stack.server.address).await?;
    let cpu = stack.server.cpu();
    let (mut latencies, mut whole) = (Vec::with_capacity(count), Duration::ZERO);
    for _ in 0..count {
        let token = service_token(secret)?;
        let asked = Instant::now();
        let (status, answer) = connection
            .send(
                Method::POST,
                "/internal/v1/tick",
                Some(&token),
                &[],
                Bytes::new(),
            )
            .await?;
        let took = asked.elapsed();
        let answer = String::from_utf8_lossy(&answer);
        ensure!(status == 200, "a tick answers {status} {answer}");
        latencies.push(micros(took));
        whole += took;
        tokio::time::sleep(PAUSE).await;
    }
    let figure = Figure::rate(latencies, whole);
    Ok(figure.with_cpu(stack.server.cpu_since(cpu), count as u64))
}

/// As the scheduler presents itself (SPEC section 2).
fn service_token(secret: &[u8]) -> Result<String> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({"sub": "bench", "role": "service", "aud": "clash:gateway",
        "exp": now_s + 60});
    let key = EncodingKey::from_secret(secret);
    Ok(jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &key,
    )?)
}

async fn register(stack: &Stack, backend: &Backend, servers: usize) -> Result<()> {
    let token = stack.token("server").await?;
    let mut connection = Connection::open(stack.server.address).await?;
    for number in 0..servers {
        let url = format!("{}/{number}", backend.url());
        let body = json!({"name": number.to_string(), "url": url, "kinds": ["assemble"]});
        let (status, answer) = connection
            .json(Method::POST, "/api/servers", Some(&token), Some(&body))
            .await?;
        ensure!(status == 201, "POST /api/servers: {status} {answer}");
    }
    Ok(())
}
