//! What an edge is told when it starts.

use protocol::limits;
use std::sync::Arc;
use std::time::Duration;

/// Makes and checks the service tokens of SPEC section 2; the binary wires it to `identity`.
pub trait ServiceTokens: Send + Sync + 'static {
    /// A token good for at least 30 s.
    fn sign(&self) -> String;
    /// Whether `bearer` (without the word `Bearer`) may push.
    fn verify(&self, bearer: &str) -> bool;
}

#[derive(Clone)]
pub struct Options {
    pub tokens: Arc<dyn ServiceTokens>,
    /// Post `/internal/v1/tick` that often, where the platform has no cron trigger.
    pub tick: Option<Duration>,
    /// Turns that may be in flight at once; each room belongs to one lane. One suffices while the
    /// database takes one writer at a time.
    pub lanes: usize,
    /// What `x-forwarded-proto` says: `https` where a TLS terminator stands in front.
    pub public_scheme: &'static str,
    pub limits: Limits,
}

impl Options {
    pub fn new(tokens: Arc<dyn ServiceTokens>) -> Self {
        Self {
            tokens,
            tick: None,
            lanes: 1,
            public_scheme: "http",
            limits: Limits::default(),
        }
    }
}

/// Bounds of one edge process. The defaults are those of SPEC section 4 where it names them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// TCP connections at once; more wait to be accepted. Each idle one costs about 20 KiB.
    pub connections: usize,
    /// Bytes waiting for one slow reader before it is closed with 1013.
    pub outbound_bytes: usize,
    /// How often a room with connections is polled.
    pub poll_interval: Duration,
    /// A turn without an answer for that long has failed.
    pub turn_timeout: Duration,
    /// A proxied request without the head of an answer for that long has failed: over the five
    /// minutes that a call to an AI provider may take.
    pub response_timeout: Duration,
    /// A WebSocket is pinged after that long without a word, and dropped after three times as long.
    pub keepalive: Duration,
    /// How long connections may take to end at shutdown.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            outbound_bytes: limits::OUTBOUND_BYTES,
            poll_interval: limits::POLL_INTERVAL,
            turn_timeout: Duration::from_secs(15),
            response_timeout: Duration::from_secs(310),
            keepalive: Duration::from_secs(30),
            shutdown: Duration::from_secs(5),
        }
    }
}
