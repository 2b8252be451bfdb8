//! The application behind a socket.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::application::Application;
use crate::patience::Patient;

/// The wait after a failed accept, so that a process without file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `shutdown`, then lets open requests finish within a bound.
pub(crate) async fn serve(
    application: Arc<Application>,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let limits = &application.limits;
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .max_header_size(limits.header_bytes)
        .header_read_timeout(limits.header_timeout);
    loop {
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
        };
        let (stream, client) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("TCP_NODELAY: {error}");
        }
        let application = Arc::clone(&application);
        let service = service_fn(move |request: http::Request<Incoming>| {
            let application = Arc::clone(&application);
            async move {
                let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                Ok::<_, Infallible>(application.handle(request, client).await)
            }
        });
        let stream = TokioIo::new(Patient::new(stream, limits.stall_timeout));
        let connection = graceful.watch(server.serve_connection(stream, service));
        while open.try_join_next().is_some() {}
        open.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("connection of {client}: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "some requests were still open after {:?} and are cut off",
            limits.drain_timeout
        );
    }
    open.shutdown().await;
    Ok(())
}
