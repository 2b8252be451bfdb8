//! Submissions at a pace, or as fast as they are taken, and the time until they are done.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use hyper::Method;
use serde_json::json;

use crate::load::Connection;
use crate::process::Server;
use crate::stack::Stack;
use crate::statistics::{Figure, micros};

use super::backend::Backend;

const CLIENTS: usize = 32;
/// For a slow machine; what takes longer is stuck.
const LIMIT: Duration = Duration::from_secs(300);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Who is measured.
pub enum Subject<'a> {
    Clash {
        server: &'a Server,
        kind: &'static str,
        project: String,
        writer: String,
        admin: String,
    },
    Bull {
        server: &'a Server,
    },
}

impl<'a> Subject<'a> {
    pub async fn clash(stack: &'a Stack, kind: &'static str) -> Result<Self> {
        Ok(Self::Clash {
            server: &stack.server,
            kind,
            project: stack.project("tasks").await?,
            writer: stack.token("editor").await?,
            admin: stack.token("admin").await?,
        })
    }

    pub fn bull(server: &'a Server) -> Self {
        Self::Bull { server }
    }

    pub fn server(&self) -> &Server {
        match self {
            Self::Clash { server, .. } | Self::Bull { server } => server,
        }
    }

    /// Submits one task and gives its id.
    async fn submit(&self, connection: &mut Connection) -> Result<String> {
        let (status, answer) = match self {
            Self::Clash {
                kind,
                project,
                writer,
                ..
            } => {
                let body = json!({"project": project, "kind": kind, "prompt": "at once"});
                connection
                    .json(Method::POST, "/api/tasks/submit", Some(writer), Some(&body))
                    .await?
            }
            Self::Bull { .. } => {
                let nothing = json!({});
                connection
                    .json(Method::POST, "/jobs", None, Some(&nothing))
                    .await?
            }
        };
        ensure!(status == 202, "a submission: {status} {answer}");
        let id = answer["task_id"].as_str().context("no id")?;
        Ok(id.to_owned())
    }

    async fn finished(&self, connection: &mut Connection) -> Result<u64> {
        let (path, token) = match self {
            Self::Clash { admin, .. } => ("/api/queues", Some(admin.as_str())),
            Self::Bull { .. } => ("/finished", None),
        };
        let (status, answer) = connection.json(Method::GET, path, token, None).await?;
        ensure!(status == 200, "{path}: {status} {answer}");
        let finished = match self {
            Self::Clash { kind, .. } => {
                let queues = answer["queues"].as_array();
                let queue = queues.and_then(|all| all.iter().find(|queue| queue["kind"] == *kind));
                queue.and_then(|queue| queue["finished_last_hour"].as_u64())
            }
            Self::Bull { .. } => answer["finished"].as_u64(),
        };
        finished.with_context(|| format!("{path}: {answer}"))
    }

    /// Waits until so many more are finished than `before`.
    async fn until(&self, connection: &mut Connection, wanted: u64) -> Result<()> {
        let started = Instant::now();
        loop {
            let finished = self.finished(connection).await?;
            if finished >= wanted {
                return Ok(());
            }
            ensure!(
                started.elapsed() < LIMIT,
                "{finished} of {wanted} are finished after {LIMIT:?}"
            );
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// BullMQ's worker takes nothing, or goes on. Ours has nobody who serves the kind.
    async fn pause(&self, connection: &mut Connection, path: &str) -> Result<()> {
        if let Self::Bull { .. } = self {
            let nothing = json!({});
            let (status, _) = connection
                .json(Method::POST, path, None, Some(&nothing))
                .await?;
            ensure!(status == 200, "{path}: {status}");
        }
        Ok(())
    }
}

/// A task that was submitted.
struct Submitted {
    id: String,
    asked: Instant,
    accepted: Instant,
}

/// Submits `count` tasks, the n-th not before `pause * n`.
async fn submit_all(
    subject: &Subject<'_>,
    count: usize,
    pause: Duration,
) -> Result<Vec<Submitted>> {
    let (next, accepted) = (Cell::new(0), RefCell::new(Vec::with_capacity(count)));
    let begin = Instant::now();
    let client = async || {
        let mut connection = Connection::open(subject.server().address).await?;
        loop {
            let number = next.replace(next.get() + 1);
            if number >= count {
                return anyhow::Ok(());
            }
            let due = begin + pause * u32::try_from(number)?;
            tokio::time::sleep_until(due.into()).await;
            let asked = Instant::now();
            let id = subject.submit(&mut connection).await?;
            accepted.borrow_mut().push(Submitted {
                id,
                asked,
                accepted: Instant::now(),
            });
        }
    };
    try_join_all((0..CLIENTS.min(count)).map(|_| client())).await?;
    Ok(accepted.into_inner())
}

/// From asking until the backend has it, and from the answer: medians and percentiles.
pub struct Dispatched {
    pub asked: Figure,
    pub accepted: Figure,
}

/// Submits at a pace.
pub async fn dispatched(
    subject: &Subject<'_>,
    backend: &Backend,
    rate: u32,
    window: Duration,
) -> Result<Dispatched> {
    let count = usize::try_from(u64::from(rate) * window.as_secs())?;
    let mut connection = Connection::open(subject.server().address).await?;
    let before = subject.finished(&mut connection).await?;
    let cpu = subject.server().cpu();
    let submitted = submit_all(subject, count, Duration::from_secs(1) / rate).await?;
    subject
        .until(&mut connection, before + count as u64)
        .await?;
    let used = subject.server().cpu_since(cpu);
    let since = |moment: fn(&Submitted) -> Instant| {
        let latency = |task: &Submitted| {
            let received = backend.received(&task.id);
            let received = received.with_context(|| format!("{} never came", task.id))?;
            // It may come before the answer does.
            anyhow::Ok(micros(received.saturating_duration_since(moment(task))))
        };
        let latencies = submitted.iter().map(latency).collect::<Result<Vec<_>>>()?;
        let figure = Figure::rate(latencies, window).with_cpu(used, count as u64);
        let value = figure.p50_ms.unwrap_or_default();
        anyhow::Ok(Figure { value, ..figure })
    };
    Ok(Dispatched {
        asked: since(|task| task.asked)?,
        accepted: since(|task| task.accepted)?,
    })
}

/// From the first submission until all are finished, as fast as they are taken.
pub async fn through(subject: &Subject<'_>, count: usize) -> Result<Figure> {
    let mut connection = Connection::open(subject.server().address).await?;
    let before = subject.finished(&mut connection).await?;
    let (cpu, started) = (subject.server().cpu(), Instant::now());
    submit_all(subject, count, Duration::ZERO).await?;
    subject
        .until(&mut connection, before + count as u64)
        .await?;
    Ok(rate(subject, count, started, cpu))
}

/// From the moment that somebody takes a long queue until it is empty.
pub async fn drained(
    subject: &Subject<'_>,
    count: usize,
    begin: impl AsyncFnOnce() -> Result<()>,
) -> Result<Figure> {
    let mut connection = Connection::open(subject.server().address).await?;
    let before = subject.finished(&mut connection).await?;
    subject.pause(&mut connection, "/pause").await?;
    submit_all(subject, count, Duration::ZERO).await?;
    let (cpu, started) = (subject.server().cpu(), Instant::now());
    begin().await?;
    subject.pause(&mut connection, "/resume").await?;
    subject
        .until(&mut connection, before + count as u64)
        .await?;
    Ok(rate(subject, count, started, cpu))
}

fn rate(subject: &Subject<'_>, count: usize, started: Instant, cpu: Option<Duration>) -> Figure {
    let figure = Figure::of(count as f64 / started.elapsed().as_secs_f64());
    figure.with_cpu(subject.server().cpu_since(cpu), count as u64)
}
