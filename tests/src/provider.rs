//! A backend server that follows SPEC section 6, and misbehaves on command.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::{Api, Stack};

/// A whole PNG image of one transparent pixel.
const PNG: &str = "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d\
49444154789c636060606000000005000152c1a4d60000000049454e44ae426082";
/// The head of an MP4 file, which is all that a fetcher looks at.
const MP4: &str = "0000001c66747970697336d00000020069736f6d69736f32617663316d703431";

/// What happens to submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submit {
    Accept,
    /// An answer with this status and no sense.
    Status(u16),
    /// 202 and a body that is not JSON.
    Nonsense,
    /// Takes the job and cuts the connection without an answer.
    AcceptAndCut,
}

/// How the end of a job comes home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    Callback,
    CallbackTwice,
    /// Only who asks learns of it.
    PollOnly,
    /// Polls see the end at once, the callback comes this much later.
    LateCallback(Duration),
}

/// What a finished job gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Well,
    /// FAILED, terminal, for this reason.
    Fails(&'static str),
    /// FINISHED without a result.
    Empty,
    /// FINISHED with the address of a file that is not there.
    Lost,
}

#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub submit: Submit,
    pub home: Home,
    pub outcome: Outcome,
    /// From the submission to the end.
    pub work: Duration,
    pub well: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            submit: Submit::Accept,
            home: Home::Callback,
            outcome: Outcome::Well,
            work: Duration::from_millis(100),
            well: true,
        }
    }
}

/// One submission as it came.
#[derive(Clone, Debug)]
pub struct Submission {
    pub key: String,
    pub authorization: String,
    pub body: Value,
}

impl Submission {
    pub fn task(&self) -> &str {
        self.body["task_id"].as_str().unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.body["kind"].as_str().unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
struct Job {
    id: String,
    key: String,
    task: String,
    kind: String,
    manner: Manner,
    begun: Instant,
}

#[derive(Default)]
struct Shared {
    url: String,
    token: String,
    manner: Manner,
    submissions: Vec<Submission>,
    jobs: Vec<Job>,
    polls: usize,
    /// Statuses that callbacks were answered with.
    callbacks: Vec<u16>,
}

type Handle = Arc<Mutex<Shared>>;

/// A running provider; it stops when dropped.
pub struct Provider {
    pub address: SocketAddr,
    shared: Handle,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

fn with<T>(shared: &Handle, look: impl FnOnce(&mut Shared) -> T) -> T {
    look(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Provider {
    pub async fn start() -> Self {
        let mut provider = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            shared: Handle::default(),
            server: None,
        };
        provider.start_again().await;
        let url = provider.url();
        with(&provider.shared, |shared| shared.url = url);
        provider
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves at the same address as before.
    pub async fn start_again(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("the port is free");
        let listener = socket.listen(128).expect("a listener");
        self.address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/health", get(health))
            .route("/api/tasks/submit", post(submit))
            .route("/api/tasks/{id}", get(poll).delete(cancel))
            .route("/files/{name}", get(file))
            .with_state(self.shared.clone());
        self.server = Some(tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("the provider serves");
        }));
    }

    /// Nothing listens any more.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }

    /// Registers itself with a token of role server, and waits until it is ONLINE.
    pub async fn register(&self, stack: &Stack, sub: &str, kinds: &[&str]) -> String {
        self.register_with(stack, sub, kinds, 4).await
    }

    /// The same with so many slots.
    pub async fn register_with(
        &self,
        stack: &Stack,
        sub: &str,
        kinds: &[&str],
        slots: usize,
    ) -> String {
        let token = stack.token(sub, "server");
        with(&self.shared, |shared| shared.token = token.clone());
        let api = Api::new(&stack.url, Some(token));
        let body = json!({"name": sub, "url": self.url(), "kinds": kinds, "slots": slots, "token": "for-the-provider-alone"});
        let reply = api.post("/api/servers", &body).await;
        assert!(
            matches!(reply.status, 200 | 201),
            "POST /api/servers: {} {}",
            reply.status,
            reply.text()
        );
        assert!(
            !reply.text().contains("for-the-provider-alone"),
            "the token is shown: {}",
            reply.text()
        );
        let id = reply.json()["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/servers/{id}");
        crate::eventually("the server is ONLINE", Duration::from_secs(20), || async {
            let server = api.get(&path).await;
            (server.status == 200 && server.json()["state"] == "ONLINE").then_some(())
        })
        .await;
        id
    }

    pub fn manner(&self, change: impl FnOnce(&mut Manner)) {
        with(&self.shared, |shared| change(&mut shared.manner));
    }

    pub fn submissions(&self) -> Vec<Submission> {
        with(&self.shared, |shared| shared.submissions.clone())
    }

    pub fn polls(&self) -> usize {
        with(&self.shared, |shared| shared.polls)
    }

    pub fn callbacks(&self) -> Vec<u16> {
        with(&self.shared, |shared| shared.callbacks.clone())
    }

    /// How many jobs were begun for each task: what somebody would have to pay.
    pub fn paid(&self) -> BTreeMap<String, usize> {
        let mut paid = BTreeMap::new();
        with(&self.shared, |shared| {
            for job in &shared.jobs {
                *paid.entry(job.task.clone()).or_default() += 1;
            }
        });
        paid
    }

    /// The most jobs that were worked on at one moment.
    pub fn most_open(&self) -> usize {
        let mut moments: Vec<(Instant, bool)> = with(&self.shared, |shared| {
            let both = |job: &Job| [(job.begun, true), (job.begun + job.manner.work, false)];
            shared.jobs.iter().flat_map(both).collect()
        });
        // An end before a beginning of the same moment.
        moments.sort_unstable();
        let (mut open, mut most) = (0usize, 0);
        for (_, begins) in moments {
            open = if begins { open + 1 } else { open - 1 };
            most = most.max(open);
        }
        most
    }
}

async fn health(State(shared): State<Handle>) -> StatusCode {
    match with(&shared, |shared| shared.manner.well) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn submit(
    State(shared): State<Handle>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let submission = Submission {
        key: text("idempotency-key"),
        authorization: text("authorization"),
        body,
    };
    let manner = with(&shared, |shared| {
        shared.submissions.push(submission.clone());
        shared.manner
    });
    match manner.submit {
        Submit::Status(status) => {
            return StatusCode::from_u16(status)
                .unwrap_or(StatusCode::IM_A_TEAPOT)
                .into_response();
        }
        Submit::Nonsense => return (StatusCode::ACCEPTED, "<html>so sorry</html>").into_response(),
        Submit::Accept | Submit::AcceptAndCut => {}
    }
    let id = begin(&shared, &submission, manner);
    if manner.submit == Submit::AcceptAndCut {
        with(&shared, |shared| shared.manner.submit = Submit::Accept);
        // A body that fails after its first byte cuts the connection.
        let pieces = futures::stream::iter([Ok("{"), Err(std::io::Error::other("cut"))]);
        return (StatusCode::ACCEPTED, axum::body::Body::from_stream(pieces)).into_response();
    }
    (StatusCode::ACCEPTED, Json(json!({"task_id": id}))).into_response()
}

/// Begins the job, unless the key was seen before.
fn begin(shared: &Handle, submission: &Submission, manner: Manner) -> String {
    let job = with(shared, |state| {
        if let Some(job) = state.jobs.iter().find(|job| job.key == submission.key) {
            return Err(job.id.clone());
        }
        let job = Job {
            id: format!("job {}/é", state.jobs.len() + 1),
            key: submission.key.clone(),
            task: submission.task().to_owned(),
            kind: submission.kind().to_owned(),
            manner,
            begun: Instant::now(),
        };
        state.jobs.push(job.clone());
        Ok(job)
    });
    match job {
        Err(id) => id,
        Ok(job) => {
            let url = submission.body["callback_url"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let id = job.id.clone();
            tokio::spawn(come_home(shared.clone(), job, url));
            id
        }
    }
}

async fn come_home(shared: Handle, job: Job, callback_url: String) {
    let (delay, times) = match job.manner.home {
        Home::PollOnly => return,
        Home::Callback => (Duration::ZERO, 1),
        Home::CallbackTwice => (Duration::ZERO, 2),
        Home::LateCallback(delay) => (delay, 1),
    };
    tokio::time::sleep(job.manner.work + delay).await;
    let (base, token) = with(&shared, |shared| (shared.url.clone(), shared.token.clone()));
    let mut report = report(&base, &job);
    report["task_id"] = job.task.as_str().into();
    let api = Api::new("", Some(token));
    for _ in 0..times {
        // A platform that is down just now will ask by itself.
        let sent = api
            .try_send(
                api.request(axum::http::Method::PUT, &callback_url)
                    .json(&report),
            )
            .await;
        with(&shared, |shared| {
            shared.callbacks.push(sent.map_or(0, |reply| reply.status))
        });
    }
}

/// The state object of a job.
fn report(base: &str, job: &Job) -> Value {
    let elapsed = job.begun.elapsed();
    if elapsed < job.manner.work {
        let progress = elapsed.as_secs_f64() / job.manner.work.as_secs_f64();
        return json!({"task_id": job.id, "state": "PROCESSING", "progress": progress});
    }
    let video = matches!(job.kind.as_str(), "video_gen" | "assemble");
    let result = match job.manner.outcome {
        Outcome::Fails(why) => {
            let error = json!({"class": "terminal", "message": why});
            return json!({"task_id": job.id, "state": "FAILED", "error": error});
        }
        Outcome::Empty => Value::Null,
        Outcome::Lost => json!({"url": format!("{base}/files/nowhere"), "media_type": "image/png"}),
        Outcome::Well if job.kind.ends_with("_desc") => {
            json!({"text": "A single pixel, seen through."})
        }
        Outcome::Well if job.kind == "text_gen" => json!({"text": "INT. A PIXEL. DAY."}),
        Outcome::Well if video => {
            json!({"url": format!("{base}/files/a.mp4"), "media_type": "video/mp4", "duration_s": 1.0})
        }
        Outcome::Well => {
            json!({"url": format!("{base}/files/a.png"), "media_type": "image/png", "width": 1, "height": 1})
        }
    };
    json!({"task_id": job.id, "state": "FINISHED", "progress": 1.0, "result": result})
}

async fn poll(State(shared): State<Handle>, Path(id): Path<String>) -> Response {
    let answer = with(&shared, |shared| {
        shared.polls += 1;
        shared
            .jobs
            .iter()
            .find(|job| job.id == id)
            .map(|job| report(&shared.url, job))
    });
    match answer {
        Some(report) => Json(report).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn cancel(State(_): State<Handle>, Path(_): Path<String>) -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn file(Path(name): Path<String>) -> Response {
    let (media_type, bytes) = match name.as_str() {
        "a.png" => ("image/png", PNG),
        "a.mp4" => ("video/mp4", MP4),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    (
        [(header::CONTENT_TYPE, media_type)],
        hex::decode(bytes).expect("hexadecimal digits"),
    )
        .into_response()
}
