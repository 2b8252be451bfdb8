//! A small generator of HTTP load: connections that stay open, each with one request at a time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::response::Parts;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::process::Server;
use crate::statistics::Figure;

/// No single request takes longer on a server that works.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// More than one connection can make in the longest measurement.
const MOST_REQUESTS: usize = 2_000_000;

/// What is asked again and again.
#[derive(Debug, Clone)]
pub struct Target {
    pub method: Method,
    pub path: &'static str,
    pub token: Option<String>,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: &'static str,
    pub status: u16,
}

impl Target {
    pub fn get(path: &'static str) -> Self {
        Self {
            method: Method::GET,
            path,
            token: None,
            headers: &[],
            body: "",
            status: 200,
        }
    }
}

/// Asks over so many connections for a while, not counting the beginning.
pub async fn measure(
    server: &Server,
    target: &Target,
    connections: usize,
    warm_up: Duration,
    window: Duration,
) -> Result<Figure> {
    let opened = try_join_all((0..connections).map(|_| Connection::open(server.address))).await?;
    let cpu = server.cpu();
    let begin = Instant::now() + warm_up;
    let end = begin + window;
    let loops = opened.into_iter().map(|mut connection| {
        let target = target.clone();
        tokio::spawn(async move { connection.repeat(&target, begin, end).await })
    });
    let mut latencies = Vec::new();
    let mut requests = 0;
    for one in try_join_all(loops).await? {
        let (of_connection, count) = one?;
        latencies.extend(of_connection);
        requests += count;
    }
    Ok(Figure::rate(latencies, window).with_cpu(server.cpu_since(cpu), requests))
}

/// When the parts of an answer came, and how long it was.
pub struct StreamTimes {
    pub first_byte: Duration,
    pub whole: Duration,
    pub bytes: usize,
}

/// One connection of HTTP/1.1.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: address.to_string(),
        })
    }

    /// Gives the latencies in µs of what was answered between `begin` and `end`, and how many
    /// requests were made altogether.
    async fn repeat(
        &mut self,
        target: &Target,
        begin: Instant,
        end: Instant,
    ) -> Result<(Vec<u32>, u64)> {
        let mut latencies = Vec::new();
        for count in 0..MOST_REQUESTS as u64 {
            let asked = Instant::now();
            if asked >= end {
                return Ok((latencies, count));
            }
            let (status, body) = self
                .send(
                    target.method.clone(),
                    target.path,
                    target.token.as_deref(),
                    target.headers,
                    Bytes::from_static(target.body.as_bytes()),
                )
                .await?;
            ensure!(
                status == target.status,
                "{} {} answers {status}: {}",
                target.method,
                target.path,
                String::from_utf8_lossy(&body)
            );
            let answered = Instant::now();
            if answered >= begin && answered < end {
                latencies.push(u32::try_from((answered - asked).as_micros()).unwrap_or(u32::MAX));
            }
        }
        Ok((latencies, MOST_REQUESTS as u64))
    }

    /// One request and its answer, read whole.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(u16, Bytes)> {
        let (head, body) = self.exchange(method, path, token, headers, body).await?;
        Ok((head.status.as_u16(), body))
    }

    /// The same, with the head of the answer.
    pub async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(Parts, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        let exchange = async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            anyhow::Ok((head, body.collect().await?.to_bytes()))
        };
        let limited = tokio::time::timeout(REQUEST_LIMIT, exchange).await;
        limited
            .with_context(|| format!("{path} is not answered within {REQUEST_LIMIT:?}"))?
            .context(path.to_owned())
    }

    /// Reads an answer as it comes.
    pub async fn stream(&mut self, path: &str, token: &str) -> Result<StreamTimes> {
        let request = Request::get(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(Bytes::new()))?;
        self.sender.ready().await?;
        let asked = Instant::now();
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        ensure!(status == 200, "{path} answers {status}");
        let (mut body, mut bytes, mut first_byte) = (response.into_body(), 0, None);
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                first_byte.get_or_insert_with(|| asked.elapsed());
                bytes += data.len();
            }
        }
        Ok(StreamTimes {
            first_byte: first_byte.context("an empty body")?,
            whole: asked.elapsed(),
            bytes,
        })
    }

    /// The same with JSON both ways.
    pub async fn json(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let headers: &[_] = if body.is_some() {
            &[("content-type", "application/json")]
        } else {
            &[]
        };
        let bytes = body
            .map(|body| Bytes::from(body.to_string()))
            .unwrap_or_default();
        let (status, answer) = self.send(method, path, token, headers, bytes).await?;
        Ok((
            status,
            serde_json::from_slice(&answer).unwrap_or(Value::Null),
        ))
    }
}
