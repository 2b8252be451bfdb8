//! What an edge is told when it starts.

use crate::Rate;
use protocol::limits;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Makes and checks the service tokens of SPEC section 2; the binary wires it to `identity`.
pub trait ServiceTokens: Send + Sync + 'static {
    /// A token good for at least 30 s that opens the internal routes of the component `to`.
    fn sign(&self, to: &str) -> String;
    /// Whether `bearer` (without the word `Bearer`) is a token for the edge, so that it may push.
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
    /// Where lanes run, when not on the runtime of everything else: next to the application's turns,
    /// when both are in one process.
    pub lane_runtime: Option<Handle>,
    /// What `x-forwarded-proto` says of requests to an entrance without TLS: `https` where a TLS
    /// terminator stands in front.
    pub public_scheme: &'static str,
    pub limits: Limits,
}

impl Options {
    pub fn new(tokens: Arc<dyn ServiceTokens>) -> Self {
        Self {
            tokens,
            tick: None,
            lanes: 1,
            lane_runtime: None,
            public_scheme: "http",
            limits: Limits::default(),
        }
    }
}

/// Bounds of one edge process. The defaults are those of SPEC section 4 where it names them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// TCP connections at once; over it they are answered 503 and closed. Each idle one costs about
    /// 20 KiB. With `requests` and the files of everything else it fits under 20,000 open files.
    pub connections: usize,
    /// Requests with the application at once; over it they are answered 503. Each may hold a
    /// connection to the application, which itself serves far fewer at a time.
    pub requests: usize,
    /// Bytes of one request's line and headers, and of what is buffered of a connection each way:
    /// four times what browsers and common servers allow themselves.
    pub head_bytes: usize,
    /// Header fields of one request.
    pub headers: usize,
    /// Bytes of one request's body: twice the largest blob that the application stores.
    pub body_bytes: u64,
    /// Requests at once on one HTTP/2 connection; what RFC 9113 recommends at least.
    pub streams: u32,
    /// For a TLS handshake, and for the head of a request from its first byte on.
    pub head_timeout: Duration,
    /// A connection without a request is closed after that long: longer than browsers (which open
    /// ahead) mind, shorter than what NATs forget.
    pub idle_timeout: Duration,
    /// For the next part of a body, from a client that sends or one that reads.
    pub stall_timeout: Duration,
    /// Updates of one connection: a script that imports a film, not a loop that went wild.
    pub connection_updates: Rate,
    /// Bytes of updates of one connection: the first upload of the largest room in one go.
    pub connection_bytes: Rate,
    /// Joins of one connection, each of which may bring a whole room: all its rooms at once.
    pub connection_joins: Rate,
    /// Presence of one connection: a pointer and a few other keys at the pace of a screen.
    pub connection_presence: Rate,
    /// Updates of all connections of one room: what a lane commits at most.
    pub room_updates: Rate,
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
    /// How often certificate files are looked at. They are small, and a renewed certificate is in
    /// no hurry: renewals come days before the old one ends.
    pub certificate_check: Duration,
    /// How long connections may take to end at shutdown.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            requests: 2_048,
            head_bytes: 64 * 1024,
            headers: 100,
            body_bytes: 256 * 1024 * 1024,
            streams: 100,
            head_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(60),
            connection_updates: Rate {
                per_second: 5_000.0,
                burst: 20_000.0,
            },
            connection_bytes: Rate {
                per_second: 16e6,
                burst: 128e6,
            },
            connection_joins: Rate {
                per_second: 10.0,
                burst: 2.0 * limits::ROOMS_PER_CONNECTION as f64,
            },
            connection_presence: Rate {
                per_second: 240.0,
                burst: 480.0,
            },
            room_updates: Rate {
                per_second: 20_000.0,
                burst: 60_000.0,
            },
            outbound_bytes: limits::OUTBOUND_BYTES,
            poll_interval: limits::POLL_INTERVAL,
            turn_timeout: Duration::from_secs(15),
            response_timeout: Duration::from_secs(310),
            keepalive: Duration::from_secs(30),
            certificate_check: Duration::from_secs(10),
            shutdown: Duration::from_secs(5),
        }
    }
}
