//! Atelier, the embedded provider: pictures, clips, descriptions, outlines and films with no network
//! beyond the platform, no keys and no models. It is procedural and says so, in its health answer
//! and in every text it writes.
//!
//! It speaks the uniform provider interface of SPEC.md section 6 and registers itself by section 7.
//! [`paint`] makes pictures, [`media`] clips and films, [`describe`] and [`screenplay`] texts; the
//! rest takes jobs over HTTP and works through them. It knows nothing of rooms or the document.

pub mod cancel;
mod colour;
pub mod describe;
pub mod error;
mod fetch;
mod files;
mod http;
mod jobs;
pub mod media;
pub mod paint;
mod params;
mod problem;
mod register;
mod report;
mod request;
pub mod screenplay;
mod service;
mod work;

use service::Service;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What atelier is, in one sentence.
pub const NOTICE: &str = "Atelier is procedural: its pictures, clips and texts are computed by rules and noise, not made by a model.";

/// Makes a fresh access token of role `server` for each call, so that none runs out.
pub type TokenSource = Arc<dyn Fn() -> String + Send + Sync>;

/// How atelier signs up with a platform.
#[derive(Clone)]
pub struct Registration {
    /// The platform's public address.
    pub platform_url: String,
    pub token: TokenSource,
    pub name: String,
}

pub struct Options {
    /// Without it, atelier serves whoever asks.
    pub register: Option<Registration>,
    /// A directory of its own, for results.
    pub work_dir: PathBuf,
    /// Jobs in work at once.
    pub workers: usize,
    /// Jobs waiting at most; over it a submit answers 503.
    pub queue: usize,
    /// How others reach this provider; by default the listener's own address.
    pub public_url: Option<String>,
    /// The bearer token wanted on `/api/tasks/*`. With a registration and none given, a random one
    /// is made and handed to the platform.
    pub accept_token: Option<String>,
    /// How long results and ended jobs are kept.
    pub keep_for: Duration,
    /// How many bytes of results are kept.
    pub keep_bytes: u64,
}

impl Options {
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self {
            register: None,
            work_dir: work_dir.into(),
            workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            queue: 64,
            public_url: None,
            accept_token: None,
            keep_for: Duration::from_secs(3_600),
            keep_bytes: 2 << 30,
        }
    }
}

/// How often old results are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How long open answers and callbacks may take after the shutdown began.
const GRACE: Duration = Duration::from_secs(3);

/// Serves until `shutdown`, then cancels what is left, signs off and removes its results.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let base_url = options
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://{address}"));
    let accept_token = match (&options.accept_token, &options.register) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(_)) => Some(files::random_name()?),
        (None, None) => None,
    };
    let service = Service::new(
        &options,
        base_url.trim_end_matches('/').to_owned(),
        accept_token,
        shutdown.clone(),
    )?;
    let service = Arc::new(service);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..service.workers {
        tasks.spawn(service.clone().work());
    }
    tasks.spawn(sweep(service.clone()));
    if let Some(registration) = options.register {
        tasks.spawn(report::keep_leases(
            service.clone(),
            registration.platform_url.clone(),
        ));
        tasks.spawn(register::stay(service.clone(), registration));
    }
    let (app, stopping) = (http::router(service.clone()), shutdown.clone());
    let server = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(stopping.cancelled_owned())
            .await
    });
    tokio::select! {
        () = shutdown.cancelled() => {}
        // The listener broke: stop the rest too.
        () = closed(&server) => shutdown.cancel(),
    }
    service.jobs().cancel_all();
    service.reports.close();
    let rest = async {
        while tasks.join_next().await.is_some() {}
        service.reports.wait().await;
    };
    let _ = tokio::time::timeout(GRACE, rest).await;
    let abort = server.abort_handle();
    let served = tokio::time::timeout(GRACE, server).await;
    abort.abort();
    service.files.clear();
    match served {
        Ok(Ok(result)) => Ok(result?),
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

async fn closed<T>(handle: &tokio::task::JoinHandle<T>) {
    while !handle.is_finished() {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn sweep(service: Arc<Service>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = service.shutdown.cancelled() => return,
        }
        let now = Instant::now();
        service.jobs().sweep(now);
        let sweeper = service.clone();
        let _ = tokio::task::spawn_blocking(move || sweeper.files.sweep(now)).await;
    }
}
