//! Calls to other components and to the outside, bounded in size and time.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use http_body_util::{BodyExt, Full};
use identity::Claims;
use problem::{Problem, Slug};
use spin_sdk::wasip3::http_compat::IncomingResponseBody;

use crate::request::{Collect, collect};
use crate::{Request, RequestBody, Response, keys, log_error, now_s, service_token, within};

/// The largest answer that one component reads whole from another.
const COMPONENT_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// How long one component waits for another.
const COMPONENT_TIMEOUT_MS: u64 = 30_000;

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("no answer within {0} ms")]
    Timeout(u64),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// Refused, reset, not allowed by the manifest: the text is the host's.
    #[error("no connection: {0}")]
    Connection(String),
}

/// An answer whose body is still being read.
pub struct Streamed {
    pub head: http::response::Parts,
    body: IncomingResponseBody,
    timeout_ms: u64,
}

impl Streamed {
    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            let frame = within(self.timeout_ms, self.body.frame())
                .await
                .ok_or(CallError::Timeout(self.timeout_ms))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(CallError::Connection(format!("{error:?}"))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// Sends a request and reads the whole answer.
pub async fn call(
    request: http::Request<Bytes>,
    limit: usize,
    timeout_ms: u64,
) -> Result<http::Response<Bytes>, CallError> {
    let exchange = async {
        let (head, mut body) = send(request).await?.into_parts();
        let body = collect(&mut body, limit)
            .await
            .map_err(|error| match error {
                Collect::TooLong => CallError::TooLong(limit),
                Collect::Broken(cause) => CallError::Connection(cause),
            })?;
        Ok(http::Response::from_parts(head, body))
    };
    within(timeout_ms, exchange)
        .await
        .unwrap_or(Err(CallError::Timeout(timeout_ms)))
}

/// Sends a request and hands on the answer's body piece by piece; the limit of time holds for
/// the head and for each piece.
pub async fn call_streaming(
    request: http::Request<Bytes>,
    timeout_ms: u64,
) -> Result<Streamed, CallError> {
    let response = within(timeout_ms, send(request))
        .await
        .unwrap_or(Err(CallError::Timeout(timeout_ms)))?;
    let (head, body) = response.into_parts();
    Ok(Streamed {
        head,
        body,
        timeout_ms,
    })
}

async fn send(mut request: http::Request<Bytes>) -> Result<spin_sdk::http::Response, CallError> {
    // Small servers do not understand chunks.
    if !request.body().is_empty() {
        let length = HeaderValue::from(request.body().len());
        request.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    spin_sdk::http::send(request.map(Full::new))
        .await
        .map_err(|error| CallError::Connection(format!("{error:?}")))
}

/// Calls a private route of another component with a service token and a JSON body.
pub async fn call_component(
    component: &str,
    method: Method,
    path: &str,
    body: &serde_json::Value,
) -> Result<http::Response<Bytes>, CallError> {
    call_component_within(component, method, path, body, COMPONENT_ANSWER_BYTES).await
}

/// The same with a bound of one's own on the answer.
pub async fn call_component_within(
    component: &str,
    method: Method,
    path: &str,
    body: &serde_json::Value,
    limit: usize,
) -> Result<http::Response<Bytes>, CallError> {
    let token = service_token(component)
        .await
        .map_err(|problem| CallError::Connection(problem.detail))?;
    let bytes = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://{component}.spin.internal{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(bytes))
        .map_err(|error| CallError::Connection(error.to_string()))?;
    call(request, limit, COMPONENT_TIMEOUT_MS).await
}

/// Hands a request on to a private component, and streams the answer back. What the caller
/// presented stays here: the component gets a short token that says who it was found to be.
pub async fn forward(
    component: &str,
    request: Request,
    claims: Option<&Claims>,
) -> Result<Response, Problem> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::AUTHORIZATION);
    head.headers.remove(header::COOKIE);
    if let Some(claims) = claims {
        let token = principal_token(claims, component).await?;
        head.headers.insert(header::AUTHORIZATION, token);
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = format!("http://{component}.spin.internal{path}")
        .parse()
        .map_err(|_| Problem::new(Slug::BadRequest, "the path is not valid"))?;
    head.headers.remove(header::HOST);
    // What is still arriving is handed on by the host, without a copy here.
    let sent = match body {
        RequestBody::Arriving(body) => {
            spin_sdk::http::send(http::Request::from_parts(head, *body)).await
        }
        RequestBody::Whole(body) => {
            spin_sdk::http::send(http::Request::from_parts(head, body)).await
        }
    };
    match sent {
        Ok(response) => Ok(response.map(spin_sdk::http::box_body)),
        Err(error) => {
            log_error("chaining", &format!("{component}: {error:?}"));
            Err(Problem::new(
                Slug::UpstreamFailed,
                format!("the component {component} did not answer"),
            ))
        }
    }
}

async fn principal_token(claims: &Claims, component: &str) -> Result<HeaderValue, Problem> {
    let signed = keys().await?.sign_principal(claims, component, now_s());
    let value = signed.ok().and_then(|token| {
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        value.ok()
    });
    value.ok_or_else(|| {
        log_error("principal token", &component);
        Problem::new(Slug::Internal, "no token could be made for a component")
    })
}
