//! `POST /internal/v1/dispatch`: something waits, or somebody is free. Answered before the work,
//! which may wait for providers.

use guest::{Answer, Call};
use http::StatusCode;
use serde_json::json;

use crate::background;

#[utoipa::path(post, path = "/internal/v1/dispatch", responses((status = 200)))]
pub async fn dispatch(_: Call) -> Answer {
    background::dispatch();
    Ok(guest::json(
        StatusCode::ACCEPTED,
        &json!({"state": "accepted"}),
    ))
}
