//! The running provider: takes jobs from the table, works on them, keeps what they made, reports.

use crate::cancel::Progress;
use crate::error::JobError;
use crate::files::Files;
use crate::jobs::{Jobs, Output};
use crate::request::Request;
use crate::work::{self, Made};
use crate::{Options, TokenSource, fetch, report};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub struct Service {
    /// Where this provider is reached, without a slash at the end.
    pub base_url: String,
    pub accept_token: Option<String>,
    pub workers: usize,
    pub files: Files,
    pub client: reqwest::Client,
    pub shutdown: CancellationToken,
    /// Callbacks on their way.
    pub reports: TaskTracker,
    /// Fresh access tokens for calls to the platform.
    pub platform_token: Option<TokenSource>,
    jobs: Mutex<Jobs>,
    work: Notify,
}

impl Service {
    pub fn new(
        options: &Options,
        base_url: String,
        accept_token: Option<String>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            base_url,
            accept_token,
            workers: options.workers.max(1),
            files: Files::open(&options.work_dir, options.keep_for, options.keep_bytes)?,
            client: fetch::client()?,
            shutdown,
            reports: TaskTracker::new(),
            platform_token: options
                .register
                .as_ref()
                .map(|registration| registration.token.clone()),
            jobs: Mutex::new(Jobs::new(options.queue, options.keep_for)),
            work: Notify::new(),
        })
    }

    pub fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a worker that there is something to do.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    /// One worker: one job at a time until the end.
    pub async fn work(self: Arc<Self>) {
        while !self.shutdown.is_cancelled() {
            let next = self.jobs().start();
            let Some((id, request, progress)) = next else {
                tokio::select! {
                    () = self.work.notified() => {}
                    () = self.shutdown.cancelled() => {}
                }
                continue;
            };
            // Another submit may have come with the same wake-up.
            self.wake();
            let begun = Instant::now();
            let result = self.run(&request, &progress).await;
            match &result {
                Ok(_) => {
                    tracing::info!(task = %request.task_id, kind = request.kind.name(), ms = begun.elapsed().as_millis() as u64, "job finished")
                }
                Err(error) => {
                    tracing::info!(task = %request.task_id, kind = request.kind.name(), %error, "job ended")
                }
            }
            let counts = self.jobs().end(&id, result, Instant::now());
            if counts {
                self.reports.spawn(report::job_ended(self.clone(), id));
            }
        }
    }

    async fn run(
        self: &Arc<Self>,
        request: &Arc<Request>,
        progress: &Progress,
    ) -> Result<Output, JobError> {
        let inputs = tokio::select! {
            inputs = fetch::inputs(&self.client, request.kind, &request.inputs) => inputs?,
            () = progress.cancelled() => return Err(JobError::Cancelled),
        };
        let (service, request, progress) = (self.clone(), request.clone(), progress.clone());
        let job = tokio::task::spawn_blocking(move || {
            let made = work::perform(&request, &inputs, &progress)?;
            progress.check()?;
            service.keep(made)
        });
        // A panic is a defect of this crate that the same request would meet again.
        job.await
            .unwrap_or_else(|_| Err(JobError::terminal("atelier failed on this request")))
    }

    fn keep(&self, made: Made) -> Result<Output, JobError> {
        match made {
            Made::Text(text) => Ok(Output::Text(text)),
            Made::Media {
                data,
                media_type,
                extension,
                width,
                height,
                seconds,
            } => {
                let name = self
                    .files
                    .put(&data, extension, media_type)
                    .map_err(|error| {
                        JobError::retryable(format!("the result cannot be stored: {error}"))
                    })?;
                Ok(Output::Media {
                    url: format!("{}/files/{name}", self.base_url),
                    media_type,
                    width,
                    height,
                    seconds,
                })
            }
        }
    }
}
