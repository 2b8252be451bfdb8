//! Ending in order: the first SIGINT or SIGTERM asks for it, the second does not wait.

use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Outcome};

/// A token that the first signal cancels.
pub fn on_signal() -> Outcome<CancellationToken> {
    let shutdown = CancellationToken::new();
    let mut signals = Signals::new()
        .map_err(|error| Failure::failed(format!("signals cannot be received: {error}")))?;
    let token = shutdown.clone();
    tokio::spawn(async move {
        signals.next().await;
        token.cancel();
        signals.next().await;
        std::process::exit(130);
    });
    Ok(shutdown)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Cancels when standard input ends: how a child learns that its parent is gone, even by `kill -9`,
/// because the system closes the parent's end of the pipe.
pub fn when_stdin_closes(shutdown: &CancellationToken) {
    let shutdown = shutdown.clone();
    // A thread of its own: reading standard input cannot be cancelled.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        shutdown.cancel();
    });
}
