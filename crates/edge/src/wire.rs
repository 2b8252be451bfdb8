//! What carries a WebSocket: a connection of its own, or a stream of an HTTP/2 connection.

use crate::transport::Transport;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) enum Wire {
    /// Boxed no further: writes of a turn go straight to the socket.
    Own(Transport),
    Stream(TokioIo<Upgraded>),
}

impl Wire {
    /// With what was read beyond the handshake.
    pub fn of(upgraded: Upgraded) -> (Self, Vec<u8>) {
        match upgraded.downcast::<TokioIo<Transport>>() {
            Ok(parts) => {
                let transport = parts.io.into_inner().into_raw();
                (Self::Own(transport), parts.read_buf.to_vec())
            }
            Err(upgraded) => (Self::Stream(TokioIo::new(upgraded)), Vec::new()),
        }
    }
}

/// Calls the same on what is inside.
macro_rules! inner {
    ($self:expr, $inner:ident => $call:expr) => {
        match $self.get_mut() {
            Wire::Own($inner) => $call,
            Wire::Stream($inner) => $call,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        inner!(self, inner => Pin::new(inner).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        inner!(self, inner => Pin::new(inner).poll_write(cx, bytes))
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inner!(self, inner => Pin::new(inner).poll_flush(cx))
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inner!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }
    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Own(inner) => inner.is_write_vectored(),
            Self::Stream(inner) => inner.is_write_vectored(),
        }
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        inner!(self, inner => Pin::new(inner).poll_write_vectored(cx, slices))
    }
}
