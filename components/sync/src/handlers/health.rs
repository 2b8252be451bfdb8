//! `GET /internal/v1/health`: this component answers and its database opens.

use guest::Response;
use http::StatusCode;
use problem::Problem;
use serde_json::json;

use crate::state::{Lent, warm};

pub async fn get() -> Result<Response, Problem> {
    Lent::take().await?.give_back();
    let body = json!({ "state": "ok", "warm_rooms": warm().len() });
    Ok(guest::json(StatusCode::OK, &body))
}
