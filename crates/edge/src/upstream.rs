//! The application as the edge sees it: something that answers HTTP requests, in this process or
//! at an address.

use crate::headers::WantsTrailers;
use crate::quickack::Connector;
use crate::{Body, BoxError, full};
use futures::future::BoxFuture;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long an unused connection to the application is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How many of them; the application works on fewer requests at a time.
const IDLE_CONNECTIONS: usize = 64;
/// What is buffered of an answer, and how large its head may be.
const BUFFER_BYTES: usize = 64 * 1024;
/// How often a request is sent again: after a restart of the application several kept connections
/// are dead.
const RETRIES: usize = 2;

/// No answer from the application.
#[derive(Debug, thiserror::Error)]
#[error("the application did not answer: {source}")]
pub struct UpstreamError {
    source: BoxError,
}

impl UpstreamError {
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

pub trait Upstream: Send + Sync + 'static {
    /// Sends one request. Its URI is absolute (the authority is the client's `Host`); `client` is
    /// the peer's address.
    fn call(
        &self,
        request: http::Request<Body>,
        client: SocketAddr,
    ) -> BoxFuture<'static, Result<http::Response<Body>, UpstreamError>>;
}

/// An application at an HTTP address, as `spin up` serves it.
pub struct HttpUpstream {
    client: Client<Connector, Body>,
    authority: Authority,
}

impl HttpUpstream {
    /// `authority` is `host:port`.
    pub fn new(authority: Authority) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Spin keeps idle connections longer; closing ours first avoids requests on dying ones.
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(BUFFER_BYTES)
            .build(Connector);
        Self { client, authority }
    }
}

impl Upstream for HttpUpstream {
    fn call(
        &self,
        mut request: http::Request<Body>,
        _client: SocketAddr,
    ) -> BoxFuture<'static, Result<http::Response<Body>, UpstreamError>> {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts
            .path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        match http::Uri::from_parts(parts) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return Box::pin(async { Err(UpstreamError::new(error)) }),
        }
        if request.extensions_mut().remove::<WantsTrailers>().is_some() {
            let headers = request.headers_mut();
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        }
        let client = self.client.clone();
        Box::pin(async move {
            let answer = send(client, request).await.map_err(UpstreamError::new)?;
            Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}

/// Sends a request, and sends it again when a kept connection turns out to be dead and doing it
/// twice does no harm. What has a body is sent once: it is streamed, and gone.
async fn send(
    client: Client<Connector, Body>,
    request: http::Request<Body>,
) -> Result<http::Response<Incoming>, Error> {
    let (parts, body) = request.into_parts();
    let repeatable = body.is_end_stream()
        && matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !repeatable {
        return client.request(http::Request::from_parts(parts, body)).await;
    }
    let mut retries = RETRIES;
    loop {
        let request = http::Request::from_parts(parts.clone(), full(""));
        match client.request(request).await {
            Err(error) if retries > 0 && broke_off(&error) => retries -= 1,
            answer => return answer,
        }
    }
}

/// Whether the connection ended before an answer came.
fn broke_off(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_incomplete_message() || error.is_canceled() {
                return true;
            }
        } else if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            );
        }
        source = error.source();
    }
    false
}
