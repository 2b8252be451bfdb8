//! Waiting tasks to servers: one write transaction per pass (RG4, TK6).

use std::collections::HashMap;

use dispatch::{Command, Decision, ErrorClass, State, Task, decide};
use fleet::{Candidate, Choice, Cooldown, Model, Rate, ServerState, Wish, choose, model_of};
use serde_json::Value;
use store::servers::{Reservation, ServerRow};
use store::tasks::TaskRow;
use store::{Database, StoreError, begin, or_rollback};

use crate::batches::Batches;
use crate::effect::Effect;
use crate::follow::waiting;
use crate::order::Worker;
use crate::row::{row_of, task_of};
use crate::{Error, PASSES, PER_KIND, Pipeline, World};

/// The tenant that operates the platform: its servers work for every tenant, the servers of
/// another tenant for that tenant alone.
const OPERATOR: &str = "default";

/// Longer than any cooldown takes that ends by itself.
const COOLING_MS: i64 = 15 * 60_000;

/// A task that this pass has taken, and who is to get it.
pub(crate) struct Acquired {
    pub row: TaskRow,
    pub worker: Worker,
}

#[derive(Default)]
struct Pass {
    acquired: Vec<Acquired>,
    effects: Vec<Effect>,
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Gives every waiting task that is due to a server with a free slot, and submits it. How
    /// many were taken.
    pub async fn dispatch(&self) -> Result<usize, Error> {
        let mut taken = 0;
        for _ in 0..PASSES {
            if !self.due().await?.waiting {
                break;
            }
            let pass = self.acquire().await?;
            let acquired = pass.acquired.len();
            // First what others wait for: they hold slots, and their time runs.
            self.submit(pass.acquired).await?;
            for effect in &pass.effects {
                self.deliver(effect).await;
            }
            if acquired == 0 {
                break;
            }
            taken += acquired;
        }
        Ok(taken)
    }

    async fn acquire(&self) -> Result<Pass, Error> {
        let transaction = begin(self.database).await?;
        let pass = self.acquire_in(&transaction).await;
        let pass = or_rollback(self.database, pass).await?;
        transaction.commit().await?;
        Ok(pass)
    }

    /// How long a task waits while everybody who could take it cools down. Credit does not come
    /// back by itself.
    fn cooling_timeout_ms(&self, task: &Task) -> i64 {
        match &task.state {
            State::Waiting {
                last_failure: Some(failure),
                ..
            } if failure.class == ErrorClass::OutOfCredit => self.settings.no_server_timeout_ms,
            _ => self.settings.no_server_timeout_ms.max(COOLING_MS),
        }
    }

    /// Under the write lock nobody else acquires; the conditional updates hold all the same.
    async fn acquire_in(&self, transaction: &impl Database) -> Result<Pass, StoreError> {
        let now_ms = self.world.now_ms();
        let mut servers = store::servers::list(transaction, None, None).await?;
        let mut pass = Pass::default();
        let mut used = store::servers::models_in_use(transaction).await?;
        let due = store::tasks::due_waiting(transaction, waiting(now_ms), PER_KIND).await?;
        let mut batches = Batches::of(&due, now_ms);
        for mut row in due {
            let task = task_of(&row)?;
            let fit: Vec<usize> = (0..servers.len())
                .filter(|at| works_for(&servers[*at], &row.tenant))
                .filter(|at| batches.are_full(&row.kind, servers[*at].batch))
                .collect();
            let candidates: Vec<Candidate> = fit
                .iter()
                .map(|at| candidate(&servers[*at], &used, now_ms))
                .collect();
            let params: Value = serde_json::from_str(&row.params).unwrap_or_default();
            let wish = Wish {
                kind: &row.kind,
                model: params["model"].as_str(),
                weight: 1,
            };
            let (command, worker) = match choose(&candidates, wish, now_ms) {
                Choice::Server(at) => {
                    let server = &mut servers[fit[at]];
                    row.model = model_of(&candidates[at], &wish).map(str::to_owned);
                    let worker = Worker::of(server.clone(), &row);
                    row.weight = 1;
                    if !store::servers::reserve(
                        transaction,
                        &server.id,
                        wanted(server, &row, now_ms),
                    )
                    .await?
                    {
                        continue;
                    }
                    take(server, &mut used, &row, now_ms);
                    batches.take(&row.kind, server.batch);
                    let interface = worker.provider().interface;
                    let command = Command::Acquire {
                        server_id: Some(server.id.clone()),
                        sends: !interface.works_in_the_call(),
                        is_paid: interface.is_account(),
                    };
                    (command, Some(worker))
                }
                Choice::Busy => (Command::Busy, None),
                Choice::Cooling => (
                    Command::NoServer {
                        timeout_ms: self.cooling_timeout_ms(&task),
                    },
                    None,
                ),
                Choice::Nobody if batches.waits(&servers, &row) => (Command::Busy, None),
                Choice::Nobody => match &self.settings.fallback_url {
                    Some(url) => {
                        let command = Command::Acquire {
                            server_id: None,
                            sends: true,
                            is_paid: false,
                        };
                        (command, Some(Worker::fallback(url)))
                    }
                    None => (
                        Command::NoServer {
                            timeout_ms: self.settings.no_server_timeout_ms,
                        },
                        None,
                    ),
                },
            };
            let Ok(Decision {
                task, update_node, ..
            }) = decide(&task, command, now_ms, self.world.jitter())
            else {
                continue;
            };
            let after = row_of(&row, &task, now_ms)?;
            if !store::tasks::replace(transaction, &after).await? {
                return Err(StoreError::Shape(format!(
                    "task {} changed under the write lock",
                    row.id
                )));
            }
            if update_node {
                pass.effects
                    .extend(self.record_effect(transaction, &after).await?);
            }
            if let Some(worker) = worker {
                let row = TaskRow {
                    version: after.version + 1,
                    ..after
                };
                pass.acquired.push(Acquired { row, worker });
            }
        }
        Ok(pass)
    }
}

pub(crate) fn works_for(server: &ServerRow, tenant: &str) -> bool {
    server.tenant == OPERATOR || server.tenant == tenant
}

/// How many slots tasks of a model hold at a server.
type ModelsInUse = HashMap<(String, String), i64>;

fn candidate(server: &ServerRow, used: &ModelsInUse, now_ms: i64) -> Candidate {
    let models = server.models.iter().map(|model| Model {
        name: model.name.clone(),
        slots: model.slots,
        used: used
            .get(&(server.id.clone(), model.name.clone()))
            .copied()
            .unwrap_or(0),
    });
    let reason = server.cooldown_reason.as_deref().and_then(Cooldown::parse);
    Candidate {
        id: server.id.clone(),
        kinds: server.kinds.clone(),
        models: models.collect(),
        // A state that this program does not know gets no work.
        state: ServerState::parse(&server.state).unwrap_or(ServerState::Offline),
        trusted: server.last_error.is_none(),
        tier: server.tier,
        used: server.used,
        slots: server.slots,
        since_ms: server.changed_at_ms.max(server.cooldown_until_ms),
        cooldown_until_ms: server.cooldown_until_ms,
        cooldown_is_ejection: reason == Some(Cooldown::Failing),
        may_submit: server
            .rate_per_min
            .is_none_or(|per_min| Rate::of(per_min).allows(server.rate_until_ms, now_ms)),
    }
}

/// What the row takes of the server.
fn wanted<'a>(server: &'a ServerRow, row: &'a TaskRow, now_ms: i64) -> Reservation<'a> {
    let model = row.model.as_deref().and_then(|name| {
        let known = server.models.iter().find(|model| model.name == name)?;
        Some((name, known.slots?))
    });
    let rate = server.rate_per_min.map(|per_min| {
        let rate = Rate::of(per_min);
        (rate.spacing_ms(), rate.tolerance_ms())
    });
    Reservation {
        weight: row.weight,
        model,
        rate,
        now_ms,
    }
}

/// The same in what was read of the server, for the next task of this pass.
fn take(server: &mut ServerRow, used: &mut ModelsInUse, row: &TaskRow, now_ms: i64) {
    server.used += row.weight;
    if let Some(per_min) = server.rate_per_min {
        server.rate_until_ms = server.rate_until_ms.max(now_ms) + Rate::of(per_min).spacing_ms();
    }
    if let Some(model) = &row.model {
        *used.entry((server.id.clone(), model.clone())).or_default() += row.weight;
    }
}
