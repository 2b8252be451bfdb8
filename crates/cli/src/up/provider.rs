//! Atelier beside the stack: a child process, so that drawing never takes the edge's threads, and a
//! crash of it is a restart and no more.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::failure::Outcome;

/// Between the end of a child and the start of the next, doubled with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A child that lived this long was well; the next pause is short again.
const WELL: Duration = Duration::from_secs(60);
/// For a child to sign off and end by itself.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Where the child's port is kept: at the same address after a `kill -9` it takes over its own
/// registration, instead of a dead one beside a new one.
const PORT_FILE: &str = "atelier-port";

pub struct Provider {
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

impl Provider {
    pub async fn end(self) {
        self.stop.cancel();
        let _ = self.keeper.await;
    }
}

/// Starts atelier and keeps it running.
pub fn start(platform_url: &str, state_dir: &Path) -> Outcome<Provider> {
    let executable = crate::executable::find()?;
    let stop = CancellationToken::new();
    let keeper = Keeper {
        executable,
        platform_url: platform_url.to_owned(),
        state_dir: state_dir.to_owned(),
        stop: stop.clone(),
    };
    Ok(Provider {
        stop,
        keeper: tokio::spawn(keeper.run()),
    })
}

struct Keeper {
    executable: PathBuf,
    platform_url: String,
    state_dir: PathBuf,
    stop: CancellationToken,
}

impl Keeper {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let why = match self.spawn() {
                Ok(child) => match self.attend(child).await {
                    Some(why) => why,
                    None => return,
                },
                Err(error) => error.to_string(),
            };
            if started.elapsed() > WELL {
                pause = FIRST_PAUSE;
            }
            tracing::warn!("atelier ended ({why}); it is started again in {pause:?}");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The port of before if it is free, else any.
    fn port(&self) -> std::io::Result<u16> {
        let path = self.state_dir.join(PORT_FILE);
        let before = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr();
        let port = before
            .map_or_else(|| free(0), |port| free(port).or_else(|_| free(0)))?
            .port();
        if before != Some(port) {
            std::fs::write(&path, format!("{port}\n"))?;
        }
        Ok(port)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.executable);
        command
            .args([
                "atelier",
                "--listen",
                &format!("127.0.0.1:{}", self.port()?),
            ])
            .args(["--until-stdin-closes", "--register"])
            .arg(&self.platform_url)
            .arg("--state-dir")
            .arg(&self.state_dir)
            // The child ends when this end of the pipe closes, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        // Ctrl-C in a terminal goes to the stack alone, which then ends its child.
        #[cfg(unix)]
        command.process_group(0).arg0("clash");
        command.spawn()
    }

    /// Waits for the end of the child, or ends it when the stack ends. `None` means the latter.
    async fn attend(&self, mut child: Child) -> Option<String> {
        // Waiting for a child closes its standard input first, which would end this one at once.
        let lifeline = child.stdin.take();
        tokio::select! {
            ended = child.wait() => Some(ended.map_or_else(|error| error.to_string(), |status| status.to_string())),
            () = self.stop.cancelled() => {
                drop(lifeline);
                if tokio::time::timeout(END_TIMEOUT, child.wait()).await.is_err() {
                    let _ = child.kill().await;
                }
                None
            }
        }
    }
}
