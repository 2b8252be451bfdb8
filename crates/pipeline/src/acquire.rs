//! Waiting tasks to servers: one write transaction per pass (RG4, TK6).

use std::collections::{BTreeSet, HashMap};

use dispatch::{Command, Decision, State, Task, decide};
use fleet::{Candidate, Choice, Cooldown, Model, Rate, ServerState, Wish, choose, model_of};
use serde_json::Value;
use store::servers::ServerRow;
use store::tasks::TaskRow;
use store::{Database, StoreError, begin, or_rollback};

use crate::apply::raised;
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

/// What one pass has taken and decided: to be carried out by [`Pipeline::carry_out`].
#[derive(Default)]
pub struct Taken {
    acquired: Vec<Acquired>,
    effects: Vec<Effect>,
}

impl Taken {
    /// How many tasks have been given to a server.
    pub fn tasks(&self) -> usize {
        self.acquired.len()
    }
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Gives every waiting task that is due to a server with a free slot, and submits it. How
    /// many were taken.
    pub async fn dispatch(&self) -> Result<usize, Error> {
        let mut tasks = 0;
        for _ in 0..PASSES {
            let Some(taken) = self.take().await? else {
                break;
            };
            let count = taken.tasks();
            self.carry_out(taken).await?;
            if count == 0 {
                break;
            }
            tasks += count;
        }
        Ok(tasks)
    }

    /// Gives waiting tasks that are due to servers with free slots; `None` when none is due.
    pub async fn take(&self) -> Result<Option<Taken>, Error> {
        if !self.due().await?.waiting {
            return Ok(None);
        }
        let transaction = begin(self.database).await?;
        let taken = self.take_in(&transaction).await;
        let taken = or_rollback(self.database, taken).await?;
        transaction.commit().await?;
        Ok(Some(taken))
    }

    /// Submits what was taken, and tells nodes what was decided. Whether a slot may be free again.
    pub async fn carry_out(&self, taken: Taken) -> Result<bool, Error> {
        // First what others wait for: they hold slots, and their time runs.
        let is_freed = self.submit(taken.acquired).await?;
        for effect in &taken.effects {
            self.deliver(effect).await;
        }
        Ok(is_freed)
    }

    /// How long a task waits while everybody who could take it cools down. Neither credit nor a
    /// revoked key comes back by itself.
    fn cooling_timeout_ms(&self, task: &Task) -> i64 {
        match &task.state {
            State::Waiting {
                last_failure: Some(failure),
                ..
            } if !failure.class.may_retry() => self.settings.no_server_timeout_ms,
            _ => self.settings.no_server_timeout_ms.max(COOLING_MS),
        }
    }

    /// Under the write lock nobody else takes anything, so what is read of the servers holds until
    /// the commit; that no slot is given twice is also the database's own rule.
    async fn take_in(&self, transaction: &impl Database) -> Result<Taken, StoreError> {
        let now_ms = self.world.now_ms();
        let due = store::tasks::due_waiting(transaction, waiting(now_ms), PER_KIND).await?;
        let servers = store::servers::list(transaction, None, None).await?;
        let mut stock = Stock::of(transaction, servers, now_ms).await?;
        let mut batches = Batches::of(&due, now_ms);
        let (mut rows, mut workers, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        for mut row in due {
            let task = task_of(&row)?;
            let (command, given) = self.give(&task, &mut row, &stock, &batches);
            let Ok(Decision {
                task, update_node, ..
            }) = decide(&task, command, now_ms, self.world.jitter())
            else {
                continue;
            };
            if let Some((Some(at), _)) = &given {
                batches.take(&row.kind, stock.servers[*at].batch);
                stock.take(*at, row.model.as_deref());
            }
            let after = row_of(&row, &task, now_ms)?;
            if update_node {
                ended.push(after.clone());
            }
            workers.push(given.map(|(_, worker)| worker));
            rows.push(after);
        }
        let written = store::tasks::replace_all(transaction, &rows).await?;
        if let Some(row) = rows.iter().find(|row| !written.contains(&row.id)) {
            let message = format!("task {} changed under the write lock", row.id);
            return Err(StoreError::Shape(message));
        }
        for at in &stock.submitted {
            let server = &stock.servers[*at];
            store::servers::set_rate_until(transaction, &server.id, server.rate_until_ms).await?;
        }
        let mut taken = Taken::default();
        for row in &ended {
            let effect = self.record_effect(transaction, row).await?;
            taken.effects.extend(effect);
        }
        let given = rows.into_iter().zip(workers);
        taken.acquired = given
            .filter_map(|(row, worker)| {
                let row = raised(row);
                worker.map(|worker| Acquired { row, worker })
            })
            .collect();
        Ok(taken)
    }

    /// Who gets a task: the command, and the position of the server with it as a worker. The row
    /// is told the model.
    fn give(
        &self,
        task: &Task,
        row: &mut TaskRow,
        stock: &Stock,
        batches: &Batches,
    ) -> (Command, Option<(Option<usize>, Worker)>) {
        let servers = &stock.servers;
        let fit: Vec<usize> = (0..servers.len())
            .filter(|at| works_for(&servers[*at], &row.tenant))
            .filter(|at| batches.are_full(&row.kind, servers[*at].batch))
            .collect();
        let candidates: Vec<Candidate> = fit.iter().map(|at| stock.candidate(*at)).collect();
        let params: Value = serde_json::from_str(&row.params).unwrap_or_default();
        let wish = Wish {
            kind: &row.kind,
            model: params["model"].as_str(),
        };
        let nobody = |timeout_ms| (Command::NoServer { timeout_ms }, None);
        match choose(&candidates, wish, stock.now_ms) {
            Choice::Server(at) => {
                row.model = model_of(&candidates[at], &wish).map(str::to_owned);
                let server = &servers[fit[at]];
                let worker = Worker::of(server.clone(), row);
                let interface = worker.provider().interface;
                let command = Command::Acquire {
                    server_id: Some(server.id.clone()),
                    sends: !interface.works_in_the_call(),
                    is_paid: interface.is_account(),
                };
                (command, Some((Some(fit[at]), worker)))
            }
            Choice::Busy => (Command::Busy, None),
            Choice::Cooling => nobody(self.cooling_timeout_ms(task)),
            Choice::Nobody if batches.waits(servers, row) => (Command::Busy, None),
            Choice::Nobody => match &self.settings.fallback_url {
                Some(url) => {
                    let command = Command::Acquire {
                        server_id: None,
                        sends: true,
                        is_paid: false,
                    };
                    (command, Some((None, Worker::fallback(url))))
                }
                None => nobody(self.settings.no_server_timeout_ms),
            },
        }
    }
}

/// The servers, and what is taken of them.
struct Stock {
    servers: Vec<ServerRow>,
    /// How many slots tasks of a model hold at a server.
    models: HashMap<(String, String), i64>,
    /// Servers with a rate that get something in this pass.
    submitted: BTreeSet<usize>,
    now_ms: i64,
}

impl Stock {
    async fn of(
        transaction: &impl Database,
        servers: Vec<ServerRow>,
        now_ms: i64,
    ) -> Result<Self, StoreError> {
        let mut models = servers.iter().flat_map(|server| &server.models);
        let models = match models.any(|model| model.slots.is_some()) {
            true => store::servers::models_in_use(transaction).await?,
            false => HashMap::new(),
        };
        Ok(Self {
            servers,
            models,
            submitted: BTreeSet::new(),
            now_ms,
        })
    }

    fn candidate(&self, at: usize) -> Candidate {
        let server = &self.servers[at];
        let models = server.models.iter().map(|model| Model {
            name: model.name.clone(),
            slots: model.slots,
            used: self
                .models
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
                .is_none_or(|per_min| Rate::of(per_min).allows(server.rate_until_ms, self.now_ms)),
        }
    }

    /// A slot, and a submission of the rate, for the next task of this pass to know.
    fn take(&mut self, at: usize, model: Option<&str>) {
        let server = &mut self.servers[at];
        server.used += 1;
        if let Some(per_min) = server.rate_per_min {
            server.rate_until_ms = Rate::of(per_min).after(server.rate_until_ms, self.now_ms);
            self.submitted.insert(at);
        }
        if let Some(model) = model {
            let key = (server.id.clone(), model.to_owned());
            *self.models.entry(key).or_default() += 1;
        }
    }
}

pub(crate) fn works_for(server: &ServerRow, tenant: &str) -> bool {
    server.tenant == OPERATOR || server.tenant == tenant
}
