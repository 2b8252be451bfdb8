//! What every codec of a provider with an account speaks of.

use serde_json::Value;

use crate::{BadAddress, InputLink, Report};

/// An account at a provider, and the model that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The base address of its API, without a slash at the end.
    pub url: &'a str,
    pub model: &'a str,
    pub key: Key<'a>,
}

/// What is presented to the provider.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    /// A key, as the provider's own header carries it.
    Plain(&'a str),
    /// A pair from which short-lived tokens are made.
    Pair { access: &'a str, secret: &'a str },
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a key")
    }
}

/// A task, as codecs of accounts read it.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// `<task>.<attempt>`: the same for every repetition of an attempt.
    pub key: &'a str,
    pub kind: &'a str,
    pub prompt: &'a str,
    /// What the node says besides: `aspect_ratio`, `duration`, `negative_prompt`, …
    pub params: &'a Value,
    pub inputs: &'a [InputLink],
    /// Where the provider may report, if it can.
    pub callback_url: Option<&'a str>,
}

/// Why a job cannot be asked of this provider at all; a sentence for the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("{0}")]
    Job(String),
    #[error("the provider's address: {0}")]
    Address(#[from] BadAddress),
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// The provider works on it under an id of its own.
    Accepted { external_id: String },
    /// The provider works on it under the platform's own id: it cannot be polled, and only its
    /// callback will tell of it.
    Unnamed { external_id: String },
    /// It is done already, or has failed.
    Ended(Report),
}
