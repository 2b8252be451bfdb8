//! `POST /internal/v1/tick`: time passes. Records the tick and tells the components, each of
//! which claims what is due by conditional updates, so that repeated ticks do no harm (OP3).

use futures::future::join_all;
use guest::{Answer, Call, Db};
use http::{Method, StatusCode};
use problem::Problem;
use serde_json::{Map, Value, json};
use store::StoreError;

use super::accounts;
use crate::store_failed;

/// Rows of each kind that one tick forgets.
const FORGOTTEN: i64 = 1_000;
/// The components that have something to do with time.
const TICKED: [&str; 4] = ["sync", "tasks", "registry", "assets"];

#[utoipa::path(post, path = "/internal/v1/tick", responses((status = 200)))]
pub async fn tick(_: Call) -> Answer {
    // A disk that is full here is no reason to let the others miss their time.
    let kept = keep_time().await;
    let answers =
        join_all(TICKED.map(|name| async move { (name.to_owned(), tick_one(name).await) })).await;
    kept?;
    Ok(guest::json(StatusCode::OK, &Map::from_iter(answers)))
}

/// The connection is closed again before the components are called.
async fn keep_time() -> Result<(), Problem> {
    let database = Db::open().await.map_err(store_failed)?;
    let now_ms = guest::now_ms();
    let recorded = store::ticks::record(&database, now_ms).await;
    let forgotten = forget(&database, now_ms).await;
    accounts::forget_old(&database).await;
    drop(database);
    bound_log().await?;
    recorded.and(forgotten).map_err(store_failed)
}

/// What the entrance need not remember any longer.
async fn forget(database: &Db, now_ms: i64) -> Result<(), StoreError> {
    store::buckets::delete_full(database, now_ms, FORGOTTEN).await?;
    store::attempts::delete_over(database, now_ms, FORGOTTEN).await?;
    store::idempotency::delete_expired(database, now_ms, FORGOTTEN).await
}

/// On a connection of its own, which it leaves with another busy timeout.
async fn bound_log() -> Result<(), Problem> {
    let database = Db::open().await.map_err(store_failed)?;
    let Some(log) = store::wal::bound(&database).await else {
        return Ok(());
    };
    if log.pages > store::wal::LONG_PAGES && !log.cut {
        let cause = format!("{} pages, and readers that do not end", log.pages);
        guest::log_error("write-ahead log", &cause);
    }
    Ok(())
}

async fn tick_one(component: &str) -> Value {
    match guest::call_component(component, Method::POST, "/internal/v1/tick", &json!({})).await {
        Ok(response) if response.status().is_success() => {
            serde_json::from_slice(response.body()).unwrap_or_else(|_| json!({}))
        }
        Ok(response) => json!({"failed": response.status().as_u16()}),
        Err(error) => {
            guest::log_error("tick", &format!("{component}: {error}"));
            json!({"failed": "no answer"})
        }
    }
}
