//! Why a job did not end well, in the classes of the uniform provider interface.

use crate::cancel::Cancelled;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The same request would fail again.
    #[error("{0}")]
    Terminal(String),
    /// Another attempt may succeed.
    #[error("{0}")]
    Retryable(String),
    #[error("cancelled")]
    Cancelled,
}

impl JobError {
    pub fn terminal(message: impl Into<String>) -> Self {
        Self::Terminal(message.into())
    }

    pub fn retryable(message: impl Into<String>) -> Self {
        Self::Retryable(message.into())
    }
}

impl From<Cancelled> for JobError {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}
