//! The application as the edge sees it, when both are in this process: no socket in between.

use std::net::SocketAddr;
use std::sync::Arc;

use edge::{Upstream, UpstreamError};
use futures::future::BoxFuture;

pub struct InProcess(pub Arc<host::Application>);

impl Upstream for InProcess {
    fn call(
        &self,
        request: http::Request<edge::Body>,
        client: SocketAddr,
    ) -> BoxFuture<'static, Result<http::Response<edge::Body>, UpstreamError>> {
        let application = Arc::clone(&self.0);
        Box::pin(async move { Ok(application.handle(request, client).await) })
    }
}
