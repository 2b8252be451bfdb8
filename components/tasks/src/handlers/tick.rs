//! `POST /internal/v1/tick`: everything that is due (OP3).

use guest::{Answer, Call};
use http::StatusCode;
use serde_json::json;

use crate::pipeline_failed;
use crate::world::Platform;

#[utoipa::path(post, path = "/internal/v1/tick", responses((status = 200)))]
pub async fn tick(_: Call) -> Answer {
    let platform = Platform::open().await?;
    let tick = platform.pipeline().tick().await.map_err(pipeline_failed)?;
    let summary = json!({"followed": tick.followed, "dispatched": tick.dispatched, "delivered": tick.delivered});
    Ok(guest::json(StatusCode::OK, &summary))
}
