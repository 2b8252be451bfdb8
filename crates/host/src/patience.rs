//! Bounds on how long the host waits for the other end of a stream, and on how much it takes.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

/// A wait that begins anew whenever the other end has done something. Time in which nobody waits
/// does not count.
struct Wait {
    longest: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Wait {
    fn new(longest: Duration) -> Self {
        Self {
            longest,
            sleep: None,
            running: false,
        }
    }

    fn over(&mut self) {
        self.running = false;
    }

    /// Ready when the other end has taken too long.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let longest = self.longest;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(longest)));
        if !self.running {
            self.running = true;
            sleep.as_mut().reset(Instant::now() + longest);
        }
        sleep.as_mut().poll(context)
    }
}

/// A body whose parts must not be further apart than a given time.
pub(crate) struct Timed {
    body: WasiBody,
    wait: Wait,
}

impl Timed {
    pub(crate) fn new(body: WasiBody, between: Duration) -> Self {
        Self {
            body,
            wait: Wait::new(between),
        }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.wait.over();
            return Poll::Ready(frame);
        }
        self.wait
            .poll(context)
            .map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose other end must take what is written within a given time.
pub(crate) struct Patient {
    stream: TcpStream,
    wait: Wait,
}

impl Patient {
    pub(crate) fn new(stream: TcpStream, longest: Duration) -> Self {
        Self {
            stream,
            wait: Wait::new(longest),
        }
    }

    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.wait.over();
            return written;
        }
        self.wait.poll(context).map(|()| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client does not take its answer",
            ))
        })
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    #[tokio::test]
    async fn op2_only_time_spent_waiting_counts() {
        const LONGEST: Duration = Duration::from_millis(100);
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(4);
        let stream = futures::stream::unfold(receiver, async |mut receiver| {
            let piece = receiver.recv().await?;
            Some((Ok::<_, Error>(Frame::data(piece)), receiver))
        });
        let mut body = Timed::new(StreamBody::new(Box::pin(stream)).boxed_unsync(), LONGEST);
        for _ in 0..2 {
            assert!(poll!(body.frame()).is_pending());
            sender.send(Bytes::from("piece")).await.unwrap();
            assert!(matches!(body.frame().await, Some(Ok(_))));
            // Nobody reads for longer than the sender may take.
            tokio::time::sleep(2 * LONGEST).await;
        }
        assert!(poll!(body.frame()).is_pending());
        assert!(matches!(
            body.frame().await,
            Some(Err(Error::ConnectionReadTimeout))
        ));
    }
}
