//! The table of jobs: waiting, running and lately ended ones, and the keys they were submitted under.
//! It knows no HTTP and does no work; every method is one short step under the service's lock.

use crate::cancel::Progress;
use crate::error::JobError;
use crate::request::Request;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ended jobs remembered at once; with them their idempotency keys.
const MAX_ENDED: usize = 2_048;

#[derive(Clone, Debug)]
pub enum State {
    Waiting,
    Processing,
    Finished(Output),
    Failed(JobError),
    Cancelled,
}

impl State {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Processing => "PROCESSING",
            Self::Finished(_) => "FINISHED",
            Self::Failed(_) => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    fn ended(&self) -> bool {
        match self {
            Self::Waiting | Self::Processing => false,
            Self::Finished(_) | Self::Failed(_) | Self::Cancelled => true,
        }
    }
}

/// What a finished job answers with.
#[derive(Clone, Debug)]
pub enum Output {
    Media {
        url: String,
        media_type: &'static str,
        width: u32,
        height: u32,
        seconds: Option<f64>,
    },
    Text(String),
}

pub struct Job {
    pub request: Arc<Request>,
    pub progress: Progress,
    state: State,
    key: Option<String>,
}

impl Job {
    /// The state object of the uniform provider interface, naming the task by `id`.
    pub fn answer(&self, id: &str) -> Value {
        let progress = if matches!(self.state, State::Finished(_)) {
            1.0
        } else {
            self.progress.get()
        };
        let mut body = json!({"task_id": id, "state": self.state.name(), "progress": f64::from((progress * 1000.0).round()) / 1000.0});
        match &self.state {
            State::Finished(Output::Text(text)) => body["result"] = json!({"text": text}),
            State::Finished(Output::Media {
                url,
                media_type,
                width,
                height,
                seconds,
            }) => {
                body["result"] =
                    json!({"url": url, "media_type": media_type, "width": width, "height": height});
                if let Some(seconds) = seconds {
                    body["result"]["duration_s"] = json!(seconds);
                }
            }
            State::Failed(error) => {
                let class = if matches!(error, JobError::Retryable(_)) {
                    "retryable"
                } else {
                    "terminal"
                };
                body["error"] = json!({"class": class, "message": error.to_string()});
            }
            State::Waiting | State::Processing | State::Cancelled => {}
        }
        body
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The same key came with another body before.
    KeyReused,
    QueueFull,
}

pub struct Jobs {
    jobs: HashMap<String, Job>,
    keys: HashMap<String, (String, [u8; 32])>,
    queue: VecDeque<String>,
    ended: VecDeque<(Instant, String)>,
    queue_limit: usize,
    keep_for: Duration,
    running: usize,
}

impl Jobs {
    pub fn new(queue_limit: usize, keep_for: Duration) -> Self {
        Self {
            jobs: HashMap::new(),
            keys: HashMap::new(),
            queue: VecDeque::new(),
            ended: VecDeque::new(),
            queue_limit,
            keep_for,
            running: 0,
        }
    }

    /// The id that a key was given before, when the body is the same.
    pub fn known(&self, key: &str, digest: &[u8; 32]) -> Result<Option<String>, Refusal> {
        match self.keys.get(key) {
            None => Ok(None),
            Some((id, before)) if before == digest => Ok(Some(id.clone())),
            Some(_) => Err(Refusal::KeyReused),
        }
    }

    /// Puts a job at the end of the queue under a fresh `id`.
    pub fn submit(
        &mut self,
        id: String,
        key: Option<(String, [u8; 32])>,
        request: Request,
    ) -> Result<(), Refusal> {
        if self.queue.len() >= self.queue_limit {
            return Err(Refusal::QueueFull);
        }
        if let Some((key, digest)) = &key {
            self.keys.insert(key.clone(), (id.clone(), *digest));
        }
        let job = Job {
            request: Arc::new(request),
            progress: Progress::default(),
            state: State::Waiting,
            key: key.map(|(key, _)| key),
        };
        self.jobs.insert(id.clone(), job);
        self.queue.push_back(id);
        Ok(())
    }

    /// Starts the first waiting job.
    pub fn start(&mut self) -> Option<(String, Arc<Request>, Progress)> {
        while let Some(id) = self.queue.pop_front() {
            if let Some(job) = self.jobs.get_mut(&id)
                && matches!(job.state, State::Waiting)
            {
                job.state = State::Processing;
                self.running += 1;
                return Some((id, job.request.clone(), job.progress.clone()));
            }
        }
        None
    }

    /// Ends a running job. One that was cancelled meanwhile stays cancelled; the answer says whether
    /// this end is the one that counts.
    pub fn end(&mut self, id: &str, result: Result<Output, JobError>, now: Instant) -> bool {
        self.running = self.running.saturating_sub(1);
        let Some(job) = self.jobs.get_mut(id) else {
            return false;
        };
        if job.state.ended() {
            return false;
        }
        job.state = match result {
            Ok(output) => State::Finished(output),
            Err(JobError::Cancelled) => State::Cancelled,
            Err(error) => State::Failed(error),
        };
        self.ended.push_back((now, id.to_owned()));
        self.sweep(now);
        true
    }

    /// Cancels a job that has not ended. `false` when there is no such job.
    pub fn cancel(&mut self, id: &str, now: Instant) -> bool {
        let Some(job) = self.jobs.get_mut(id) else {
            return false;
        };
        if !job.state.ended() {
            job.state = State::Cancelled;
            job.progress.cancel();
            self.queue.retain(|waiting| waiting != id);
            self.ended.push_back((now, id.to_owned()));
        }
        true
    }

    pub fn cancel_all(&mut self) {
        for job in self.jobs.values() {
            job.progress.cancel();
        }
        self.queue.clear();
    }

    pub fn get(&self, id: &str) -> Option<&Job> {
        self.jobs.get(id)
    }

    /// Waiting and running jobs: the platform's task id and how far each is.
    pub fn live(&self) -> Vec<(String, f32)> {
        self.jobs
            .values()
            .filter(|job| !job.state.ended())
            .map(|job| (job.request.task_id.clone(), job.progress.get()))
            .collect()
    }

    pub fn counts(&self) -> (usize, usize) {
        (self.queue.len(), self.running)
    }

    /// Forgets jobs that ended long ago, and the oldest when there are too many.
    pub fn sweep(&mut self, now: Instant) {
        while let Some((ended, id)) = self.ended.front() {
            if now.saturating_duration_since(*ended) < self.keep_for
                && self.ended.len() <= MAX_ENDED
            {
                break;
            }
            if let Some(key) = self.jobs.remove(id).and_then(|job| job.key) {
                self.keys.remove(&key);
            }
            self.ended.pop_front();
        }
    }
}
