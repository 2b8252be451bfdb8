//! `POST /internal/v1/turn`: a room turn of the edge (SPEC section 4).

use guest::{Answer, Call};
use http::{HeaderValue, header};
use problem::{Problem, Slug};
use protocol::limits;
use protocol::turn::{CONTENT_TYPE, TurnRequest};

use crate::outside::Outside;
use crate::rooms_failed;
use crate::state::{Lent, warm};

#[utoipa::path(post, path = "/internal/v1/turn", responses((status = 200)))]
pub async fn turn(call: Call) -> Answer {
    let request = call.request;
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if content_type.is_none_or(|value| value.as_bytes() != CONTENT_TYPE.as_bytes()) {
        let detail = format!("the body must be {CONTENT_TYPE}");
        return Err(Problem::new(Slug::UnsupportedMediaType, detail));
    }
    let body = guest::read_body(request, limits::TURN_BYTES).await?;
    let turn = TurnRequest::decode(&body)
        .map_err(|error| Problem::new(Slug::BadRequest, format!("the turn: {error}")))?;
    drop(body);
    let outside = Outside::of_turn(&turn).await;
    let database = Lent::take().await?;
    let answer = rooms::turn(&*database, &warm(), &outside, turn)
        .await
        .map_err(rooms_failed)?;
    database.give_back();
    let mut response = http::Response::new(guest::full(answer.encode()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    Ok(response)
}
