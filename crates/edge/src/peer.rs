//! One client's TCP connection: TLS if there is any, which HTTP it speaks, its requests, its end.

use crate::pulse::{Overdue, Pulse};
use crate::server::{Shared, Visit, answer};
use crate::transport::{Stream, Transport};
use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

/// How HTTP/2 begins where nothing was negotiated (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What the first read may bring.
const FIRST_READ: usize = 1024;
/// What a client may send on one stream before the application has taken it: enough for 20 MB/s
/// over 10 ms, and small beside what the application holds for a request.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all streams of a connection.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What waits to be sent on one stream.
const SEND_BUFFER: usize = 64 * 1024;
/// How long a client may take to answer an HTTP/2 ping.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// hyper's buffers cannot be smaller.
const SMALLEST_BUFFER: usize = 8 * 1024;

/// A connection that hyper serves.
trait Conversation: Future<Output = hyper::Result<()>> {
    /// No further requests; what runs may end.
    fn finish(self: Pin<&mut Self>);
}

impl<S, B> Conversation for http1::UpgradeableConnection<TokioIo<Transport>, S>
where
    Self: Future<Output = hyper::Result<()>>,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<crate::BoxError>,
    B: http_body::Body + 'static,
    B::Error: Into<crate::BoxError>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, B> Conversation for http2::Connection<TokioIo<Transport>, S, TokioExecutor>
where
    Self: Future<Output = hyper::Result<()>>,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<crate::BoxError>,
    B: http_body::Body + 'static,
    B::Error: Into<crate::BoxError>,
    TokioExecutor: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Serves one connection. Its place is free again when it, and every WebSocket it may have become,
/// have ended.
pub(crate) async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    place: OwnedSemaphorePermit,
) {
    // Best effort: without it small answers are slower, not wrong.
    let _ = stream.set_nodelay(true);
    let scheme = match tls {
        Some(_) => "https",
        None => shared.options.public_scheme,
    };
    let opened = tokio::select! {
        opened = open(stream, tls, &shared) => opened,
        () = shared.shutdown.cancelled() => return,
    };
    let (stream, early, http2) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::debug!(%client, %error, "a connection did not begin");
            return;
        }
    };
    let pulse = Pulse::new();
    if !early.is_empty() && !http2 {
        pulse.heard();
    }
    let io = TokioIo::new(Transport::new(stream, early, !http2, Arc::clone(&pulse)));
    let visit = Arc::new(Visit {
        shared: Arc::clone(&shared),
        client,
        scheme,
        pulse: Arc::clone(&pulse),
        _place: place,
    });
    let service = service_fn(move |request| {
        let visit = Arc::clone(&visit);
        async move { Ok::<_, Infallible>(answer(request, visit).await) }
    });
    // Boxed one by one, so that a connection holds the state of its own protocol only.
    let ended = if http2 {
        let connection = http2_builder(&shared).serve_connection(io, service);
        converse(Box::pin(connection), &pulse, &shared).await
    } else {
        let connection = http1_builder(&shared).serve_connection(io, service);
        converse(Box::pin(connection.with_upgrades()), &pulse, &shared).await
    };
    if let Err(error) = ended {
        tracing::debug!(%client, %error, "a connection broke off");
    }
}

/// The handshake if there is TLS, and the first bytes if they must tell the protocol.
async fn open(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    shared: &Shared,
) -> io::Result<(Stream, Bytes, bool)> {
    let limits = &shared.options.limits;
    match tls {
        Some(tls) => {
            let stream = tokio::time::timeout(limits.head_timeout, tls.accept(stream)).await??;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            Ok((Stream::Tls(Box::new(stream)), Bytes::new(), http2))
        }
        None => {
            let mut early = BytesMut::new();
            // Connections that are opened ahead wait here, and hold no buffers.
            tokio::time::timeout(limits.idle_timeout, read(&stream, &mut early)).await??;
            let deciding = async {
                while PREFACE.len() > early.len() && PREFACE.starts_with(&early) {
                    if !read(&stream, &mut early).await? {
                        break;
                    }
                }
                io::Result::Ok(())
            };
            tokio::time::timeout(limits.head_timeout, deciding).await??;
            let http2 = early.starts_with(PREFACE);
            let early = early.freeze();
            Ok((Stream::Plain(stream), early, http2))
        }
    }
}

/// Reads a little; false at the end.
async fn read(stream: &TcpStream, early: &mut BytesMut) -> io::Result<bool> {
    loop {
        stream.readable().await?;
        let mut bytes = [0; FIRST_READ];
        match stream.try_read(&mut bytes) {
            Ok(length) => {
                early.extend_from_slice(&bytes[..length]);
                return Ok(length > 0);
            }
            // Being readable is a hint.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn http1_builder(shared: &Shared) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The pulse knows better: hyper counts waiting for a request as reading it.
        .header_read_timeout(None)
        // Who has sent everything may say so, and still gets the answer.
        .half_close(true)
        .max_buf_size(shared.options.limits.head_bytes.max(SMALLEST_BUFFER));
    builder
}

fn http2_builder(shared: &Shared) -> http2::Builder<TokioExecutor> {
    let limits = &shared.options.limits;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.keepalive)
        .keep_alive_timeout(PING_TIMEOUT)
        // WebSockets over HTTP/2 (RFC 8441).
        .enable_connect_protocol();
    builder
}

/// Lets requests be served until the client leaves, the edge ends, or something is overdue.
async fn converse(
    mut connection: Pin<Box<impl Conversation>>,
    pulse: &Pulse,
    shared: &Shared,
) -> hyper::Result<()> {
    let limits = &shared.options.limits;
    {
        let mut overdue = pin!(pulse.overdue(limits));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = shared.shutdown.cancelled() => {}
            overdue = overdue.as_mut() => match overdue {
                Overdue::Idle => {}
                Overdue::Head | Overdue::Reader => {
                    tracing::debug!(?overdue, "a connection is cut off");
                    return Ok(());
                }
            },
        }
    }
    connection.as_mut().finish();
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = tokio::time::sleep(limits.shutdown) => {}
        }
        // A request may have come just before an idle connection was finished.
        if shared.shutdown.is_cancelled() || pulse.at_rest().is_some() {
            return Ok(());
        }
    }
}
