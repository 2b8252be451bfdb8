//! The reference room server: `SimpleServer` of the npm package `loro-websocket`, in Node.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::process::Server;

/// For `npm ci` on a slow network.
const INSTALL_LIMIT: Duration = Duration::from_secs(180);
const START_LIMIT: Duration = Duration::from_secs(30);

/// Starts it, after installing its packages when they are not here.
pub async fn start(root: &Path) -> Result<Server> {
    let folder = root.join("tests/bench/simple-server");
    let found = Command::new("node").arg("--version").output().await;
    ensure!(
        found.is_ok_and(|output| output.status.success()),
        "node is not installed"
    );
    if !folder.join("node_modules/loro-websocket").is_dir() {
        eprintln!("installing the npm packages of the SimpleServer …");
        let mut install = Command::new("npm");
        install
            .args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(&folder);
        let installed =
            tokio::time::timeout(INSTALL_LIMIT, install.kill_on_drop(true).output()).await;
        let output = installed
            .context("npm ci takes too long")?
            .context("npm is not installed")?;
        ensure!(
            output.status.success(),
            "npm ci: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let mut command = Command::new("node");
    command.arg("server.mjs").current_dir(&folder);
    Server::start("SimpleServer", command, START_LIMIT).await
}
