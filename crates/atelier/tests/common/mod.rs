//! A running atelier and a small platform for tests.

use atelier::{Options, Registration};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub struct Atelier {
    pub base: String,
    pub client: reqwest::Client,
    shutdown: CancellationToken,
    served: JoinHandle<anyhow::Result<()>>,
    _dir: tempfile::TempDir,
}

pub async fn start(platform: Option<&Platform>, change: impl FnOnce(&mut Options)) -> Atelier {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = Options::new(dir.path());
    options.register = platform.map(|platform| {
        let count = AtomicU32::new(0);
        Registration {
            platform_url: platform.base.clone(),
            token: Arc::new(move || {
                format!("platform-token-{}", count.fetch_add(1, Ordering::Relaxed))
            }),
            name: "test atelier".to_owned(),
        }
    });
    change(&mut options);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(atelier::serve(listener, options, shutdown.clone()));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client");
    Atelier {
        base,
        client,
        shutdown,
        served,
        _dir: dir,
    }
}

impl Atelier {
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub async fn submit(&self, key: &str, body: &Value) -> (u16, Value) {
        let response = self
            .client
            .post(self.url("/api/tasks/submit"))
            .header("idempotency-key", key)
            .json(body)
            .send()
            .await
            .expect("answer");
        (
            response.status().as_u16(),
            response.json().await.expect("json"),
        )
    }

    pub async fn task(&self, id: &str) -> Value {
        self.client
            .get(self.url(&format!("/api/tasks/{id}")))
            .send()
            .await
            .expect("answer")
            .json()
            .await
            .expect("json")
    }

    pub async fn ended(&self, id: &str) -> Value {
        let begun = Instant::now();
        loop {
            let task = self.task(id).await;
            if !matches!(task["state"].as_str(), Some("WAITING" | "PROCESSING")) {
                return task;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{task}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(15), self.served)
            .await
            .expect("in time")
            .expect("no panic")
            .expect("served");
    }
}

pub async fn wait_for(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited too long");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Default)]
struct Seen {
    registered: Mutex<Option<Value>>,
    gone: Mutex<Vec<String>>,
    results: Mutex<Vec<(String, String, Value)>>,
    assets: Mutex<HashMap<String, Vec<u8>>>,
    failures_left: AtomicU32,
}

/// Takes registrations, heartbeats, callbacks; serves assets.
pub struct Platform {
    base: String,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Platform {
    pub async fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let app = Router::new()
            .route("/api/servers", post(register))
            .route(
                "/api/servers/{id}/heartbeat",
                post(async || StatusCode::NO_CONTENT),
            )
            .route("/api/servers/{id}", delete(leave))
            .route("/api/task/{id}", put(result))
            .route("/assets/{id}", get(asset))
            .route("/broken", get(async || StatusCode::SERVICE_UNAVAILABLE))
            .route("/endless", get(endless))
            .with_state(seen.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Self { base, seen, server }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn asset(&self, bytes: Vec<u8>) -> String {
        let mut assets = self.seen.assets.lock().expect("lock");
        let id = format!("a{}", assets.len());
        assets.insert(id.clone(), bytes);
        self.url(&format!("/assets/{id}?project=p&exp=1&sig=00"))
    }

    pub fn fail_callbacks(&self, times: u32) {
        self.seen.failures_left.store(times, Ordering::Relaxed);
    }

    pub fn registered(&self) -> Option<Value> {
        self.seen.registered.lock().expect("lock").clone()
    }

    pub fn gone(&self) -> Vec<String> {
        self.seen.gone.lock().expect("lock").clone()
    }

    /// Path, Authorization and body of each callback.
    pub fn results(&self) -> Vec<(String, String, Value)> {
        self.seen.results.lock().expect("lock").clone()
    }
}

async fn register(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    if !headers
        .get("authorization")
        .is_some_and(|v| v.as_bytes().starts_with(b"Bearer "))
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body: Value = serde_json::from_slice(&body).expect("json");
    *seen.registered.lock().expect("lock") = Some(body);
    (
        StatusCode::CREATED,
        axum::Json(json!({"id": "s_1", "state": "ONLINE"})),
    )
        .into_response()
}

async fn leave(State(seen): State<Arc<Seen>>, Path(id): Path<String>) -> StatusCode {
    seen.gone.lock().expect("lock").push(id);
    StatusCode::NO_CONTENT
}

async fn result(
    State(seen): State<Arc<Seen>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let auth = headers
        .get("authorization")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    seen.results.lock().expect("lock").push((
        id,
        auth,
        serde_json::from_slice(&body).expect("json"),
    ));
    let left = seen.failures_left.load(Ordering::Relaxed);
    if left > 0 {
        seen.failures_left.store(left - 1, Ordering::Relaxed);
        return StatusCode::BAD_GATEWAY;
    }
    StatusCode::NO_CONTENT
}

async fn asset(State(seen): State<Arc<Seen>>, Path(id): Path<String>) -> Response {
    match seen.assets.lock().expect("lock").get(&id) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A body without a length and without an end.
async fn endless() -> Response {
    let chunk = Bytes::from(vec![0u8; 1 << 20]);
    let stream = repeat(chunk);
    Body::from_stream(stream).into_response()
}

fn repeat(chunk: Bytes) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
    futures::stream::repeat_with(move || Ok(chunk.clone()))
}
