//! Instances that serve HTTP requests, several at once and one after another.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime::component::{GuestTaskId, InstancePre};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::{p2, p3};

use crate::guest::{ComponentContext, GuestState};
use crate::options::Limits;

/// Longer than anything lives; stands for "no timeout".
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How the handler reports a worker that was dropped before it ended, whatever the reason.
const DROPPED_UNFINISHED: &str = "worker panicked";

/// Makes instances of one component.
pub(crate) struct Workers {
    engine: Engine,
    component: Arc<ComponentContext>,
    proxy: ProxyPre<GuestState>,
    limits: Limits,
}

impl Workers {
    pub(crate) fn new(
        engine: Engine,
        component: Arc<ComponentContext>,
        proxy: ProxyPre<GuestState>,
        limits: &Limits,
    ) -> Self {
        let mut limits = limits.clone();
        if matches!(proxy, ProxyPre::P2(_)) {
            // WASI 0.2 components expect an instance for each request.
            limits.instance_concurrency = 1;
            limits.instance_reuse = 1;
        }
        Self {
            engine,
            component,
            proxy,
            limits,
        }
    }
}

/// Finds out which HTTP interface a component exports.
pub(crate) fn proxy(pre: &InstancePre<GuestState>) -> Result<ProxyPre<GuestState>, String> {
    match p3::bindings::ServicePre::new(pre.clone()) {
        Ok(service) => Ok(ProxyPre::P3(service)),
        Err(_) => p2::bindings::ProxyPre::new(pre.clone()).map(ProxyPre::P2).map_err(|_| {
            "it has an HTTP trigger, but exports neither `wasi:http/handler@0.3.0` nor `wasi:http/incoming-handler@0.2`"
                .into()
        }),
    }
}

impl HandlerState for Workers {
    type StoreData = GuestState;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<GuestState, Expiration, Worker>> {
        let mut store = GuestState::new_store(&self.engine, &self.component)?;
        let proxy = self.proxy.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy,
            view: GuestState::http,
            expiration: Expiration {
                idle: self.limits.idle_instance_timeout,
                request: self.limits.request_timeout.unwrap_or(FOREVER),
                afterwards: self.limits.stream_timeout.unwrap_or(FOREVER),
                sleep: Box::pin(sleep(FOREVER)),
            },
            state: Worker {
                component: Arc::clone(&self.component.grants.id),
                concurrency: self.limits.instance_concurrency,
                reuse: self.limits.instance_reuse,
                request: self.limits.request_timeout.unwrap_or(FOREVER),
                failed: Failed::default(),
            },
        })
    }
}

/// Whether an instance failed, for those who still read what it wrote.
pub(crate) type Failed = Arc<AtomicBool>;

/// What is passed along with a request.
#[derive(Debug)]
pub(crate) struct RequestData {
    /// How many components have passed the request on.
    pub depth: u32,
    /// The place among the requests from outside; a request of another component has none.
    pub place: Option<OwnedSemaphorePermit>,
    /// Where the instance that takes the request says whether it failed.
    pub instance: Arc<OnceLock<Failed>>,
}

impl RequestData {
    pub(crate) fn new(depth: u32, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            depth,
            place,
            instance: Arc::default(),
        }
    }
}

/// One instance's bounds.
pub(crate) struct Worker {
    component: Arc<str>,
    concurrency: usize,
    reuse: usize,
    request: Duration,
    failed: Failed,
}

impl WorkerState for Worker {
    type StoreData = GuestState;
    type RequestData = RequestData;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.reuse {
            ShouldAccept::Never
        } else if concurrent >= self.concurrency {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, GuestState>,
        data: RequestData,
        task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        let state = store.data_mut();
        // Each request has a cell of its own, so it is empty.
        let _ = data.instance.set(Arc::clone(&self.failed));
        state.depths.insert(task, data.depth);
        state.outbound.depth = data.depth;
        let (end, place) = (sleep(self.request), data.place);
        // Dropped when the guest has answered, even if nobody waits for the answer any more.
        Box::pin(async move {
            end.await;
            drop(place);
        })
    }

    fn drop(&self, store: Store<GuestState>, result: Result<(), wasmtime::Error>) {
        // Before the store goes and with it the bodies in it, which then seem to have ended.
        self.failed.store(result.is_err(), Ordering::Release);
        match result {
            Ok(()) => {}
            // Without a panic under way it was dropped together with its runtime, which is how
            // the process ends for an instance that is idle or busy with work nobody waits for.
            Err(error) if !std::thread::panicking() && error.to_string() == DROPPED_UNFINISHED => {
                tracing::debug!(
                    "component `{}`: an instance ended with the process",
                    self.component
                );
            }
            Err(error) => tracing::error!(
                "component `{}`: an instance failed: {error:?}",
                self.component
            ),
        }
        drop(store);
    }
}

/// When an instance ends although it could go on.
pub(crate) struct Expiration {
    idle: Duration,
    request: Duration,
    afterwards: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        start: std::time::Instant,
    ) -> Poll<()> {
        let timeout = match status {
            WorkerStatus::Idle => self.idle,
            WorkerStatus::Requests => self.request,
            WorkerStatus::PostReturn => self.afterwards,
        };
        let deadline = Instant::from_std(start) + timeout;
        if deadline != self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}
