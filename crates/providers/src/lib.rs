//! Codecs of providers: a request from a task, progress from an answer (TK3).
//!
//! Pure: nothing is sent. What a provider says is untrusted: sizes and shapes are checked here,
//! and whatever does not fit becomes a sentence that the node can show.

mod account;
mod address;
mod answer;
mod call;
mod cost;
mod failure;
pub mod gemini;
mod guard;
mod inline;
mod interface;
pub mod kling;
pub mod openai;
pub mod predict;
mod provider;
mod reach;
mod report;
mod request;
pub mod webhook;

pub use account::{Account, Begun, Job, Key, Unfit};
pub use address::{BadAddress, result_url, server_url};
pub use answer::{parse_progress, parse_submit};
pub use call::Usage;
pub use cost::{Cost, Told};
pub use failure::{CallFailure, Class};
pub use guard::Allowed;
pub use inline::{INLINE_ANSWER_BYTES, INLINE_BYTES, Inline, decoded};
pub use interface::{AfterLostAnswer, Interface};
pub use provider::{Order, Provider, Spent, Submitted};
pub use reach::{Reach, reach};
pub use report::{Product, Report, Wanted, parse_report};
pub use request::{
    InputLink, Server, Submission, cancel_request, health_request, poll_request, submit_request,
};

/// The largest answer that is read from a provider's API; results are fetched elsewhere.
pub const ANSWER_BYTES: usize = 1024 * 1024;
