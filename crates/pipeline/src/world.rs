//! Everything outside the database.

use http::{Request, Response};
use providers::Allowed;

/// Clock, chance, calls. A component implements it over its host, a simulation over a seed.
pub trait World {
    type Body: Body;
    fn now_ms(&self) -> i64;
    /// Uniform in 0..1.
    fn jitter(&self) -> f64;
    /// A text that no other call gives.
    fn unique(&self) -> String;
    /// An absolute link to an asset that works without a token, for longer than an attempt may take.
    fn asset_link(&self, project_id: &str, asset_id: &str) -> String;
    /// Where a provider that signs its webhooks reports on an attempt: nobody can guess it.
    fn webhook_url(&self, provider: &str, task_id: &str, attempt: u32) -> String;
    /// Calls a provider and reads its answer.
    fn call(
        &self,
        request: Request<Vec<u8>>,
        bounds: Bounds,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, NoAnswer>>;
    fn sleep(&self, ms: i64) -> impl Future<Output = ()>;
    /// The bytes of an asset, for providers that take their inputs inside of the request.
    fn asset(
        &self,
        project_id: &str,
        asset_id: &str,
    ) -> impl Future<Output = Result<Vec<u8>, NoAnswer>>;
    /// Lets [`crate::Pipeline::begin`] follow, beside what goes on; it may be lost.
    fn begin_soon(&self, task_ids: Vec<String>);
    /// Calls a provider and hands on the answer's body as it comes.
    fn fetch(
        &self,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Self::Body>, NoAnswer>>;
    /// Hands an effect to the room; the answer is its HTTP status.
    fn poke(&self, body: &str) -> impl Future<Output = Result<u16, NoAnswer>>;
    /// The same, not waited for and not repeated.
    fn hint(&self, body: String);
    /// Says what went wrong to whoever operates the platform.
    fn report(&self, what: &str, cause: &dyn std::fmt::Display);
}

/// How much of an answer is read, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub bytes: usize,
    pub ms: i64,
}

impl Bounds {
    /// Of questions that are answered without work.
    pub const QUICK: Self = Self {
        bytes: providers::ANSWER_BYTES,
        ms: dispatch::policy::CALL_MS,
    };
}

/// A body in pieces.
pub trait Body {
    /// The next piece; `None` at the end.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, NoAnswer>>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The request did not reach anyone: nothing was begun.
    #[error("{0}")]
    Unreachable(String),
    /// The platform itself does not allow the call.
    #[error("{0}")]
    Forbidden(String),
    /// Whether the request was received is not known.
    #[error("{0}")]
    Lost(String),
    /// There is an answer, but it is too long to be one.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
}

/// What the deployment says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where providers reach the platform, without a slash at the end.
    pub worker_public_url: String,
    /// A provider for kinds that no registered server serves.
    pub fallback_url: Option<String>,
    pub no_server_timeout_ms: i64,
    /// Where results may be fetched that providers keep on hosts of their own choice (RG5).
    pub allowed: Allowed,
}
