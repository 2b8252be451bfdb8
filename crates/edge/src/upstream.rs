//! The application as the edge sees it: something that answers HTTP requests, in this process or
//! at an address.

use crate::quickack::Connector;
use crate::{Body, BoxError};
use futures::future::BoxFuture;
use http::uri::{Authority, PathAndQuery, Scheme};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;

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
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(64)
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
        let answer = self.client.request(request);
        Box::pin(async move {
            let answer = answer.await.map_err(UpstreamError::new)?;
            Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}
