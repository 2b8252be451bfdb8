//! Providers' services as their documentation has them (Kling, Gemini), which count what they did
//! and misbehave on command.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Api, files};

/// What happens to the next call that would begin something.
#[derive(Clone, Debug)]
pub enum Next {
    /// It is refused so.
    Refuse(u16, Value),
    /// It begins, and nobody hears of it.
    BeginAndCut,
}

#[derive(Clone, Debug)]
pub struct Begun {
    /// What the request carried.
    pub body: Value,
    pub authorization: String,
    pub model: String,
    at: Instant,
}

impl Begun {
    pub fn key(&self) -> &str {
        self.body["external_task_id"].as_str().unwrap_or_default()
    }

    pub fn callback_url(&self) -> &str {
        self.body["callback_url"].as_str().unwrap_or_default()
    }
}

#[derive(Default)]
struct Shared {
    url: String,
    next: VecDeque<Next>,
    begun: Vec<Begun>,
    polls: usize,
    look_ups: usize,
    /// From its beginning to its end.
    work: Duration,
}

type Handle = Arc<Mutex<Shared>>;

/// A running service; it stops when dropped.
pub struct Account {
    pub url: String,
    shared: Handle,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Account {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn with<T>(shared: &Handle, look: impl FnOnce(&mut Shared) -> T) -> T {
    look(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Account {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Handle::default();
        with(&shared, |shared| shared.url.clone_from(&url));
        let router = Router::new()
            .route("/v1/images/generations", post(kling_begins))
            .route("/v1/images/generations/{id}", get(kling_tells))
            .route("/v1beta/models/{call}", post(gemini))
            .route("/openai/v1/images/generations", post(openai_draws))
            .route("/openai/v1/chat/completions", post(openai_answers))
            .route("/files/{name}", get(file))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            url,
            shared,
            server,
        }
    }

    /// Registers it as an account, for what `more` says besides.
    pub async fn register(&self, admin: &Api, interface: &str, more: Value) -> Value {
        let mut body = json!({
            "name": interface, "interface": interface, "url": self.url, "kinds": ["image_gen"],
            "models": [{"name": "kling-v2-1"}], "token": "the-key", "slots": 2,
        });
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let reply = admin.post("/api/servers", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert!(!reply.text().contains("the-key"), "{}", reply.text());
        reply.json()
    }

    pub fn next(&self, next: Next) {
        with(&self.shared, |shared| shared.next.push_back(next));
    }

    pub fn works_for(&self, work: Duration) {
        with(&self.shared, |shared| shared.work = work);
    }

    pub fn begun(&self) -> Vec<Begun> {
        with(&self.shared, |shared| shared.begun.clone())
    }

    pub fn polls(&self) -> usize {
        with(&self.shared, |shared| shared.polls)
    }

    pub fn look_ups(&self) -> usize {
        with(&self.shared, |shared| shared.look_ups)
    }

    /// The body of a callback about the task that was begun as number `at`.
    pub fn kling_callback(&self, at: usize) -> Value {
        with(&self.shared, |shared| kling_task(shared, at, true))
    }
}

/// The headers of Standard Webhooks.
pub fn signed(secret: &str, id: &str, at_s: u64, body: &str) -> [(&'static str, String); 3] {
    let key = STANDARD
        .decode(secret.trim_start_matches("whsec_"))
        .expect("base64");
    let mac = hmac(&key, format!("{id}.{at_s}.{body}").as_bytes());
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at_s.to_string()),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(mac))),
    ]
}

/// RFC 2104 over SHA-256, for keys of up to 64 bytes.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

/// What to answer instead, if something was ordered; `begin` does what costs money.
fn troubled(shared: &Handle, begin: impl FnOnce(&mut Shared)) -> Option<Response> {
    with(shared, |state| match state.next.pop_front() {
        None => {
            begin(state);
            None
        }
        Some(Next::Refuse(status, body)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            Some((status, Json(body)).into_response())
        }
        Some(Next::BeginAndCut) => {
            begin(state);
            // A body that fails after its first byte cuts the connection.
            let pieces = futures::stream::iter([Ok("{"), Err(std::io::Error::other("cut"))]);
            Some(Body::from_stream(pieces).into_response())
        }
    })
}

fn begun(headers: &HeaderMap, body: &Bytes, model: &str) -> Begun {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key = header("authorization").or(header("x-goog-api-key"));
    let body: Value = serde_json::from_slice(body).expect("JSON");
    Begun {
        authorization: key.unwrap_or_default().to_owned(),
        model: body["model_name"].as_str().unwrap_or(model).to_owned(),
        body,
        at: Instant::now(),
    }
}

async fn kling_begins(State(shared): State<Handle>, headers: HeaderMap, body: Bytes) -> Response {
    let begun = begun(&headers, &body, "");
    let is_known = with(&shared, |state| {
        state.begun.iter().any(|known| known.key() == begun.key())
    });
    if is_known {
        let refusal = json!({"code": 1201, "message": "external_task_id must be unique"});
        return (StatusCode::BAD_REQUEST, Json(refusal)).into_response();
    }
    if let Some(trouble) = troubled(&shared, |state| state.begun.push(begun)) {
        return trouble;
    }
    let task = with(&shared, |state| {
        kling_task(state, state.begun.len() - 1, false)
    });
    kling_says(task)
}

async fn kling_tells(State(shared): State<Handle>, Path(id): Path<String>) -> Response {
    let task = with(&shared, |state| {
        let by_key = state.begun.iter().position(|begun| begun.key() == id);
        state.look_ups += usize::from(id.starts_with("t_"));
        state.polls += usize::from(!id.starts_with("t_"));
        let by_id = || id.strip_prefix("86")?.parse().ok();
        let at = by_key.or_else(by_id).filter(|at| *at < state.begun.len())?;
        let is_ready = state.begun[at].at.elapsed() >= state.work;
        Some(kling_task(state, at, is_ready))
    });
    match task {
        Some(task) => kling_says(task),
        None => {
            let refusal = json!({"code": 1203, "message": "task not found"});
            (StatusCode::NOT_FOUND, Json(refusal)).into_response()
        }
    }
}

fn kling_says(task: Value) -> Response {
    Json(json!({"code": 0, "message": "SUCCEED", "request_id": "r", "data": task})).into_response()
}

fn kling_task(shared: &Shared, at: usize, is_ready: bool) -> Value {
    let images = json!([{"index": 0, "url": format!("{}/files/{at}.png", shared.url)}]);
    let (status, result) = match is_ready {
        true => ("succeed", json!({"images": images})),
        false => ("submitted", json!({})),
    };
    json!({
        "task_id": format!("86{at}"), "task_status": status, "task_status_msg": "",
        "task_info": {"external_task_id": shared.begun[at].key()}, "task_result": result,
        "final_unit_deduction": "1", "created_at": 1_722_769_557_708_i64, "updated_at": 1_722_769_557_708_i64,
    })
}

async fn gemini(
    State(shared): State<Handle>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let model = call.trim_end_matches(":generateContent");
    let begun = begun(&headers, &body, model);
    let wants_picture = begun.body["generationConfig"]["responseModalities"].is_array();
    if let Some(trouble) = troubled(&shared, |state| state.begun.push(begun)) {
        return trouble;
    }
    let part = match wants_picture {
        true => {
            json!({"inlineData": {"mimeType": "image/png", "data": STANDARD.encode(files::png(64, 36))}})
        }
        false => json!({"text": "A colour, and nothing else."}),
    };
    let content = json!({"role": "model", "parts": [part]});
    Json(json!({
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1290, "totalTokenCount": 1297},
        "modelVersion": model, "responseId": "r",
    }))
    .into_response()
}

async fn openai_draws(State(shared): State<Handle>, headers: HeaderMap, body: Bytes) -> Response {
    let begun = begun(&headers, &body, "");
    if let Some(trouble) = troubled(&shared, |state| state.begun.push(begun)) {
        return trouble;
    }
    let url = with(&shared, |state| format!("{}/files/a.png", state.url));
    let usage = json!({"input_tokens": 9, "output_tokens": 1056, "total_tokens": 1065});
    Json(json!({"created": 1_713_833_628, "data": [{"url": url}], "usage": usage})).into_response()
}

async fn openai_answers(State(shared): State<Handle>, headers: HeaderMap, body: Bytes) -> Response {
    let begun = begun(&headers, &body, "");
    if let Some(trouble) = troubled(&shared, |state| state.begun.push(begun)) {
        return trouble;
    }
    let message = json!({"role": "assistant", "content": "INT. A COLOUR. DAY."});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21});
    Json(json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}))
        .into_response()
}

async fn file(Path(name): Path<String>) -> Response {
    let width = name.len() as u32 * 8;
    files::png(width, 36).into_response()
}
