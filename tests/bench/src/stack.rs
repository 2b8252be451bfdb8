//! The stack that is measured: the real `clash up`, its tokens, its projects.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::json;
use tokio::process::Command;

use crate::load::Connection;
use crate::process::Server;

/// The first start compiles the components for this machine.
const START_LIMIT: Duration = Duration::from_secs(300);

/// The folder of the workspace.
pub fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.map(Path::to_owned)
        .context("the benchmarks are not in the workspace")
}

pub struct Stack {
    pub server: Server,
    clash: PathBuf,
    state_dir: PathBuf,
}

impl Stack {
    pub async fn start(clash: &Path, state_dir: &Path) -> Result<Self> {
        Self::with(clash, state_dir, &[]).await
    }

    /// The same with more of the command line.
    pub async fn with(clash: &Path, state_dir: &Path, more: &[&str]) -> Result<Self> {
        let mut command = command(clash)?;
        command
            .args(["up", "--listen", "127.0.0.1:0", "--state-dir"])
            .arg(state_dir)
            .args(more)
            // A long queue waits for whoever takes it.
            .args(["--variable", "no_server_timeout_s=3600"]);
        // The limits are in force, and far away.
        for limit in ["rate_limit_read", "rate_limit_write"] {
            command.arg("--variable").arg(format!("{limit}=100000000"));
        }
        let server = Server::start("clash up", command, START_LIMIT).await?;
        Ok(Self {
            server,
            clash: clash.to_owned(),
            state_dir: state_dir.to_owned(),
        })
    }

    /// A token from `clash token`.
    pub async fn token(&self, role: &str) -> Result<String> {
        self.token_of("default", role).await
    }

    /// The same, of another tenant.
    pub async fn token_of(&self, tenant: &str, role: &str) -> Result<String> {
        let mut command = command(&self.clash)?;
        command
            .args(["token", "--sub", "bench", "--role", role])
            .args(["--tenant", tenant, "--state-dir"])
            .arg(&self.state_dir);
        let output = command.output().await.context("clash token")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "clash token: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Makes a project with a name of its own in this state directory, and gives its id.
    pub async fn project(&self, name: &str) -> Result<String> {
        let mut one = self.projects(name, 1).await?;
        one.pop().context("no project was made")
    }

    /// The same for several at once.
    pub async fn projects(&self, name: &str, count: usize) -> Result<Vec<String>> {
        let token = self.token("editor").await?;
        let mut connection = Connection::open(self.server.address).await?;
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let id = format!("bench-{name}-{:08x}", rand::random::<u32>());
            let body = json!({"id": id, "name": id});
            let answer = connection
                .json(Method::POST, "/api/projects", Some(&token), Some(&body))
                .await?;
            ensure!(
                answer.0 == 201,
                "POST /api/projects answers {} {}",
                answer.0,
                answer.1
            );
            ids.push(id);
        }
        Ok(ids)
    }
}

/// The binary, without the environment that could change what it does.
fn command(clash: &Path) -> Result<Command> {
    let mut command = Command::new(clash);
    command
        .current_dir(root()?)
        .env_remove("CLASH_TOKEN")
        .env_remove("CLASH_LOG")
        .env_remove("RUST_LOG")
        // With it wasmtime walks the stack for each error that it makes.
        .env_remove("RUST_BACKTRACE");
    Ok(command)
}
