//! The pipeline's world, over the guest crate.

use bytes::Bytes;
use guest::{CallError, Db, Streamed};
use http::{Method, Request, Response, StatusCode};
use identity::webhook_link;
use pipeline::{Body, Bounds, NoAnswer, Pipeline, Settings, World};
use problem::Problem;
use providers::{Allowed, Reach, reach};
use serde_json::Value;

use crate::{background, store_failed};

/// A file's head, and each piece of it, comes within this time. Shorter than
/// `dispatch::policy::SETTLE_HOLD_MS`.
const PIECE_MS: u64 = 12_000;

/// A connection with everything that the pipeline needs; one for each request or background job.
pub struct Platform {
    pub database: Db,
    pub world: Host,
    settings: Settings,
}

impl Platform {
    pub async fn open() -> Result<Self, Problem> {
        let settings = settings().await?;
        let database = Db::open().await.map_err(store_failed)?;
        let public_url = settings.worker_public_url.clone();
        let world = Host {
            public_url,
            link_secret: guest::secret().await?,
        };
        Ok(Self {
            database,
            world,
            settings,
        })
    }
    pub fn pipeline(&self) -> Pipeline<'_, Db, Host> {
        Pipeline::new(&self.database, &self.world, &self.settings)
    }
}

async fn settings() -> Result<Settings, Problem> {
    let fallback = guest::variable("backend_api_url").await?;
    let timeout = guest::variable("no_server_timeout_s").await?;
    let timeout_s: i64 = timeout.trim().parse().map_err(|_| {
        guest::log_error("no_server_timeout_s", &timeout);
        Problem::new(
            problem::Slug::Internal,
            "the variable no_server_timeout_s is not a number",
        )
    })?;
    Ok(Settings {
        worker_public_url: guest::variable("worker_public_url")
            .await?
            .trim_end_matches('/')
            .to_owned(),
        fallback_url: Some(fallback.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty()),
        no_server_timeout_ms: timeout_s.saturating_mul(1000),
        allowed: Allowed::parse(&guest::variable("allowed_server_hosts").await?),
    })
}

/// Links to assets stay valid for this long: longer than an attempt may take.
const LINK_S: i64 = 3600;

pub struct Host {
    public_url: String,
    link_secret: Vec<u8>,
}

pub struct Download(Streamed);

impl Body for Download {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NoAnswer> {
        let piece = self.0.chunk().await.map_err(no_answer)?;
        Ok(piece.map(Vec::from))
    }
}

impl World for Host {
    type Body = Download;

    fn now_ms(&self) -> i64 {
        guest::now_ms()
    }

    fn jitter(&self) -> f64 {
        f64::from(u32::from_le_bytes(guest::random())) / (f64::from(u32::MAX) + 1.0)
    }

    fn unique(&self) -> String {
        guest::new_id("d")
    }

    fn asset_link(&self, project_id: &str, asset_id: &str) -> String {
        let expires_at_s = guest::now_s() + LINK_S;
        let query =
            identity::asset_link::query(&self.link_secret, project_id, asset_id, expires_at_s);
        format!("{}/assets/{asset_id}?{query}", self.public_url)
    }

    fn webhook_url(&self, provider: &str, task_id: &str, attempt: u32) -> String {
        let token = webhook_link::token(&self.link_secret, provider, task_id, attempt);
        format!("{}/webhooks/{provider}/{token}", self.public_url)
    }

    async fn call(
        &self,
        request: Request<Vec<u8>>,
        bounds: Bounds,
    ) -> Result<Response<Vec<u8>>, NoAnswer> {
        let ms = u64::try_from(bounds.ms).unwrap_or_default();
        let answer = guest::call(request.map(Bytes::from), bounds.bytes, ms).await;
        answer
            .map(|response| response.map(Vec::from))
            .map_err(no_answer)
    }

    async fn sleep(&self, ms: i64) {
        guest::sleep_ms(u64::try_from(ms).unwrap_or_default()).await;
    }

    async fn asset(&self, project_id: &str, asset_id: &str) -> Result<Vec<u8>, NoAnswer> {
        let expires_at_s = guest::now_s() + LINK_S;
        let query =
            identity::asset_link::query(&self.link_secret, project_id, asset_id, expires_at_s);
        let path = format!("/assets/{asset_id}?{query}");
        let answer = guest::call_component_within(
            "assets",
            Method::GET,
            &path,
            &Value::Null,
            providers::INLINE_BYTES,
        );
        let response = answer.await.map_err(no_answer)?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body().into()),
            status => Err(NoAnswer::Lost(format!("it was answered {status}"))),
        }
    }

    fn begin_soon(&self, task_ids: Vec<String>) {
        background::begin(task_ids);
    }

    async fn fetch(&self, request: Request<Vec<u8>>) -> Result<Response<Download>, NoAnswer> {
        let streamed = guest::call_streaming(request.map(Bytes::from), PIECE_MS)
            .await
            .map_err(no_answer)?;
        let mut response = Response::new(());
        *response.status_mut() = streamed.head.status;
        *response.headers_mut() = streamed.head.headers.clone();
        Ok(response.map(|()| Download(streamed)))
    }

    async fn poke(&self, body: &str) -> Result<u16, NoAnswer> {
        let body: Value =
            serde_json::from_str(body).map_err(|error| NoAnswer::Lost(error.to_string()))?;
        poke(&body).await
    }

    fn hint(&self, body: String) {
        guest::spawn(async move {
            if let Ok(body) = serde_json::from_str(&body)
                && let Err(error) = poke(&body).await
            {
                guest::log_error("task-progress", &error);
            }
        });
    }

    fn report(&self, what: &str, cause: &dyn std::fmt::Display) {
        guest::log_error(what, cause);
    }
}

async fn poke(body: &Value) -> Result<u16, NoAnswer> {
    let answer = guest::call_component("sync", Method::POST, "/internal/v1/poke", body).await;
    answer
        .map(|response| response.status().as_u16())
        .map_err(no_answer)
}

fn no_answer(error: CallError) -> NoAnswer {
    match error {
        CallError::Timeout(_) => NoAnswer::Lost(error.to_string()),
        CallError::TooLong(limit) => NoAnswer::TooLong(limit),
        CallError::Connection(cause) => match reach(&cause) {
            (Reach::Unreachable, sentence) => NoAnswer::Unreachable(sentence),
            (Reach::Forbidden, sentence) => NoAnswer::Forbidden(sentence),
            (Reach::Unknown, sentence) => NoAnswer::Lost(sentence),
        },
    }
}
