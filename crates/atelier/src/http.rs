//! The routes: submit, look, cancel, fetch, health.

use crate::NOTICE;
use crate::files::random_name;
use crate::jobs::Refusal;
use crate::problem::Problem;
use crate::request::{Kind, Submit};
use crate::service::Service;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::io::ReaderStream;

/// A prompt of 64 KiB, parameters, and links of 256 clips fit well.
const MAX_BODY: usize = 1 << 20;
const MAX_KEY_BYTES: usize = 256;
/// Seconds after which a full queue has probably moved.
const RETRY_AFTER_S: u32 = 2;

pub fn router(service: Arc<Service>) -> Router {
    let tasks = Router::new()
        .route("/api/tasks/submit", post(submit))
        .route("/api/tasks/{id}", get(look).delete(cancel))
        .layer(middleware::from_fn_with_state(service.clone(), authorise));
    Router::new()
        .route("/health", get(health))
        .route("/files/{name}", get(file))
        .merge(tasks)
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this address takes other methods",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(service)
}

async fn authorise(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    if let Some(expected) = &service.accept_token {
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "));
        if !given.is_some_and(|given| same(given, expected)) {
            return Problem::new(StatusCode::UNAUTHORIZED, "the server's own token is wanted")
                .into_response();
        }
    }
    next.run(request).await
}

/// Compares digests, so that the time taken says nothing about the secret.
fn same(a: &str, b: &str) -> bool {
    Sha256::digest(a) == Sha256::digest(b)
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let (waiting, running) = service.jobs().counts();
    Json(json!({
        "status": "ok",
        "name": "atelier",
        "version": env!("CARGO_PKG_VERSION"),
        "procedural": true,
        "notice": NOTICE,
        "kinds": Kind::ALL.map(Kind::name),
        "workers": service.workers,
        "waiting": waiting,
        "running": running,
    }))
    .into_response()
}

async fn submit(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {MAX_BODY} bytes"),
        ),
        _ => Problem::new(StatusCode::BAD_REQUEST, "the body cannot be read"),
    })?;
    let key = match headers.get("idempotency-key").map(|value| value.to_str()) {
        None => None,
        Some(Ok(key)) if !key.is_empty() && key.len() <= MAX_KEY_BYTES => {
            Some((key.to_owned(), Sha256::digest(&body).into()))
        }
        Some(_) => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("Idempotency-Key must have 1 to {MAX_KEY_BYTES} printable bytes"),
            ));
        }
    };
    let request: Submit = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let request = request
        .check()
        .map_err(|reason| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason))?;
    let fresh = random_name()
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no randomness"))?;
    let id = {
        let mut jobs = service.jobs();
        let known = key
            .as_ref()
            .map(|(key, digest)| jobs.known(key, digest))
            .transpose()
            .map_err(refused)?
            .flatten();
        match known {
            Some(id) => id,
            None => {
                jobs.submit(fresh.clone(), key, request).map_err(refused)?;
                fresh
            }
        }
    };
    service.wake();
    Ok((StatusCode::ACCEPTED, Json(json!({"task_id": id}))).into_response())
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "this Idempotency-Key came with another body before",
        ),
        Refusal::QueueFull => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the queue is full")
            .retry_after(RETRY_AFTER_S),
    }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such task here")
}

async fn look(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let answer = service.jobs().get(&id).map(|job| job.answer(&id));
    answer
        .map(|body| Json(body).into_response())
        .ok_or_else(unknown)
}

async fn cancel(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let found = service.jobs().cancel(&id, Instant::now());
    if found {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unknown())
    }
}

/// No token is asked for: the name itself is the secret, known to the platform alone.
async fn file(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let gone = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "there is no such file, or not any more",
        )
    };
    let (path, media_type) = service.files.find(&name).ok_or_else(gone)?;
    let file = tokio::fs::File::open(path).await.map_err(|_| gone())?;
    let length = file.metadata().await.map_err(|_| gone())?.len();
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (
            header::CACHE_CONTROL,
            "private, immutable, max-age=3600".to_owned(),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}
