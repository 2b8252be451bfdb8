//! A minimal room as a Durable Object on workerd, Cloudflare's runtime: one object for each room,
//! each update a row of its SQLite storage, acked when it is on the disk.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::node_packages;
use crate::process::Server;

pub const NAME: &str = "Durable Object";
const START_LIMIT: Duration = Duration::from_secs(30);

/// Ends workerd with its standard input, as the other servers do by themselves; it keeps the pid.
const UNTIL_INPUT_ENDS: &str =
    r#"exec 3<&0; (cat <&3 >/dev/null; kill $$) >/dev/null 2>&1 & exec 3<&-; exec "$@""#;

/// Starts it with its storage in `disk`, after installing its packages when they are not here.
pub async fn start(root: &Path, disk: &Path) -> Result<Server> {
    let folder = node_packages::folder(root, "durable-object", "workerd").await?;
    std::fs::create_dir_all(disk)?;
    let mut ask = Command::new("node");
    ask.args(["-p", "require('workerd').default"])
        .current_dir(&folder);
    let asked = ask.output().await?;
    ensure!(
        asked.status.success(),
        "there is no workerd for this machine: {}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let workerd = String::from_utf8(asked.stdout)?;
    let disk = disk.to_str().context("a path that is no text")?;
    let mut command = Command::new("sh");
    command
        .args(["-c", UNTIL_INPUT_ENDS, "sh", workerd.trim()])
        .args(["serve", "config.capnp", "--control-fd=1"])
        .arg(format!("--directory-path=disk={disk}"))
        .current_dir(&folder);
    Server::start_saying("workerd", command, START_LIMIT, address).await
}

/// Of a line like `{"event":"listen","socket":"http","port":34681}`.
fn address(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    let port = u16::try_from(event["port"].as_u64()?).ok()?;
    (event["event"] == "listen").then(|| SocketAddr::from(([127, 0, 0, 1], port)))
}
