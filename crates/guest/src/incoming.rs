//! The body of a request: as it arrives, or read whole already.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use spin_sdk::wasip3::http_compat::IncomingRequestBody;

/// A request as the host hands it to a component.
pub type Arrived = spin_sdk::http::Request;
/// A request that may have been looked at already.
pub type Request = http::Request<RequestBody>;

pub enum RequestBody {
    Arriving(Box<IncomingRequestBody>),
    Whole(Full<Bytes>),
}

impl RequestBody {
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

/// The same request, for handlers.
pub fn incoming(request: Arrived) -> Request {
    request.map(|body| RequestBody::Arriving(Box::new(body)))
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = anyhow::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, anyhow::Error>>> {
        match self.get_mut() {
            Self::Arriving(body) => Pin::new(&mut **body)
                .poll_frame(context)
                .map_err(|error| anyhow::Error::msg(format!("{error:?}"))),
            Self::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Arriving(body) => body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Arriving(body) => body.size_hint(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}
