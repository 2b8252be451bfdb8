//! Bodies on their way through: bounded, watched for stalls, and without trailers that would say
//! what only headers of a proxy may say.

use crate::headers;
use crate::pulse::Answering;
use crate::{Body, BoxError};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

/// What a body must bring, on average, of the time that is spent waiting for it: a tenth of what a
/// telephone at the edge of a network does. Else a byte a minute would hold a place with the
/// application for as long as anybody likes.
const SLOWEST_BYTES_PER_S: u32 = 1024;

/// What a client did wrong while its body was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the request's body is larger than is taken here")]
    TooLarge,
    #[error("the request's body stopped coming")]
    Stalled,
    #[error("the request's body broke off or is not valid")]
    Broken,
}

/// The proxy's view of a body that somebody else reads.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<AtomicU8>);

impl Faults {
    pub fn get(&self) -> Option<Fault> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Fault::TooLarge),
            2 => Some(Fault::Stalled),
            _ => Some(Fault::Broken),
        }
    }

    fn set(&self, fault: Fault) -> Fault {
        let number = match fault {
            Fault::TooLarge => 1,
            Fault::Stalled => 2,
            Fault::Broken => 3,
        };
        self.0.store(number, Ordering::Release);
        fault
    }
}

/// A client's body.
pub(crate) struct RequestBody {
    inner: hyper::body::Incoming,
    left: u64,
    stall_timeout: Duration,
    /// Runs while somebody waits for the next part: an application that does not read is not the
    /// client's stall.
    stall: Option<(Instant, Pin<Box<Sleep>>)>,
    /// What was waited in all, and what may be.
    waited: Duration,
    patience: Duration,
    faults: Faults,
}

impl RequestBody {
    pub fn new(inner: hyper::body::Incoming, most: u64, stall_timeout: Duration) -> Self {
        Self {
            inner,
            left: most,
            stall_timeout,
            stall: None,
            waited: Duration::ZERO,
            patience: stall_timeout,
            faults: Faults::default(),
        }
    }

    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(next) = Pin::new(&mut self.inner).poll_frame(cx) else {
            let left = self.patience.saturating_sub(self.waited);
            let timeout = self.stall_timeout.min(left);
            let (_, stall) = self
                .stall
                .get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(timeout))));
            return match stall.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(self.faults.set(Fault::Stalled).into()))),
                Poll::Pending => Poll::Pending,
            };
        };
        if let Some((since, _)) = self.stall.take() {
            self.waited += since.elapsed();
        }
        let frame = match next {
            None => return Poll::Ready(None),
            Some(Err(error)) => {
                tracing::debug!(%error, "a request's body broke off");
                return Poll::Ready(Some(Err(self.faults.set(Fault::Broken).into())));
            }
            Some(Ok(frame)) => frame,
        };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        self.patience += Duration::from_secs(length) / SLOWEST_BYTES_PER_S;
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                return Poll::Ready(Some(Err(self.faults.set(Fault::TooLarge).into())));
            }
        }
        Poll::Ready(Some(Ok(clean(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body. While it lives its request is not over.
pub(crate) struct AnswerBody {
    inner: Body,
    answering: Answering,
    /// The request's place with the application.
    _place: Option<OwnedSemaphorePermit>,
}

impl AnswerBody {
    pub fn new(inner: Body, answering: Answering, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            inner,
            answering,
            _place: place,
        }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.answering.asked();
        let next = Pin::new(&mut self.inner).poll_frame(cx);
        match next {
            Poll::Ready(Some(Ok(frame))) => {
                self.answering.handed();
                Poll::Ready(Some(Ok(clean(frame))))
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(%error, "an answer broke off");
                Poll::Ready(Some(Err(error)))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Trailers become headers where a receiver merges them: they say no more than headers may.
fn clean(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            headers::strip(&mut trailers);
            headers::drop_claims(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}
