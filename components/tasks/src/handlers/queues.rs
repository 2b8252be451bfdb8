//! `GET /api/queues`: what waits, what is worked on, what failed lately, for the operator (OP3).

use std::collections::BTreeMap;

use dispatch::Kind;
use guest::{Answer, Call};
use http::StatusCode;
use identity::{Action, OPERATOR_TENANT, Role};
use serde::Serialize;
use store::servers::ServerRow;
use store::{Database, operations, servers, ticks};
use utoipa::ToSchema;

use crate::store_failed;
use crate::world::Platform;

const HOUR_MS: i64 = 3_600_000;

#[derive(Serialize, ToSchema)]
struct Operations {
    now_ms: i64,
    last_tick_at_ms: Option<i64>,
    /// Each kind, whether something of it is there or not.
    queues: Vec<Queue>,
    servers: Vec<Server>,
    effects: Effects,
}

/// Tasks of one kind.
#[derive(Default, Serialize, ToSchema)]
struct Queue {
    kind: &'static str,
    waiting: i64,
    /// Age of the oldest waiting task.
    oldest_age_ms: Option<i64>,
    /// When the next waiting task, or one with a provider, is looked at.
    next_action_at_ms: Option<i64>,
    /// Tasks with a provider by phase: submit, running, settling.
    processing: BTreeMap<String, i64>,
    /// In the last hour.
    finished_last_hour: i64,
    cancelled_last_hour: i64,
    /// In the last hour, by class of the error.
    failed_last_hour: BTreeMap<String, i64>,
}

#[derive(Serialize, ToSchema)]
struct Server {
    id: String,
    name: String,
    state: String,
    kinds: Vec<String>,
    slots: i64,
    used: i64,
    /// It gets nothing new until then.
    cooldown_until_ms: Option<i64>,
    cooldown_reason: Option<String>,
    next_check_at_ms: i64,
}

/// What rooms have not heard of yet, of all tenants.
#[derive(Serialize, ToSchema)]
struct Effects {
    waiting: i64,
    oldest_age_ms: Option<i64>,
    next_action_at_ms: Option<i64>,
}

/// Show the queues
///
/// Of the caller's tenant; admins of the tenant that runs the deployment see all.
#[utoipa::path(get, path = "/api/queues", operation_id = "getQueues", tag = "operations",
    responses((status = 200, description = "Queues, servers and effects at this moment", body = Operations)))]
pub async fn show(call: Call) -> Answer {
    let claims = call.claims()?;
    guest::access::in_tenant(claims, Action::OperateTasks)?;
    let sees_all = claims.role == Role::Service || claims.tenant == OPERATOR_TENANT;
    let tenant = (!sees_all).then_some(claims.tenant.as_str());
    let platform = Platform::open().await?;
    let shown = look(&platform.database, tenant, guest::now_ms()).await;
    Ok(guest::json(StatusCode::OK, &shown.map_err(store_failed)?))
}

async fn look(
    database: &impl Database,
    tenant: Option<&str>,
    now_ms: i64,
) -> Result<Operations, store::StoreError> {
    let mut queues: BTreeMap<String, Queue> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let queue = Queue {
                kind: kind.as_str(),
                ..Queue::default()
            };
            (kind.as_str().to_owned(), queue)
        })
        .collect();
    let earlier = |one: Option<i64>, other: i64| Some(one.map_or(other, |one| one.min(other)));
    for row in operations::waiting(database, tenant).await? {
        if let Some(queue) = queues.get_mut(&row.kind) {
            queue.waiting = row.waiting;
            queue.oldest_age_ms = Some((now_ms - row.oldest_at_ms).max(0));
            queue.next_action_at_ms = Some(row.next_action_at_ms);
        }
    }
    for row in operations::working(database, tenant).await? {
        if let Some(queue) = queues.get_mut(&row.kind) {
            queue.next_action_at_ms = earlier(queue.next_action_at_ms, row.next_action_at_ms);
            queue.processing.insert(row.phase, row.working);
        }
    }
    for row in operations::ended(database, tenant, now_ms - HOUR_MS).await? {
        if let Some(queue) = queues.get_mut(&row.kind) {
            match (row.state.as_str(), row.class) {
                ("FINISHED", _) => queue.finished_last_hour += row.ended,
                ("FAILED", class) => {
                    let class = class.unwrap_or_default();
                    *queue.failed_last_hour.entry(class).or_default() += row.ended;
                }
                _ => queue.cancelled_last_hour += row.ended,
            }
        }
    }
    let servers = servers::list(database, tenant, None).await?;
    let effects = operations::effects(database).await?;
    Ok(Operations {
        now_ms,
        last_tick_at_ms: ticks::last_at_ms(database).await?,
        queues: queues.into_values().collect(),
        servers: servers.into_iter().map(|row| server(row, now_ms)).collect(),
        effects: Effects {
            waiting: effects.waiting,
            oldest_age_ms: effects.oldest_at_ms.map(|at_ms| (now_ms - at_ms).max(0)),
            next_action_at_ms: effects.next_action_at_ms,
        },
    })
}

fn server(row: ServerRow, now_ms: i64) -> Server {
    let cools = row.cooldown_until_ms > now_ms;
    Server {
        id: row.id,
        name: row.name,
        state: row.state,
        kinds: row.kinds,
        slots: row.slots,
        used: row.used,
        cooldown_until_ms: cools.then_some(row.cooldown_until_ms),
        cooldown_reason: row.cooldown_reason.filter(|_| cools),
        next_check_at_ms: row.next_check_at_ms,
    }
}
