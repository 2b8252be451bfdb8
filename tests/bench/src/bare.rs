//! The baseline of requests: hyper alone, with a fixed answer of about the size of the health
//! route's, in a process of its own with as many threads as the machine has processors.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::process::Server;

const START_LIMIT: Duration = Duration::from_secs(10);

const ANSWER: &[u8] = br#"{"status":"ok","version":"0.1.0","components":{"gateway":{"state":"ok"},"sync":{"state":"ok"},"tasks":{"state":"ok"},"registry":{"state":"ok"},"scheduler":{"state":"ok","last_tick_at_ms":1700000000000,"last_tick_age_ms":900}},"database":{"state":"ok","schema":1}}"#;

/// Starts it.
pub async fn start() -> Result<Server> {
    let mut command = Command::new(std::env::current_exe().context("this executable")?);
    command.arg("bare");
    Server::start("the bare server", command, START_LIMIT).await
}

/// Serves until standard input closes.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("Serving http://{}", listener.local_addr()?);
    let accept = tokio::spawn(async move {
        // Ends with the process; its only clients are those of the benchmark.
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            tokio::spawn(
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
    let closed = tokio::task::spawn_blocking(|| {
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())
    });
    closed.await??;
    accept.abort();
    Ok(())
}

/// The fixed answer, or as many bytes as `/bytes/{number}` asks for, after reading what was sent.
async fn answer(
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let wanted = request.uri().path().strip_prefix("/bytes/");
    let wanted = wanted.and_then(|number| number.parse().ok());
    let mut sent = request.into_body();
    while let Some(frame) = sent.frame().await {
        frame?;
    }
    if let Some(bytes) = wanted {
        return Ok(Response::new(Full::new(Bytes::from(vec![7; bytes]))));
    }
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    let json = hyper::header::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}
