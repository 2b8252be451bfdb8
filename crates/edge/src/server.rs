//! Listening, routing, and ending in order.

use crate::application::Application;
use crate::lane::Lane;
use crate::queue::{self, Lanes};
use crate::route::{Route, route};
use crate::wake::Waker;
use crate::{Body, Options, Upstream, proxy, push, socket};
use http::HeaderValue;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use problem::Slug;
use protocol::ConnectionId;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// After a failed accept (too many open files) the next waits a little instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all connections share.
pub(crate) struct Shared {
    pub options: Options,
    pub lanes: Lanes,
    pub shutdown: CancellationToken,
    pub tasks: TaskTracker,
    upstream: Arc<dyn Upstream>,
    connections: AtomicU64,
    started: Instant,
}

impl Shared {
    pub fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A clock for timeouts: milliseconds since the start.
    pub fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// Serves until `shutdown`, then closes WebSockets with 1012, lets requests end, and returns.
pub async fn serve(
    listener: TcpListener,
    upstream: Arc<dyn Upstream>,
    options: Options,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let limits = options.limits.clone();
    let application = Arc::new(Application::new(
        upstream.clone(),
        options.tokens.clone(),
        limits.turn_timeout,
    ));
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..options.lanes.max(1)).map(|_| queue::lane()).unzip();
    let lanes = Lanes::new(senders);
    let waker = Waker::new(application.clone());
    let background = TaskTracker::new();
    // Lanes outlive connections, whose Leaves they take.
    let done = CancellationToken::new();
    for receiver in receivers {
        let lane = Lane::new(
            application.clone(),
            receiver,
            waker.clone(),
            lanes.clone(),
            limits.poll_interval,
        );
        background.spawn(lane.run(done.clone()));
    }
    if let Some(every) = options.tick {
        background.spawn(tick(application, every, done.clone()));
    }
    let shared = Arc::new(Shared {
        options,
        lanes,
        shutdown: shutdown.clone(),
        tasks: TaskTracker::new(),
        upstream,
        connections: AtomicU64::new(0),
        started: Instant::now(),
    });

    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async {
                let place = places.clone().acquire_owned().await;
                (listener.accept().await, place)
            } => accepted,
        };
        match accepted {
            (_, Err(_)) => break,
            (Ok((stream, client)), Ok(place)) => {
                let connection = Arc::clone(&shared);
                shared.tasks.spawn(async move {
                    serve_connection(stream, client, connection, Arc::new(place)).await;
                });
            }
            (Err(error), Ok(_)) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    shared.tasks.close();
    if tokio::time::timeout(limits.shutdown, shared.tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = shared.tasks.len(), "connections did not end in time");
    }
    done.cancel();
    background.close();
    let _ = tokio::time::timeout(limits.shutdown, background.wait()).await;
    Ok(())
}

/// Serves one TCP connection. Its place among the connections is free again when it and the
/// WebSocket it may have become have ended.
async fn serve_connection(
    stream: TcpStream,
    client: SocketAddr,
    shared: Arc<Shared>,
    place: Arc<OwnedSemaphorePermit>,
) {
    // Best effort: without it small answers are slower, not wrong.
    let _ = stream.set_nodelay(true);
    let shutdown = shared.shutdown.clone();
    let service = service_fn(move |request| {
        let (shared, place) = (Arc::clone(&shared), Arc::clone(&place));
        async move { Ok::<_, Infallible>(answer(request, client, &shared, place).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%client, %error, "a connection broke off");
    }
}

async fn answer(
    request: http::Request<Incoming>,
    client: SocketAddr,
    shared: &Arc<Shared>,
    place: Arc<OwnedSemaphorePermit>,
) -> http::Response<Body> {
    let request_id: HeaderValue = proxy::request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut answer = match route(&path) {
        Route::Sync(project) => socket::upgrade(request, project, &request_id, shared, place),
        Route::Push => {
            push::push(request, &request_id, &*shared.options.tokens, &shared.lanes).await
        }
        Route::NotFound => proxy::problem(
            Slug::NotFound,
            "there is nothing at this address",
            &request_id,
        ),
        Route::Proxy => {
            proxy::proxy(
                request,
                client,
                &request_id,
                &*shared.upstream,
                &shared.options,
            )
            .await
        }
    };
    tracing::debug!(%client, %method, path, status = answer.status().as_u16(), ?request_id, "answered");
    answer.headers_mut().insert(proxy::REQUEST_ID, request_id);
    answer
}

/// Ticks the application, one tick at a time, where nothing else does.
async fn tick(application: Arc<Application>, every: Duration, done: CancellationToken) {
    let mut interval = tokio::time::interval(every.max(Duration::from_millis(10)));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = done.cancelled() => return,
            _ = interval.tick() => {}
        }
        let ticked = tokio::select! {
            () = done.cancelled() => return,
            ticked = application.tick() => ticked,
        };
        if let Err(error) = ticked {
            tracing::warn!(%error, "a tick failed");
        }
    }
}
