//! The bytes of one client's connection, plain or encrypted, with what hyper leaves to the socket:
//! refusals of malformed requests in words, a close that lets the client read what was said, and a
//! cut that cannot be taken for an end.

use crate::pulse::Pulse;
use crate::refusal;
use bytes::{Buf, Bytes};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// After the last byte the client may go on sending for that long: closing a socket with unread
/// bytes resets it, and the client might never read why it was refused.
const LINGER: Duration = Duration::from_secs(2);
/// What is read and dropped meanwhile, at most; four times the headers of a confused client.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

pub(crate) enum Stream {
    Plain(TcpStream),
    /// Boxed: its state is a kilobyte, and most connections of a large edge are plain.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

#[derive(PartialEq)]
enum Mode {
    /// HTTP/1: hyper's own refusals get words, and a broken answer resets the connection.
    Http1,
    /// HTTP/2 frames or a WebSocket: bytes are bytes.
    Raw,
}

pub(crate) struct Transport {
    stream: Stream,
    /// What was read to tell the protocol; read again first.
    early: Bytes,
    mode: Mode,
    pulse: Arc<Pulse>,
    /// Requests begun when everything was last written.
    flushed: u64,
    /// What is written instead of hyper's bare refusal.
    instead: Option<Bytes>,
    linger: Option<Linger>,
    ended: bool,
}

struct Linger {
    until: Pin<Box<tokio::time::Sleep>>,
    left: usize,
}

impl Transport {
    pub fn new(stream: Stream, early: Bytes, http1: bool, pulse: Arc<Pulse>) -> Self {
        Self {
            stream,
            early,
            mode: if http1 { Mode::Http1 } else { Mode::Raw },
            pulse,
            flushed: 0,
            instead: None,
            linger: None,
            ended: false,
        }
    }

    /// The connection has become a WebSocket.
    pub fn into_raw(mut self) -> Self {
        self.mode = Mode::Raw;
        self
    }

    /// Whether these bytes are hyper's answer to something that is no request: nothing has been
    /// asked since the last byte of the last answer was written.
    fn refusal(&self, bytes: &[u8]) -> Option<Bytes> {
        (self.mode == Mode::Http1 && self.pulse.begun() == self.flushed)
            .then(|| refusal::in_words(bytes))
            .flatten()
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(bytes) = self.instead.as_mut().filter(|bytes| bytes.has_remaining()) {
            let written = ready!(poll_write(&mut self.stream, cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            bytes.advance(written);
        }
        self.instead = None;
        Poll::Ready(Ok(()))
    }

    /// Reads and drops what the client still sends.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            until: Box::pin(tokio::time::sleep(LINGER)),
            left: LINGER_BYTES,
        });
        let mut sink = [0; 4096];
        while linger.left > 0 && linger.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut sink);
            match ready!(Pin::new(self.stream.tcp()).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buffer.filled().len());
                }
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }
}

fn poll_write(stream: &mut Stream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    match stream {
        Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
        Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        })?;
        if self.mode == Mode::Http1 && buffer.filled().len() > before {
            self.pulse.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            self.instead = self.refusal(bytes);
        }
        if self.instead.is_some() {
            ready!(self.poll_instead(cx))?;
            return Poll::Ready(Ok(bytes.len()));
        }
        poll_write(&mut self.stream, cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        })?;
        // hyper flushes when its own buffer is empty.
        if let Some(begun) = self.pulse.at_rest() {
            self.flushed = begun;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(match &mut self.stream {
                Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
                Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            })?;
            self.ended = true;
        }
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A refusal is one small head.
        if let [one] = slices {
            return self.poll_write(cx, one);
        }
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // An answer was cut off. To a client that waits for the end of the connection as the end
        // of the body (HTTP/1.0), an orderly close would say that it is whole; a reset does not.
        if self.mode == Mode::Http1 && !self.ended && self.pulse.begun() != self.flushed {
            let _ = self.stream.tcp().set_zero_linger();
        }
    }
}
