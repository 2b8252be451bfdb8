//! Making answers.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use problem::{Problem, Slug};
use serde::Serialize;
use spin_sdk::http::BoxBody;

use crate::log_error;

/// The body of an answer.
pub type Body = BoxBody;
/// An answer.
pub type Response = http::Response<Body>;

/// A body that is there as a whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body that is made as it is read.
pub fn streaming<S>(stream: S) -> Body
where
    S: futures::Stream<Item = Result<Bytes, String>> + Send + 'static,
{
    use futures::StreamExt;
    let frames = stream.map(|chunk| match chunk {
        Ok(bytes) => Ok(http_body::Frame::data(bytes)),
        Err(message) => Err(anyhow::Error::msg(message)),
    });
    BodyExt::boxed_unsync(http_body_util::StreamBody::new(frames))
}

/// A JSON answer.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(value) else {
        return refuse(Problem::new(
            Slug::Internal,
            "the answer could not be written",
        ));
    };
    let length = HeaderValue::from(bytes.len());
    let mut response = http::Response::new(full(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn refuse(problem: Problem) -> Response {
    problem.into_response::<Vec<u8>>().map(full)
}

/// What the caller gets; problems become problem+json, and faults of ours are logged.
pub fn respond(answer: Result<Response, Problem>) -> Response {
    match answer {
        Ok(response) => response,
        Err(problem) => {
            if problem.status().is_server_error() {
                log_error("answered", &problem);
            }
            refuse(problem)
        }
    }
}
