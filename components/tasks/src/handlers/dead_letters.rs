//! `GET /api/dead-letters`, `POST /api/dead-letters/replay`: what has failed for good, and once more
//! (TK4).

use std::collections::{HashMap, HashSet};

use dispatch::{ErrorClass, Kind, StateName};
use guest::{Answer, Call};
use http::StatusCode;
use identity::{Action, Claims, Role};
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use store::tasks::{self, Only, TaskRow};
use store::{Database, dead_letters};
use utoipa::ToSchema;

use crate::again::{self, Retried};
use crate::filters::{Filters, known};
use crate::view::{Task, view};
use crate::world::Platform;
use crate::{background, store_failed};

const BODY_BYTES: usize = 256 * 1024;

/// Tasks of one replay: each costs its room's transaction a row and a line of the document.
const MOST: usize = 1_000;

#[derive(Serialize, ToSchema)]
struct DeadLetters {
    tasks: Vec<Task>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// List failed tasks of the tenant, the latest failures first
#[utoipa::path(get, path = "/api/dead-letters", operation_id = "listDeadLetters", tag = "operations",
    params(
        ("project" = Option<String>, Query, description = "Only those of this project"),
        ("kind" = Option<String>, Query, description = "Only those of this kind"),
        ("class" = Option<String>, Query, description = "Only those that failed with this class of error"),
        ("node" = Option<String>, Query, description = "Only those of this node"),
        ("since_ms" = Option<i64>, Query, description = "Only those that ended at this time or later"),
        ("until_ms" = Option<i64>, Query, description = "Only those that ended before this time"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "Failed tasks", body = DeadLetters)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    guest::access::in_tenant(claims, Action::OperateTasks)?;
    let filters = Filters::of(&call)?;
    let page = guest::Page::of(&call)?;
    let platform = Platform::open().await?;
    let only = of_caller(claims, filters.only());
    let rows = dead_letters::list(
        &platform.database,
        only,
        page.cursor.as_ref(),
        page.limit + 1,
    )
    .await
    .map_err(store_failed)?;
    let place = |row: &TaskRow| (row.ended_at_ms.unwrap_or_default(), row.id.clone());
    let (rows, next_cursor) = page.cut(rows, place);
    let tasks = rows.iter().map(|row| view(row, &platform.world)).collect();
    let letters = DeadLetters { tasks, next_cursor };
    Ok(guest::json(StatusCode::OK, &letters))
}

/// Either `tasks`, or which of the failed ones.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Replay {
    /// Ids of tasks, at most 1,000.
    tasks: Option<Vec<String>>,
    kind: Option<String>,
    /// retryable, terminal, moderation or out_of_credit.
    class: Option<String>,
    project: Option<String>,
    /// Those that ended at this time or later.
    since_ms: Option<i64>,
    /// At most so many, the latest failures first; 100 when absent.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct Replayed {
    tasks: Vec<ReplayedTask>,
}

#[derive(Serialize, ToSchema)]
struct ReplayedTask {
    task_id: String,
    /// `retried`, `refused` (it stays as it is), `unknown`, or `failed` (try again).
    outcome: &'static str,
    /// Why it was not retried.
    detail: Option<String>,
}

/// Let failed tasks begin again
///
/// The same request again is harmless: what waits or works already is refused.
#[utoipa::path(post, path = "/api/dead-letters/replay", operation_id = "replayDeadLetters", tag = "operations",
    request_body = Replay,
    responses(
        (status = 200, description = "What became of each", body = Replayed),
        (status = 422, description = "A field makes no sense; the detail names it")))]
pub async fn replay(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    guest::access::in_tenant(&claims, Action::OperateTasks)?;
    let replay: Replay = call.json(BODY_BYTES).await?;
    let platform = Platform::open().await?;
    let database = &platform.database;
    let (ids, rows) = match &replay.tasks {
        Some(ids) => named(database, &claims, &replay, ids).await?,
        None => chosen(database, &claims, &replay).await?,
    };
    let outcomes = again::retry(&platform, &rows).await?;
    if outcomes.contains(&Retried::Again) {
        background::dispatch();
    }
    let known: HashMap<&str, &Retried> = rows
        .iter()
        .map(|row| row.id.as_str())
        .zip(&outcomes)
        .collect();
    let tasks = ids
        .iter()
        .map(|id| told(id, known.get(id.as_str()).copied()))
        .collect();
    Ok(guest::json(StatusCode::OK, &Replayed { tasks }))
}

fn told(id: &str, retried: Option<&Retried>) -> ReplayedTask {
    let (outcome, detail) = match retried {
        None | Some(Retried::Gone) => ("unknown", None),
        Some(Retried::Again) => ("retried", None),
        Some(Retried::Refused(why)) => ("refused", Some(why.clone())),
        Some(Retried::Failed(why)) => ("failed", Some(why.clone())),
    };
    ReplayedTask {
        task_id: id.to_owned(),
        outcome,
        detail,
    }
}

/// The ids of a request without repetitions, and those of the tenant's tasks among them.
async fn named(
    database: &impl Database,
    claims: &Claims,
    replay: &Replay,
    ids: &[String],
) -> Result<(Vec<String>, Vec<TaskRow>), Problem> {
    let narrowed = replay.kind.is_some()
        || replay.class.is_some()
        || replay.project.is_some()
        || replay.since_ms.is_some()
        || replay.limit.is_some();
    if narrowed {
        return Err(wrong("tasks: stands alone".to_owned()));
    }
    if ids.len() > MOST {
        return Err(wrong(format!("tasks: more than {MOST}")));
    }
    let mut seen = HashSet::new();
    let ids: Vec<String> = ids.iter().filter(|id| seen.insert(*id)).cloned().collect();
    let mut rows = Vec::with_capacity(ids.len());
    for id in &ids {
        let row = tasks::find(database, id).await.map_err(store_failed)?;
        let is_ours = |row: &TaskRow| {
            let may_see = |ids: &Vec<String>| ids.contains(&row.project_id);
            claims.role == Role::Service
                || row.tenant == claims.tenant && claims.projects.as_ref().is_none_or(may_see)
        };
        rows.extend(row.filter(is_ours));
    }
    Ok((ids, rows))
}

/// The latest failures that a request describes.
async fn chosen(
    database: &impl Database,
    claims: &Claims,
    replay: &Replay,
) -> Result<(Vec<String>, Vec<TaskRow>), Problem> {
    let limit = replay.limit.unwrap_or(100);
    if !(1..=MOST).contains(&limit) {
        return Err(wrong(format!("limit: 1 to {MOST}")));
    }
    let filters = Filters {
        project: replay.project.clone(),
        state: Some(StateName::Failed),
        kind: known(replay.kind.clone(), "kind", Kind::parse)?,
        class: known(replay.class.clone(), "class", ErrorClass::parse)?,
        since_ms: replay.since_ms,
        ..Filters::default()
    };
    let only = of_caller(claims, filters.only());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = dead_letters::list(database, only, None, limit).await;
    let rows = rows.map_err(store_failed)?;
    Ok((rows.iter().map(|row| row.id.clone()).collect(), rows))
}

fn of_caller<'a>(claims: &'a Claims, only: Only<'a>) -> Only<'a> {
    Only {
        tenant: Some(&claims.tenant),
        projects: claims.projects.as_deref(),
        ..only
    }
}

fn wrong(what: String) -> Problem {
    Problem::new(Slug::Unprocessable, what)
}
