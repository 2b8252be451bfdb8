//! `GET /internal/v1/health`: this component answers.

use guest::{Answer, Call};
use http::StatusCode;
use serde_json::json;

#[utoipa::path(get, path = "/internal/v1/health", responses((status = 200)))]
pub async fn health(_: Call) -> Answer {
    Ok(guest::json(StatusCode::OK, &json!({"state": "ok"})))
}
