//! The edge's own calls to the application: turns, wakes and ticks, each with a service token.

use crate::{Body, BoxError, ServiceTokens, Upstream, UpstreamError, full, proxy};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use protocol::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Largest answer read: a whole turn and a join of the largest room.
const ANSWER_BYTES: usize = limits::TURN_BYTES + limits::TURN_JOIN_BYTES;
/// A wake or a tick may process many nodes, but never this long.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The components that the edge calls, as their service tokens name them.
const SYNC: &str = "sync";
const GATEWAY: &str = "gateway";
/// A token lives 60 s; one is used for a third of that, whatever the clocks.
const TOKEN_REUSE: Duration = Duration::from_secs(20);

/// Why a call had no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Upstream(UpstreamError),
    #[error("the application answered {0}")]
    Status(StatusCode),
    #[error("the application's answer broke off: {0}")]
    Body(BoxError),
    #[error("the application's answer is not what was asked for: {0}")]
    Answer(String),
    #[error("the application did not answer in time")]
    Timeout,
}

/// `{"rooms":[{"room":"p1","head":12}]}`: the answer of a wake, and a push, which may say
/// `"access":true` when somebody's rights have changed.
#[derive(Debug, Deserialize)]
pub(crate) struct Heads {
    pub rooms: Vec<Head>,
    #[serde(default)]
    pub access: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    pub room: String,
    pub head: u64,
}

#[derive(Serialize)]
struct Wake<'a> {
    rooms: Vec<&'a str>,
}

pub(crate) struct Application {
    upstream: Arc<dyn Upstream>,
    tokens: Arc<dyn ServiceTokens>,
    /// The `Authorization` in use for each component, and since when.
    authorizations: Mutex<BTreeMap<&'static str, (HeaderValue, Instant)>>,
    turn_timeout: Duration,
}

impl Application {
    pub fn new(
        upstream: Arc<dyn Upstream>,
        tokens: Arc<dyn ServiceTokens>,
        turn_timeout: Duration,
    ) -> Self {
        Self {
            upstream,
            tokens,
            authorizations: Mutex::default(),
            turn_timeout,
        }
    }

    /// One turn; the answer is not decoded yet.
    pub fn turn(&self, body: Bytes) -> BoxFuture<'static, Result<Bytes, CallError>> {
        self.post(
            SYNC,
            "/internal/v1/turn",
            protocol::turn::CONTENT_TYPE,
            body,
            self.turn_timeout,
        )
    }

    /// Lets the application process what changed in these rooms; gives their heads.
    pub async fn wake(&self, rooms: &[Arc<str>]) -> Result<Heads, CallError> {
        let rooms = rooms.iter().map(|room| &**room).collect();
        let body = serde_json::to_vec(&Wake { rooms })
            .map_err(|error| CallError::Answer(error.to_string()))?;
        let answer = self
            .post(
                SYNC,
                "/internal/v1/wake",
                "application/json",
                body.into(),
                CALL_TIMEOUT,
            )
            .await?;
        serde_json::from_slice(&answer).map_err(|error| CallError::Answer(error.to_string()))
    }

    pub async fn tick(&self) -> Result<(), CallError> {
        self.post(
            GATEWAY,
            "/internal/v1/tick",
            "application/json",
            Bytes::from_static(b"{}"),
            CALL_TIMEOUT,
        )
        .await?;
        Ok(())
    }

    fn post(
        &self,
        component: &'static str,
        path: &'static str,
        content_type: &'static str,
        body: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let mut request = http::Request::new(full(body.clone()));
        *request.method_mut() = http::Method::POST;
        let uri = http::Uri::builder()
            .scheme("http")
            .authority("application")
            .path_and_query(path)
            .build();
        *request.uri_mut() = uri.unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, self.authorization(component));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.insert(proxy::REQUEST_ID, proxy::new_request_id());
        let answer = self
            .upstream
            .call(request, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let call = async move {
            let answer = answer.await.map_err(CallError::Upstream)?;
            if answer.status() != StatusCode::OK {
                return Err(CallError::Status(answer.status()));
            }
            read(answer.into_body()).await
        };
        Box::pin(async move {
            tokio::time::timeout(timeout, call)
                .await
                .map_err(|_| CallError::Timeout)?
        })
    }

    fn authorization(&self, component: &'static str) -> HeaderValue {
        let mut held = self
            .authorizations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match held.get(component) {
            Some((value, since)) if since.elapsed() < TOKEN_REUSE => value.clone(),
            _ => {
                let token = format!("Bearer {}", self.tokens.sign(component));
                let mut value =
                    HeaderValue::try_from(token).unwrap_or(HeaderValue::from_static("Bearer"));
                value.set_sensitive(true);
                held.insert(component, (value.clone(), Instant::now()));
                value
            }
        }
    }
}

/// Reads a body to its end, within the bound. A body in one piece is not copied.
async fn read(mut body: Body) -> Result<Bytes, CallError> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(CallError::Body)?.into_data() else {
            continue;
        };
        if first.len().max(all.len()) + data.len() > ANSWER_BYTES {
            return Err(CallError::Answer(format!(
                "it is longer than {ANSWER_BYTES} bytes"
            )));
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
                first = Bytes::new();
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}
