//! The reference room server: `SimpleServer` of the npm package `loro-websocket`, in Node.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::process::Command;

use crate::node_packages;
use crate::process::Server;

pub const NAME: &str = "SimpleServer (not durable)";
const START_LIMIT: Duration = Duration::from_secs(30);

/// Starts it, after installing its packages when they are not here.
pub async fn start(root: &Path) -> Result<Server> {
    let folder = node_packages::folder(root, "simple-server", "loro-websocket").await?;
    let mut command = Command::new("node");
    command.arg("server.mjs").current_dir(&folder);
    Server::start("SimpleServer", command, START_LIMIT).await
}
