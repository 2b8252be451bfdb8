//! `GET /internal/v1/health`: this component answers and its database opens.

use guest::{Answer, Call};
use http::StatusCode;
use serde_json::json;

use crate::state::{Lent, warm};

#[utoipa::path(get, path = "/internal/v1/health", responses((status = 200)))]
pub async fn health(_: Call) -> Answer {
    Lent::take().await?.give_back();
    let body = json!({ "state": "ok", "warm_rooms": warm().len() });
    Ok(guest::json(StatusCode::OK, &body))
}
