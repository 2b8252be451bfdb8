//! `POST /internal/v1/dispatch`: something waits, or somebody is free. Answered before the work,
//! which may wait for providers.

use guest::{Request, Response};
use http::StatusCode;
use problem::Problem;
use serde_json::json;

use crate::background;

pub async fn post(request: Request) -> Result<Response, Problem> {
    guest::require_service(request.headers()).await?;
    background::dispatch();
    Ok(guest::json(
        StatusCode::ACCEPTED,
        &json!({"state": "accepted"}),
    ))
}
