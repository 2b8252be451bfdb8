//! An asset as callers see it.

use serde::Serialize;
use store::assets::AssetRow;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Asset {
    /// The sha256 of the bytes in hex.
    pub id: String,
    pub project: String,
    /// Told by the bytes, not by whoever uploaded them.
    pub media_type: String,
    pub size: i64,
    /// Where the bytes are; what nodes of the canvas have as their `src`.
    pub src: String,
    pub created_at_ms: i64,
}

/// `/assets/{id}?project={project}`.
pub fn src(project: &str, id: &str) -> String {
    format!("/assets/{id}?project={project}")
}

impl From<AssetRow> for Asset {
    fn from(row: AssetRow) -> Self {
        Self {
            src: src(&row.project_id, &row.id),
            id: row.id,
            project: row.project_id,
            media_type: row.media_type,
            size: row.size,
            created_at_ms: row.created_at_ms,
        }
    }
}
