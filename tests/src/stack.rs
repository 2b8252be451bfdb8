//! `clash up` as a real process: started on a free port, killed at will, started again.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::Api;

/// The very first start compiles the components for this machine.
const START_LIMIT: Duration = Duration::from_secs(240);
/// Stacks that run at the same time: more only take the processors from each other.
const RUNNING: usize = 3;
static SLOTS: Semaphore = Semaphore::const_new(RUNNING);
/// One process after the other compiles and fills the cache.
static CACHE: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);
static SHARED: Mutex<Weak<Stack>> = Mutex::new(Weak::new());

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
        .to_owned()
}

/// The binary under test: `CLASH_BIN`, else the release build of this workspace.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("CLASH_BIN")
        .map_or_else(|| root().join("target/release/clash"), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not there: run `make build` first",
        path.display()
    );
    path
}

/// The binary with arguments, without the environment that could change what it does.
pub fn clash(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
        .env_remove("CLASH_TOKEN")
        .env_remove("CLASH_LOG")
        .env_remove("RUST_LOG");
    command
}

/// Runs a command to its end, which must come in time.
pub fn finish(mut command: Command, limit: Duration) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(limit) {
        Ok(output) => output.expect("the command's output can be read"),
        Err(_) => {
            signal(pid, "KILL");
            panic!("{command:?} did not end within {limit:?}");
        }
    }
}

/// Sends a signal to one process that a test started.
pub fn signal(pid: u32, name: &str) {
    // The shell's own `kill`: there is one on every machine.
    let sent = Command::new("sh")
        .args(["-c", "kill -\"$1\" \"$2\"", "sh", name, &pid.to_string()])
        .status();
    assert!(sent.is_ok(), "a signal cannot be sent: {sent:?}");
}

/// How a stack is started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// With the embedded provider; without it nothing is made until a test's own one registers.
    pub atelier: bool,
    pub variables: Vec<(&'static str, String)>,
    /// The edge as a process of its own, which ticks that often.
    pub edge_ticks: Option<&'static str>,
}

/// A running stack. Dropping it ends it.
pub struct Stack {
    pub url: String,
    pub address: SocketAddr,
    pub state_dir: PathBuf,
    setup: Setup,
    process: Mutex<Option<Process>>,
    /// With [`Setup::edge_ticks`].
    _edge: Option<Process>,
    _slot: SemaphorePermit<'static>,
    _directory: tempfile::TempDir,
}

struct Process {
    child: Child,
    stderr: Arc<Mutex<String>>,
}

impl Stack {
    /// A stack of its own for one test, without atelier.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with_atelier() -> Self {
        Self::with(Setup {
            atelier: true,
            ..Setup::default()
        })
        .await
    }

    pub async fn with(setup: Setup) -> Self {
        let slot = SLOTS.acquire().await.expect("never closed");
        tokio::task::block_in_place(|| Self::start_blocking(setup, slot))
    }

    /// One stack for the tests that leave nothing behind; it ends with the last of them.
    pub async fn shared() -> Arc<Self> {
        let slot = SLOTS.acquire().await.expect("never closed");
        tokio::task::block_in_place(|| {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(stack) = shared.upgrade() {
                return stack;
            }
            let stack = Arc::new(Self::start_blocking(Setup::default(), slot));
            *shared = Arc::downgrade(&stack);
            stack
        })
    }

    fn start_blocking(mut setup: Setup, slot: SemaphorePermit<'static>) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("clash-e2e-")
            .tempdir()
            .expect("a temporary directory");
        let state_dir = directory.path().join("state");
        // The application has to be told where the edge will be.
        let edge_listen = setup.edge_ticks.map(|_| free_address());
        if let Some(listen) = &edge_listen {
            for name in ["edge_url", "worker_public_url"] {
                setup.variables.push((name, format!("http://{listen}")));
            }
        }
        let (process, upstream) = {
            let _guard = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
            let (kept, own) = (compiled_cache(), state_dir.join("compiled"));
            copy_missing(&kept, &own);
            let started = Process::start(&state_dir, &setup, "127.0.0.1:0");
            copy_missing(&own, &kept);
            started
        };
        let (edge, url) = match (&edge_listen, setup.edge_ticks) {
            (Some(listen), Some(every)) => {
                let mut command = clash(&["edge", "--listen", listen, "--tick", every]);
                command.args(["--upstream", &upstream, "--state-dir"]);
                command.arg(&state_dir);
                let (edge, url) = Process::spawn(command);
                (Some(edge), url)
            }
            _ => (None, upstream),
        };
        let address = url
            .strip_prefix("http://")
            .and_then(|rest| rest.parse().ok())
            .expect("an address");
        Self {
            url,
            address,
            state_dir,
            setup,
            process: Mutex::new(Some(process)),
            _edge: edge,
            _slot: slot,
            _directory: directory,
        }
    }

    fn process<T>(&self, look: impl FnOnce(&mut Option<Process>) -> T) -> T {
        look(&mut self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `kill -9`, and nothing else.
    pub fn kill(&self) {
        let process = self.process(Option::take);
        if let Some(mut process) = process {
            process.child.kill().expect("the process can be killed");
            process.child.wait().expect("it ends");
        }
    }

    /// SIGTERM, and the exit status within a limit.
    pub fn terminate(&self) -> ExitStatus {
        let mut process = self.process(Option::take).expect("it runs");
        signal(process.child.id(), "TERM");
        let status = process.wait(Duration::from_secs(30));
        status.unwrap_or_else(|| panic!("it did not end after SIGTERM:\n{}", process.log()))
    }

    /// Starts again on the same state directory and the same address.
    pub fn start_again(&self) {
        let started = Instant::now();
        let (process, url) = tokio::task::block_in_place(|| {
            Process::start(&self.state_dir, &self.setup, &self.address.to_string())
        });
        assert_eq!(url, self.url);
        self.process(|slot| *slot = Some(process));
        eprintln!("started again in {:?}", started.elapsed());
    }

    /// What the stack wrote to standard error.
    pub fn log(&self) -> String {
        self.process(|process| process.as_ref().map(Process::log).unwrap_or_default())
    }

    /// The last faults that each component wrote.
    fn component_logs(&self) -> String {
        let files = std::fs::read_dir(self.state_dir.join("logs"));
        let mut shown = String::new();
        for file in files.into_iter().flatten().flatten() {
            let name = file.file_name();
            if !name.to_string_lossy().ends_with("_stderr.txt") {
                continue;
            }
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(50)..] {
                shown.push_str(&format!("{}: {line}\n", name.display()));
            }
        }
        shown
    }

    pub fn secret(&self) -> Vec<u8> {
        std::fs::read(self.state_dir.join("secret")).expect("the stack has a secret")
    }

    /// A token from `clash token`.
    pub fn token(&self, sub: &str, role: &str) -> String {
        self.token_with(&["--sub", sub, "--role", role])
    }

    pub fn token_with(&self, arguments: &[&str]) -> String {
        let mut command = clash(&["token"]);
        command
            .args(arguments)
            .arg("--state-dir")
            .arg(&self.state_dir);
        let output = finish(command, Duration::from_secs(20));
        assert!(
            output.status.success(),
            "clash token {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("a token is ASCII")
            .trim()
            .to_owned()
    }

    /// A client with a token of this role.
    pub fn api(&self, sub: &str, role: &str) -> Api {
        Api::new(&self.url, Some(self.token(sub, role)))
    }

    /// Makes a project and gives its id.
    pub async fn project(&self, id: &str) -> String {
        let body = serde_json::json!({"id": id, "name": id});
        let reply = self
            .api("maker", "editor")
            .post("/api/projects", &body)
            .await;
        assert_eq!(reply.status, 201, "POST /api/projects: {}", reply.text());
        id.to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let process = self.process(Option::take);
        let Some(mut process) = process else { return };
        signal(process.child.id(), "TERM");
        let _ = process.wait(Duration::from_secs(5));
        if std::thread::panicking() {
            eprintln!(
                "---- standard error of the stack ----\n{}----\n{}",
                process.log(),
                self.component_logs()
            );
        }
    }
}

impl Process {
    /// Starts and waits for the line that says where it serves.
    fn start(state_dir: &Path, setup: &Setup, listen: &str) -> (Self, String) {
        let mut command = clash(&["up", "--listen", listen, "--state-dir"]);
        command.arg(state_dir);
        if !setup.atelier {
            command.arg("--no-atelier");
        }
        if setup.edge_ticks.is_some() {
            command.arg("--no-edge");
        }
        for (key, value) in &setup.variables {
            command.arg("--variable").arg(format!("{key}={value}"));
        }
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> (Self, String) {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("clash starts");
        let stderr = Arc::new(Mutex::new(String::new()));
        let (lines, log) = (child.stderr.take().expect("piped"), stderr.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let (sender, receiver) = mpsc::channel();
        let lines = child.stdout.take().expect("piped");
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("Serving ") {
                    let _ = sender.send(url.trim().to_owned());
                }
            }
        });
        let mut process = Self { child, stderr };
        match receiver.recv_timeout(START_LIMIT) {
            Ok(url) => (process, url),
            Err(why) => {
                let _ = process.child.kill();
                let status = process.child.wait();
                panic!(
                    "{command:?} does not serve ({why}, {status:?}):\n{}",
                    process.log()
                );
            }
        }
    }

    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < limit {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn log(&self) -> String {
        self.stderr
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Process {
    /// What nobody ended before.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> String {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address");
    address.to_string()
}

/// Compiled components of earlier tests, so that not every test compiles them.
fn compiled_cache() -> PathBuf {
    let target = binary()
        .parent()
        .and_then(Path::parent)
        .map(Path::to_owned)
        .unwrap_or_else(|| root().join("target"));
    target.join("clash-e2e-compiled")
}

fn copy_missing(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else {
        return;
    };
    private_dir(to.parent().expect("not the root"));
    private_dir(to);
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        let whole = entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "cwasm");
        if whole && !target.exists() {
            std::fs::copy(entry.path(), target).expect("a compiled component can be copied");
        }
    }
}

fn private_dir(path: &Path) {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path).expect("a directory can be made");
}
