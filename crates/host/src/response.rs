//! Answers that the host gives itself: problems, as RFC 9457 writes them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};

use wasmtime_wasi_http::{Error, WasiBody};

use crate::Body;
use crate::worker::Failed;

/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

pub(crate) fn body<E>(
    bytes: impl Into<Bytes>,
) -> http_body_util::combinators::UnsyncBoxBody<Bytes, E> {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(body(text));
    *response.status_mut() = status;
    response
}

pub(crate) fn problem<E>(
    status: StatusCode,
    detail: &str,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, E>> {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = Response::new(body(problem.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}

/// A guest's answer. When the instance fails before it has written the answer whole, its stream
/// simply ends; here it ends with an error, so that nobody takes a part for the whole.
pub(crate) struct Unbroken {
    body: WasiBody,
    failed: Failed,
    ended: bool,
}

impl Unbroken {
    pub(crate) fn new(body: WasiBody, failed: &Failed) -> Self {
        Self {
            body,
            failed: Arc::clone(failed),
            ended: false,
        }
    }
}

impl http_body::Body for Unbroken {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() {
            self.ended = true;
            if self.failed.load(Ordering::Acquire) {
                return Poll::Ready(Some(Err(Error::ConnectionTerminated)));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // Whether the end is a good one is known only when it is there.
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
