//! A job's progress and its cancellation, shared between the worker thread and the routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio_util::sync::CancellationToken;

/// The job was cancelled; there is nothing to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// A handle of one job. Work reports how far it is and learns in the same call whether to stop.
#[derive(Clone, Default)]
pub struct Progress(Arc<Shared>);

#[derive(Default)]
struct Shared {
    thousandths: AtomicU32,
    /// The same as the token, readable between two frames without a lock.
    cancelled: AtomicBool,
    token: CancellationToken,
}

impl Progress {
    pub fn set(&self, fraction: f32) -> Result<(), Cancelled> {
        self.0.thousandths.store(
            (fraction.clamp(0.0, 1.0) * 1000.0) as u32,
            Ordering::Relaxed,
        );
        self.check()
    }

    pub fn check(&self) -> Result<(), Cancelled> {
        if self.0.cancelled.load(Ordering::Relaxed) {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }

    pub fn get(&self) -> f32 {
        self.0.thousandths.load(Ordering::Relaxed) as f32 / 1000.0
    }

    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        self.0.token.cancel();
    }

    /// Resolves when the job is cancelled.
    pub async fn cancelled(&self) {
        self.0.token.cancelled().await;
    }
}
