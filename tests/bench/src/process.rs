//! Servers as processes: started, measured from outside, and ended by their process id.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// Lines of a server's standard error that are kept to explain a failure.
const LOG_LINES: usize = 60;
/// For a server to end after SIGTERM; then it is killed.
const END_LIMIT: Duration = Duration::from_secs(20);
/// The unit of processor time in /proc on every Linux of today.
const TICKS_PER_S: u64 = 100;

type Log = Arc<Mutex<VecDeque<String>>>;

/// A server that said on standard output where it serves, usually `Serving http://ADDRESS`.
pub struct Server {
    name: &'static str,
    child: Child,
    pub pid: u32,
    pub address: SocketAddr,
    /// From the start of the process to that line.
    pub start: Duration,
    log: Log,
}

impl Server {
    pub async fn start(name: &'static str, command: Command, limit: Duration) -> Result<Self> {
        let says = |line: &str| line.strip_prefix("Serving http://")?.trim().parse().ok();
        Self::start_saying(name, command, limit, says).await
    }

    /// The same for one that says where it serves in words of its own.
    pub async fn start_saying(
        name: &'static str,
        mut command: Command,
        limit: Duration,
        says: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        // A server that ends with its standard input does so too when this process is killed.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let pid = child
            .id()
            .with_context(|| format!("{name} ended at once"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = stdout.zip(stderr).context("its output is not piped")?;
        let log = Log::default();
        tokio::spawn(keep(stderr, log.clone()));
        let mut lines = BufReader::new(stdout).lines();
        let serving = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = says(&line) {
                    return anyhow::Ok(address);
                }
            }
            bail!("it ended")
        };
        let said = tokio::time::timeout(limit, serving).await;
        let start = started.elapsed();
        let address = match said.unwrap_or_else(|_| bail!("not within {limit:?}")) {
            Ok(address) => address,
            Err(why) => {
                let _ = child.kill().await;
                bail!("{name} does not serve ({why}); it said:\n{}", joined(&log));
            }
        };
        let output = lines.into_inner();
        tokio::spawn(keep(output, log.clone()));
        Ok(Self {
            name,
            child,
            pid,
            address,
            start,
            log,
        })
    }

    /// The last lines that it said.
    pub fn log(&self) -> String {
        joined(&self.log)
    }

    pub async fn stop(mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_some()) {
            eprintln!(
                "{} had ended by itself; it said:\n{}",
                self.name,
                self.log()
            );
            return;
        }
        // The shell's own `kill`: there is one on every machine.
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -TERM \"$1\"", "sh", &self.pid.to_string()]);
        let _ = kill.status().await;
        if tokio::time::timeout(END_LIMIT, self.child.wait())
            .await
            .is_err()
        {
            eprintln!(
                "{} did not end within {END_LIMIT:?} and is killed",
                self.name
            );
            let _ = self.child.kill().await;
        }
    }

    /// Processor time so far, of all its threads.
    pub fn cpu(&self) -> Option<Duration> {
        cpu(&self.pid.to_string())
    }

    /// Processor time since an earlier look.
    pub fn cpu_since(&self, before: Option<Duration>) -> Option<Duration> {
        Some(self.cpu()?.saturating_sub(before?))
    }
}

/// Processor time so far of this process, which is that of the generators.
pub fn own_cpu() -> Option<Duration> {
    cpu("self")
}

fn cpu(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // After the name in parentheses, which may hold anything: state is field 3, utime 14.
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
}

async fn keep(lines: impl AsyncRead + Unpin, log: Log) {
    let mut lines = BufReader::new(lines).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(line);
    }
}

fn joined(log: &Log) -> String {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.iter()
        .map(|line| format!("  > {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Resident memory of a process, in MB (10⁶ bytes).
pub fn memory_mb(pid: u32) -> Result<f64> {
    status_mb(pid, "VmRSS")
}

/// The most that was resident since the start, or since [`reset_peak`].
pub fn peak_mb(pid: u32) -> Result<f64> {
    status_mb(pid, "VmHWM")
}

/// Best effort: where the system does not allow it, the peak is that of the whole run.
pub fn reset_peak(pid: u32) {
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn status_mb(pid: u32, field: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path)
        .with_context(|| format!("{path} (memory is measured on Linux only)"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .with_context(|| format!("no {field}"))?;
    Ok(kib.trim().parse::<f64>()? * 1_024.0 / 1e6)
}

/// The processes that a process has started.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |child: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        stat.rsplit_once(") ")?
            .1
            .split(' ')
            .nth(1)?
            .parse::<u32>()
            .ok()
    };
    numbers.filter(|child| parent(child) == Some(pid)).collect()
}
