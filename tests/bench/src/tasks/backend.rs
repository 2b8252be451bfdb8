//! A backend that answers at once: it notes when each submission comes, and calls back with the
//! result where a callback is wanted. It runs in the generator's own thread.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::load::Connection;
use crate::stack::Stack;

/// Connections that callbacks go over.
const CALLERS: usize = 32;
/// More than are ever under way.
const SLOTS: usize = 512;
const ONLINE_LIMIT: Duration = Duration::from_secs(40);

#[derive(Default)]
struct Shared {
    received: Mutex<HashMap<String, Instant>>,
}

pub struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Backend {
    pub async fn start(stack: &Stack) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let backend = Self {
            address: listener.local_addr()?,
            shared: Arc::default(),
        };
        let token = stack.token("server").await?;
        let mut callers = Vec::with_capacity(CALLERS);
        for _ in 0..CALLERS {
            // As many as are waiting tasks, at most.
            let (sender, receiver) = mpsc::unbounded_channel();
            let connection = Connection::open(stack.server.address).await?;
            tokio::spawn(call_back(connection, token.clone(), receiver));
            callers.push(sender);
        }
        let shared = backend.shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (shared, callers) = (shared.clone(), callers.clone());
                let serve =
                    service_fn(move |request| answer(request, shared.clone(), callers.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
            }
        });
        Ok(backend)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// When the submission of a task came, if it has.
    pub fn received(&self, task: &str) -> Option<Instant> {
        let received = &self.shared.received;
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        received.get(task).copied()
    }

    /// Registers for one kind, and waits until tasks are given to it.
    pub async fn register(&self, stack: &Stack, kind: &str) -> Result<()> {
        let token = stack.token("server").await?;
        let mut connection = Connection::open(stack.server.address).await?;
        // One server at one address: a path makes another one of it.
        let url = format!("{}/{kind}", self.url());
        let body = json!({"name": kind, "url": url, "kinds": [kind], "slots": SLOTS});
        let posted = connection
            .json(Method::POST, "/api/servers", Some(&token), Some(&body))
            .await?;
        ensure!(
            posted.0 == 201,
            "POST /api/servers: {} {}",
            posted.0,
            posted.1
        );
        let id = posted.1["id"].as_str().context("a server without an id")?;
        let path = format!("/api/servers/{id}");
        let started = Instant::now();
        loop {
            let (_, server) = connection
                .json(Method::GET, &path, Some(&token), None)
                .await?;
            if server["state"] == "ONLINE" {
                return Ok(());
            }
            ensure!(started.elapsed() < ONLINE_LIMIT, "not online: {server}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

type Caller = mpsc::UnboundedSender<(String, String)>;

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    callers: Vec<Caller>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    if request.method() != Method::POST {
        // Health, and polls of what was never called back.
        return Ok(said(StatusCode::OK, &result("polled")));
    }
    let body = request.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let task = body["task_id"].as_str().unwrap_or(&path).to_owned();
    let number = {
        let received = &shared.received;
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        received.entry(task.clone()).or_insert_with(Instant::now);
        received.len()
    };
    if let Some(url) = body["callback_url"].as_str() {
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        // Ends with the process; nobody is left to call.
        let _ = callers[number % callers.len()].send((format!("/{path}"), task.clone()));
    }
    Ok(said(StatusCode::ACCEPTED, &json!({ "task_id": task })))
}

fn result(task: &str) -> Value {
    json!({"task_id": task, "state": "FINISHED", "progress": 1.0, "result": {"text": "done"}})
}

fn said(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, json);
    response
}

async fn call_back(
    mut connection: Connection,
    token: String,
    mut wanted: mpsc::UnboundedReceiver<(String, String)>,
) {
    while let Some((path, task)) = wanted.recv().await {
        let body = result(&task);
        let sent = connection
            .json(Method::PUT, &path, Some(&token), Some(&body))
            .await;
        match sent {
            Ok((204 | 409, _)) => {}
            other => eprintln!("a callback of {task}: {other:?}"),
        }
    }
}
