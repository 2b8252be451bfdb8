//! `POST /internal/v1/push`: the application says that rooms have moved.

use crate::application::Heads;
use crate::proxy::problem;
use crate::queue::Lanes;
use crate::{Body, ServiceTokens, full};
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use problem::Slug;

/// A push names a few rooms; this is room for a thousand.
const PUSH_BYTES: usize = 64 * 1024;

pub(crate) async fn push(
    request: http::Request<hyper::body::Incoming>,
    request_id: &HeaderValue,
    tokens: &dyn ServiceTokens,
    lanes: &Lanes,
) -> http::Response<Body> {
    let refuse = |slug, detail: &str| problem(slug, detail, request_id);
    if request.method() != Method::POST {
        let mut answer = refuse(Slug::MethodNotAllowed, "only POST is allowed here");
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer "));
    if !token.is_some_and(|token| tokens.verify(token)) {
        return refuse(Slug::Unauthorized, "a push needs a service token");
    }
    let Ok(body) = Limited::new(request.into_body(), PUSH_BYTES)
        .collect()
        .await
    else {
        return refuse(Slug::PayloadTooLarge, "a push is at most 64 KiB");
    };
    match serde_json::from_slice::<Heads>(&body.to_bytes()) {
        Ok(heads) => {
            lanes.hint(heads);
            let mut answer = http::Response::new(full(""));
            *answer.status_mut() = StatusCode::NO_CONTENT;
            answer
        }
        Err(error) => refuse(
            Slug::BadRequest,
            &format!("the body is not a push: {error}"),
        ),
    }
}
