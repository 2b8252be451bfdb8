//! What the caller decides: where things are, and how much of everything is allowed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

/// How an application is loaded and run.
#[derive(Clone)]
pub struct Options {
    /// The application manifest (`spin.toml`, version 2).
    pub manifest: PathBuf,
    /// The runtime configuration, if there is one.
    pub runtime_config: Option<PathBuf>,
    /// Where databases, logs and staged files live. Created when missing.
    pub state_dir: PathBuf,
    /// Where compiled modules are kept; `<state_dir>/compiled` when not given.
    pub cache_dir: Option<PathBuf>,
    /// A program and its first arguments, which is then given a component's file and the cache
    /// directory and calls [`crate::compile`]: what the compiler allocates ends with that process.
    /// Without it, or when it fails, this process compiles.
    pub compiler: Option<Vec<OsString>>,
    /// Variable values; they win over `SPIN_VARIABLE_*` and over defaults.
    pub variables: Vec<(String, String)>,
    /// Environment given to every component, over the manifest's own.
    pub env: Vec<(String, String)>,
    /// Statements run on the default database before the first request.
    /// `@path` runs the statements of a file.
    pub sqlite_statements: Vec<String>,
    /// Bounds on what guests and clients may use.
    pub limits: Limits,
    /// Whether guests' output goes to this process's stderr as well as to the log files.
    pub follow: bool,
    /// Components whose instances run on a runtime of their own, wherever their requests come from:
    /// one with a single thread spares them the way between threads, and others the wait.
    pub homes: Vec<(String, Handle)>,
    /// Called from any thread while components compile.
    pub progress: Option<ProgressCallback>,
}

impl Options {
    /// Options for one manifest and state directory, the rest as by default.
    pub fn new(manifest: impl Into<PathBuf>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            manifest: manifest.into(),
            state_dir: state_dir.into(),
            ..Self::default()
        }
    }

    pub(crate) fn home_of(&self, component: &str) -> Option<Handle> {
        let home = self.homes.iter().find(|(id, _)| id == component)?;
        Some(home.1.clone())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            manifest: "spin.toml".into(),
            runtime_config: None,
            state_dir: ".spin".into(),
            cache_dir: None,
            compiler: None,
            variables: Vec::new(),
            env: Vec::new(),
            sqlite_statements: Vec::new(),
            limits: Limits::default(),
            follow: false,
            homes: Vec::new(),
            progress: None,
        }
    }
}

/// Bounds. The defaults are Spin's where Spin has one.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests one instance serves at the same time.
    pub instance_concurrency: usize,
    /// Requests one instance serves in its life.
    pub instance_reuse: usize,
    /// How long an instance may be idle before it is dropped.
    pub idle_instance_timeout: Duration,
    /// How long a guest may take to begin its answer; none is without end, as in Spin.
    pub request_timeout: Option<Duration>,
    /// How long an instance may go on after its last answer began: streaming, or finishing work.
    pub stream_timeout: Option<Duration>,
    /// Requests from outside that are being answered at the same time.
    pub concurrent_requests: usize,
    /// Requests from outside that wait for their turn; more are refused with 503.
    pub queued_requests: usize,
    /// Instances alive at the same time, over all components.
    pub instances: u32,
    /// Linear memory of one instance, in bytes.
    pub instance_memory: usize,
    /// How many components deep a request may be passed on in process.
    pub chain_depth: u32,
    /// Body of one request from outside, in bytes.
    pub body_bytes: usize,
    /// Head of one request to `serve`, in bytes; larger ones are answered with 431.
    pub header_bytes: usize,
    /// Connections that `serve` holds open at the same time; more wait to be accepted.
    pub connections: usize,
    /// How long a client of `serve` may take to send a request's head.
    pub header_timeout: Duration,
    /// How long a client may take to send the next piece of a body, or to take the next piece of
    /// an answer.
    pub stall_timeout: Duration,
    /// How long `serve` waits for open requests when it is told to stop.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instance_concurrency: 16,
            instance_reuse: 128,
            idle_instance_timeout: Duration::from_secs(1),
            // The longest wait that a well-behaved guest has: a language model's answer.
            request_timeout: Some(Duration::from_secs(300)),
            // Event streams live this long before their reader must come again.
            stream_timeout: Some(Duration::from_secs(3600)),
            // Enough to keep the processors busy while guests wait for databases and networks.
            concurrent_requests: 256,
            // A burst of four times that is queued; beyond it, waiting would only end in timeouts.
            queued_requests: 1024,
            // 256 requests from outside, each passed on a few times, at 16 per instance.
            instances: 512,
            instance_memory: 1 << 30,
            // Deeper than any sensible application, shallow enough to end a loop quickly.
            chain_depth: 8,
            // Twice the largest value that a store gives back, so that only a body without end
            // is cut off.
            body_bytes: 256 << 20,
            // As much as common proxies pass on, cookies and tokens included.
            header_bytes: 64 << 10,
            // An idle connection costs some ten kilobytes, so that all of them are affordable.
            connections: 10_000,
            // A head is one or two packets; idle connections are closed after this time too.
            header_timeout: Duration::from_secs(30),
            // Longer than any network takes to repair itself.
            stall_timeout: Duration::from_secs(60),
            // Shorter than what process managers wait before they kill.
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Receives what happens while an application loads.
pub type ProgressCallback = Arc<dyn Fn(Progress<'_>) + Send + Sync>;

/// One step of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A component has no compiled form yet and is being compiled.
    Compiling { component: &'a str },
    /// A component is ready, `done` of `total`.
    Ready {
        component: &'a str,
        done: usize,
        total: usize,
    },
}
