//! The job queue of the npm package `bullmq` on a Redis of its own, which writes each change to its
//! log and to the disk before it answers, as the platform does.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::Bench;
use crate::node_packages;
use crate::process::Server;

const START_LIMIT: Duration = Duration::from_secs(30);

pub struct BullMq {
    pub server: Server,
    redis: Server,
    _disk: TempDir,
}

impl BullMq {
    pub async fn start(bench: &Bench, backend: String) -> Result<Self> {
        let found = Command::new("redis-server").arg("--version").output().await;
        ensure!(
            found.is_ok_and(|output| output.status.success()),
            "redis-server is not installed"
        );
        let folder = node_packages::folder(&bench.root, "bullmq", "bullmq").await?;
        let disk = tempfile::Builder::new()
            .prefix("clash-bench-redis-")
            .tempdir()?;
        // Redis says nothing of a port that it chose itself.
        let free = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &free.port().to_string()])
            .args([
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
            ])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(disk.path());
        let ready = |line: &str| -> Option<SocketAddr> {
            line.to_lowercase()
                .contains("ready to accept connections")
                .then_some(free)
        };
        let redis = Server::start_saying("redis-server", command, START_LIMIT, ready).await?;
        let mut command = Command::new("node");
        command
            .arg("server.mjs")
            .env("REDIS_PORT", free.port().to_string())
            .env("BACKEND", backend)
            .current_dir(&folder);
        let server = Server::start("BullMQ", command, START_LIMIT).await;
        match server.context("the queue") {
            Ok(server) => Ok(Self {
                server,
                redis,
                _disk: disk,
            }),
            Err(why) => {
                redis.stop().await;
                Err(why)
            }
        }
    }

    pub async fn stop(self) {
        self.server.stop().await;
        self.redis.stop().await;
    }
}
