//! Waiting tasks to servers: one write transaction per pass (RG4, TK6).

use dispatch::{Command, Decision, decide};
use fleet::{Candidate, Choice, Cooldown, Model, ServerState, Wish, choose};
use store::servers::{Reservation, ServerRow};
use store::tasks::TaskRow;
use store::{Database, StoreError, begin, or_rollback};

use crate::effect::Effect;
use crate::follow::waiting;
use crate::row::{row_of, task_of};
use crate::{Error, PASSES, PER_KIND, Pipeline, World};

/// The tenant that operates the platform: its servers work for every tenant, the servers of
/// another tenant for that tenant alone.
const OPERATOR: &str = "default";

/// A task that this pass has taken, and who is to get it.
pub(crate) struct Acquired {
    pub row: TaskRow,
    /// `None` is the fallback provider.
    pub server: Option<ServerRow>,
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
            for effect in &pass.effects {
                self.deliver(effect).await;
            }
            if pass.acquired.is_empty() {
                break;
            }
            taken += pass.acquired.len();
            self.submit(pass.acquired).await?;
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

    /// Under the write lock nobody else acquires; the conditional updates hold all the same.
    async fn acquire_in(&self, transaction: &impl Database) -> Result<Pass, StoreError> {
        let now_ms = self.world.now_ms();
        let mut servers = store::servers::list(transaction, None, None).await?;
        let mut pass = Pass::default();
        for row in store::tasks::due_waiting(transaction, waiting(now_ms), PER_KIND).await? {
            let task = task_of(&row)?;
            let fit: Vec<usize> = (0..servers.len())
                .filter(|at| works_for(&servers[*at], &row.tenant))
                .collect();
            let candidates: Vec<Candidate> =
                fit.iter().map(|at| candidate(&servers[*at])).collect();
            let (command, server) = match choose(&candidates, wish(&row), now_ms) {
                Choice::Server(at) => {
                    let server = &mut servers[fit[at]];
                    if !store::servers::reserve(transaction, &server.id, Reservation::slot(now_ms))
                        .await?
                    {
                        continue;
                    }
                    server.used += 1;
                    (
                        Command::Acquire {
                            server_id: Some(server.id.clone()),
                        },
                        Some(server.clone()),
                    )
                }
                Choice::Busy | Choice::Cooling => (Command::Busy, None),
                Choice::Nobody if self.settings.fallback_url.is_some() => {
                    (Command::Acquire { server_id: None }, None)
                }
                Choice::Nobody => (
                    Command::NoServer {
                        timeout_ms: self.settings.no_server_timeout_ms,
                    },
                    None,
                ),
            };
            let acquires = matches!(command, Command::Acquire { .. });
            let Ok(Decision {
                task, update_node, ..
            }) = decide(&task, command, now_ms, self.world.jitter())
            else {
                continue;
            };
            let after = row_of(&row, &task)?;
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
            if acquires {
                let row = TaskRow {
                    version: after.version + 1,
                    ..after
                };
                pass.acquired.push(Acquired { row, server });
            }
        }
        Ok(pass)
    }
}

fn works_for(server: &ServerRow, tenant: &str) -> bool {
    server.tenant == OPERATOR || server.tenant == tenant
}

fn wish(row: &TaskRow) -> Wish<'_> {
    Wish {
        kind: &row.kind,
        model: None,
        weight: 1,
    }
}

fn candidate(server: &ServerRow) -> Candidate {
    let reason = server.cooldown_reason.as_deref().and_then(Cooldown::parse);
    Candidate {
        id: server.id.clone(),
        kinds: server.kinds.clone(),
        // A state that this program does not know gets no work.
        state: ServerState::parse(&server.state).unwrap_or(ServerState::Offline),
        models: models(server),
        trusted: server.last_error.is_none(),
        tier: server.tier,
        used: server.used,
        slots: server.slots,
        since_ms: server.changed_at_ms.max(server.cooldown_until_ms),
        cooldown_until_ms: server.cooldown_until_ms,
        cooldown_is_ejection: reason == Some(Cooldown::Failing),
        may_submit: true,
    }
}

fn models(server: &ServerRow) -> Vec<Model> {
    let models = server.models.iter();
    models
        .map(|model| Model {
            name: model.name.clone(),
            slots: None,
            used: 0,
        })
        .collect()
}
