//! The npm packages of the baselines: each has a folder with a lock file, installed when needed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// For `npm ci` on a slow network: workerd is some 160 MB.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

/// The folder `name` of the benchmarks with its packages, of which `package` is one.
pub async fn folder(root: &Path, name: &str, package: &str) -> Result<PathBuf> {
    let folder = root.join("tests/bench").join(name);
    let found = Command::new("node").arg("--version").output().await;
    ensure!(
        found.is_ok_and(|output| output.status.success()),
        "node is not installed"
    );
    if folder.join("node_modules").join(package).is_dir() {
        return Ok(folder);
    }
    eprintln!("installing the npm packages of {name} …");
    let mut install = Command::new("npm");
    install
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        // Nothing of them is built here.
        .arg("--ignore-scripts")
        .current_dir(&folder);
    let installed = tokio::time::timeout(INSTALL_LIMIT, install.kill_on_drop(true).output()).await;
    let output = installed
        .context("npm ci takes too long")?
        .context("npm is not installed")?;
    ensure!(
        output.status.success(),
        "npm ci: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(folder)
}
