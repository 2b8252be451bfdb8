//! `GET /api/projects/{id}/history`: who changed what and when (RM9).

use guest::{Answer, Call, Page, access};
use http::StatusCode;
use identity::Action;
use rooms::history::{self, Entry, Query};
use serde::Serialize;
use utoipa::ToSchema;

use crate::outside::Outside;
use crate::rooms_failed;
use crate::state::{Lent, warm};

/// What one person changed within about a minute.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what rooms::history::Entry writes")]
struct HistoryEntry {
    /// Who was logged in; `server` for the platform itself.
    actor: String,
    from_ms: i64,
    to_ms: i64,
    /// The document right after it: Loro frontiers in base64, for `at` of a new version.
    at: String,
    changes: Vec<HistoryChange>,
    /// There were more changes than are listed.
    is_cut: Option<bool>,
}

/// One of `node`, `edge` and `task` says what was changed.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what rooms::history::Change writes")]
struct HistoryChange {
    node: Option<String>,
    edge: Option<String>,
    task: Option<String>,
    fields: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct History {
    #[schema(value_type = Vec<HistoryEntry>)]
    history: Vec<Entry>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// List who changed what in a project's document, the newest first
///
/// A page may be shorter than `limit`, even empty, and still have a next one.
#[utoipa::path(get, path = "/api/projects/{id}/history", operation_id = "listHistory", tag = "history",
    params(("id" = String, Path, description = "The project's id"),
        ("node" = Option<String>, Query, description = "Only what changed this node"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page of changes", body = History)))]
pub async fn list(call: Call) -> Answer {
    let (id, page) = (call.param("id"), Page::of(&call)?);
    let database = Lent::take().await?;
    access::project(&*database, call.claims()?, Action::ReadProject, id).await?;
    let query = Query {
        node: call.query("node").map(|node| node.into_owned()),
        limit: usize::try_from(page.limit).unwrap_or(usize::MAX),
        after: page.cursor,
    };
    let (history, next) = history::history(&*database, &warm(), &Outside::default(), id, &query)
        .await
        .map_err(rooms_failed)?
        .ok_or_else(|| access::unknown(format!("project {id}")))?;
    database.give_back();
    let list = History {
        history,
        next_cursor: next.as_ref().map(Page::cursor),
    };
    Ok(guest::json(StatusCode::OK, &list))
}
