//! `GET /internal/v1/health`: this component answers.

use guest::{Request, Response};
use http::StatusCode;
use problem::Problem;
use serde_json::json;

pub async fn get(request: Request) -> Result<Response, Problem> {
    guest::require_service(request.headers()).await?;
    Ok(guest::json(StatusCode::OK, &json!({"state": "ok"})))
}
