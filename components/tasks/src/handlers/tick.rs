//! `POST /internal/v1/tick`: everything that is due (OP3).

use guest::{Request, Response};
use http::StatusCode;
use problem::Problem;
use serde_json::json;

use crate::pipeline_failed;
use crate::world::Platform;

pub async fn post(request: Request) -> Result<Response, Problem> {
    guest::require_service(request.headers()).await?;
    let platform = Platform::open().await?;
    let tick = platform.pipeline().tick().await.map_err(pipeline_failed)?;
    let summary = json!({"followed": tick.followed, "dispatched": tick.dispatched, "delivered": tick.delivered});
    Ok(guest::json(StatusCode::OK, &summary))
}
