//! The edge: it ends WebSockets, which Spin does not do, and proxies every other request.
//!
//! Frames of the Loro protocol become *room turns* (SPEC section 4), ordinary HTTP requests to the
//! application; answers become frames again. The edge knows sockets, order and bounds. It must not
//! know what an update means, who may do what, or how anything is stored: it can be killed at any
//! moment, and nothing but open connections is lost.

mod application;
mod body;
mod cache;
mod connection;
mod entrance;
mod files;
mod handle;
mod handshake;
mod headers;
mod lane;
mod metrics;
mod options;
mod peer;
mod presence;
mod proxy;
mod pulse;
mod push;
mod queue;
mod quickack;
mod rate;
mod refusal;
mod room;
mod route;
mod server;
mod socket;
mod tls;
mod transport;
mod turn;
mod upstream;
mod wake;
mod wire;

pub use entrance::Entrance;
pub use files::{OpenFiles, raise_open_files};
pub use options::{Limits, Options, ServiceTokens};
pub use rate::Rate;
pub use server::serve;
pub use tls::{Tls, TlsError};
pub use upstream::{HttpUpstream, Upstream, UpstreamError};

/// A streamed body, of requests and answers alike.
pub type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError>;
/// What may go wrong in a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that is there already.
pub(crate) fn full(bytes: impl Into<bytes::Bytes>) -> Body {
    use http_body_util::BodyExt;
    http_body_util::Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}
