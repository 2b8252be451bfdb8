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
    // A lock file that was made on another platform may lack what is optional there: some npm
    // refuse it, and then the versions of package.json have to do.
    let told = match npm(&folder, &["ci"]).await {
        Ok(()) => return Ok(folder),
        Err(told) => told,
    };
    npm(&folder, &["install", "--no-package-lock"])
        .await
        .with_context(|| format!("npm ci: {told}"))?;
    Ok(folder)
}

async fn npm(folder: &Path, command: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(command)
        .args(["--no-audit", "--no-fund"])
        // Nothing of them is built here.
        .arg("--ignore-scripts")
        .current_dir(folder)
        .kill_on_drop(true);
    let output = tokio::time::timeout(INSTALL_LIMIT, npm.output())
        .await
        .context("npm takes too long")?
        .context("npm is not installed")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
