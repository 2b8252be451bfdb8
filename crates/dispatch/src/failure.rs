//! Why an attempt failed, and what follows from that (TK7).

use serde::{Deserialize, Serialize};

/// The class of an error decides whether another attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Another attempt may succeed: overload, no answer, a lost task.
    Retryable,
    /// The same request fails the same way: it is not repeated.
    Terminal,
    /// The provider refuses the content.
    Moderation,
    /// The account is empty: repeating costs and brings nothing.
    OutOfCredit,
}

impl ErrorClass {
    pub const ALL: [Self; 4] = [
        Self::Retryable,
        Self::Terminal,
        Self::Moderation,
        Self::OutOfCredit,
    ];
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Terminal => "terminal",
            Self::Moderation => "moderation",
            Self::OutOfCredit => "out_of_credit",
        }
    }
    pub fn may_retry(self) -> bool {
        match self {
            Self::Retryable => true,
            Self::Terminal | Self::Moderation | Self::OutOfCredit => false,
        }
    }
}

/// An error that people will read on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    pub class: ErrorClass,
    pub message: String,
}

impl Failure {
    pub fn retryable(message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Retryable,
            message: message.into(),
        }
    }
    pub fn terminal(message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Terminal,
            message: message.into(),
        }
    }
}
