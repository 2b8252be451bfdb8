//! Listening, routing, and ending in order.

use crate::application::Application;
use crate::body::AnswerBody;
use crate::cache::{self, Cache};
use crate::entrance::{self, Entrance};
use crate::lane::Lane;
use crate::metrics::Metrics;
use crate::presence::Presences;
use crate::pulse::Pulse;
use crate::queue::{self, Lanes};
use crate::route::{Route, route};
use crate::wake::Waker;
use crate::{Body, Options, Upstream, handshake, headers, proxy, push};
use bytes::Bytes;
use futures::StreamExt;
use http::HeaderValue;
use http::uri::Authority;
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Frame, Incoming};
use problem::Slug;
use protocol::ConnectionId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where the application tells its metrics.
const METRICS: &str = "/metrics";
/// Beyond the bound of a shutdown, for what was cut off to notice.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// What all connections share.
pub(crate) struct Shared {
    pub options: Options,
    pub lanes: Lanes,
    pub shutdown: CancellationToken,
    pub tasks: TaskTracker,
    pub upstream: Arc<dyn Upstream>,
    pub presences: Arc<Presences>,
    pub metrics: Arc<Metrics>,
    cache: Cache,
    /// Places of requests with the application.
    requests: Arc<Semaphore>,
    connections: AtomicU64,
    started: Instant,
}

/// What all requests of one TCP connection share.
pub(crate) struct Visit {
    pub shared: Arc<Shared>,
    pub client: SocketAddr,
    pub scheme: &'static str,
    pub pulse: Arc<Pulse>,
    /// The connection's place among all, kept until the last that knows this visit has ended: a
    /// WebSocket, often.
    pub _place: OwnedSemaphorePermit,
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

/// Serves all entrances until `shutdown`, then closes WebSockets with 1012, lets requests end, and returns.
pub async fn serve(
    entrances: Vec<Entrance>,
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
    let metrics = Arc::new(Metrics::new());
    let presences = Presences::new(metrics.clone());
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..options.lanes.max(1))
        .map(|_| queue::lane(metrics.queued_events.clone()))
        .unzip();
    let lanes = Lanes::new(senders);
    let waker = Waker::new(application.clone());
    let background = TaskTracker::new();
    let runtime = options.lane_runtime.clone();
    let runtime = runtime.unwrap_or_else(Handle::current);
    // Lanes outlive connections, whose Leaves they take.
    let done = CancellationToken::new();
    for receiver in receivers {
        let lane = Lane::new(
            application.clone(),
            receiver,
            waker.clone(),
            lanes.clone(),
            presences.clone(),
            metrics.clone(),
            &limits,
        );
        background.spawn_on(lane.run(done.clone()), &runtime);
    }
    background.spawn(presences.clone().run(done.clone()));
    if let Some(every) = options.tick {
        background.spawn(tick(application, every, done.clone()));
    }
    let shared = Arc::new(Shared {
        options,
        lanes,
        shutdown: shutdown.clone(),
        tasks: TaskTracker::new(),
        upstream,
        presences,
        metrics,
        cache: Cache::new(),
        requests: Arc::new(Semaphore::new(limits.requests)),
        connections: AtomicU64::new(0),
        started: Instant::now(),
    });

    let places = Arc::new(Semaphore::new(limits.connections));
    let accepting = entrances
        .into_iter()
        .map(|entrance| entrance::accept(entrance, Arc::clone(&shared), Arc::clone(&places)));
    futures::future::join_all(accepting).await;
    // An edge without an entrance still ticks.
    shutdown.cancelled().await;
    shared.tasks.close();
    if tokio::time::timeout(limits.shutdown + CUT_GRACE, shared.tasks.wait())
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

pub(crate) async fn answer(
    request: http::Request<Incoming>,
    visit: Arc<Visit>,
) -> http::Response<AnswerBody> {
    let answering = visit.pulse.begin();
    let request_id: HeaderValue = proxy::request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let http1 = request.version() <= http::Version::HTTP_11;
    let mut place = None;
    let mut ends = false;
    let answer = async {
        let (parts, body) = request.into_parts();
        ends = headers::ends_connection(&parts);
        let authority = match headers::check(&parts, visit.shared.options.limits.headers) {
            Ok(authority) => authority,
            Err(refusal) => {
                ends = true;
                return proxy::problem(refusal.slug(), refusal.to_string(), &request_id);
            }
        };
        let request = http::Request::from_parts(parts, body);
        match route(&path) {
            Route::Sync(project) => {
                handshake::upgrade(request, project, &authority, &request_id, &visit)
            }
            _ if headers::is_tunnel(&method) => {
                proxy::problem(Slug::MethodNotAllowed, "this is not a tunnel", &request_id)
            }
            Route::Push => {
                let shared = &visit.shared;
                push::push(request, &request_id, &*shared.options.tokens, &shared.lanes).await
            }
            Route::NotFound => proxy::problem(
                Slug::NotFound,
                "there is nothing at this address",
                &request_id,
            ),
            Route::Proxy => match Arc::clone(&visit.shared.requests).try_acquire_owned() {
                Ok(held) => {
                    place = Some(held);
                    cached(request, authority, &request_id, &visit).await
                }
                Err(_) => proxy::problem(
                    Slug::Unavailable,
                    "as many requests as this server takes are being answered",
                    &request_id,
                ),
            },
        }
    };
    let mut answer = answer.await;
    tracing::debug!(client = %visit.client, %method, path, status = answer.status().as_u16(), ?request_id, "answered");
    answer.headers_mut().insert(proxy::REQUEST_ID, request_id);
    if http1 && ends {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(http::header::CONNECTION, close);
    }
    answer.map(|body| AnswerBody::new(body, answering, place))
}

/// What the cache has, or else what the application says.
async fn cached(
    request: http::Request<Incoming>,
    authority: Authority,
    request_id: &HeaderValue,
    visit: &Visit,
) -> http::Response<Body> {
    let cache = &visit.shared.cache;
    let (parts, body) = request.into_parts();
    let key = cache::key(&parts, visit.scheme, &authority);
    if let Some(found) = key.as_deref().and_then(|key| cache.find(key)) {
        return found;
    }
    let is_metrics = parts.method == http::Method::GET && parts.uri.path() == METRICS;
    let request = http::Request::from_parts(parts, body);
    let answer = proxy::proxy(request, authority, request_id, visit).await;
    if is_metrics && answer.status() == http::StatusCode::OK {
        return measured(answer, &visit.shared.metrics);
    }
    match key {
        Some(key) => {
            let kept = cache.keep(key, answer).await;
            kept.unwrap_or_else(|| proxy::unanswered(request_id))
        }
        None => answer,
    }
}

/// The application's metrics, and below them the edge's own: who may see the ones may see the others.
fn measured(answer: http::Response<Body>, metrics: &Metrics) -> http::Response<Body> {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let own = futures::stream::iter([Ok(Frame::data(Bytes::from(metrics.text())))]);
    let body = StreamExt::chain(BodyStream::new(body), own);
    http::Response::from_parts(parts, StreamBody::new(body).boxed_unsync())
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
