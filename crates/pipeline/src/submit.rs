//! Submissions: many at once, each answer written as it comes.

use std::collections::BTreeMap;
use std::pin::pin;

use dispatch::{Command, Failure, Phase, State, policy};
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use http::{Request, Response};
use providers::{AfterLostAnswer, Order};
use store::Database;
use store::tasks::TaskRow;

use crate::acquire::Acquired;
use crate::order::{Prepared, Worker};
use crate::row::task_of;
use crate::{Applied, Bounds, Error, NoAnswer, Pipeline, World};

/// What a request is to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Submit,
    LookUp,
}

/// A request on its way, and whose it is.
pub(crate) struct Asked {
    pub row: TaskRow,
    pub worker: Worker,
    pub prepared: Prepared,
    request: Request<Vec<u8>>,
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Submits acquired tasks. The intent (the attempt, which is the idempotency key) is in the
    /// database already: whoever is killed here is followed by a tick with the same key. What
    /// takes as long as the work itself goes on beside.
    pub(crate) async fn submit(&self, tasks: Vec<Acquired>) -> Result<(), Error> {
        let mut calls = FuturesUnordered::new();
        // Those that go out together, by their server.
        let mut batches: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Acquired { row, worker } in tasks {
            self.hint_progress(&row, worker.name());
            if worker.provider().interface.works_in_the_call() {
                let batch = worker.batch();
                let server_id = row.server_id.clone().unwrap_or_default();
                let waiting = batches.entry(server_id).or_default();
                waiting.push(row.id);
                if waiting.len() >= batch {
                    self.world.begin_soon(std::mem::take(waiting));
                }
            } else if let Some(asked) = self.ask(row, worker, Question::Submit).await? {
                calls.push(self.call(asked, Bounds::QUICK));
            }
        }
        for waiting in batches.into_values().filter(|waiting| !waiting.is_empty()) {
            self.world.begin_soon(waiting);
        }
        // The calls go on at the same time, what they lead to is written one after the other.
        let mut settlements = Vec::new();
        while let Some((asked, answer)) = calls.next().await {
            settlements.extend(self.take_submit_answer(asked, answer).await?);
        }
        drop(calls);
        for row in settlements {
            self.settle(row).await?;
        }
        Ok(())
    }

    /// Makes the call of tasks whose slots are taken at the same server, however long it takes.
    /// Whoever writes first that the call goes out makes it; of tasks that have moved on nothing
    /// is asked.
    pub async fn begin(&self, task_ids: &[String]) -> Result<(), Error> {
        let mut sent = Vec::new();
        for task_id in task_ids {
            sent.extend(self.send(task_id).await?);
        }
        let settlements = match sent.len() {
            0 => return Ok(()),
            1 => match sent.pop() {
                Some(asked) => self.call_alone(asked).await?,
                None => Vec::new(),
            },
            _ => self.call_together(sent).await?,
        };
        for row in settlements {
            self.settle(row).await?;
        }
        Ok(())
    }

    async fn call_alone(&self, asked: Asked) -> Result<Vec<TaskRow>, Error> {
        let mut asked = asked;
        let request = std::mem::take(&mut asked.request);
        let bounds = work_bounds(&asked.worker);
        let answer = self.call_and_hold(request, bounds, &[&asked.row]).await?;
        let settled = self.take_submit_answer(asked, answer).await?;
        Ok(settled.into_iter().collect())
    }

    async fn call_together(&self, sent: Vec<Asked>) -> Result<Vec<TaskRow>, Error> {
        let mut settlements = Vec::new();
        let orders: Vec<Order> = sent.iter().map(|asked| asked.prepared.linked()).collect();
        let worker = sent[0].worker.clone();
        let request = match worker.provider().submit_batch(&orders) {
            Ok(request) => request,
            Err(unfit) => {
                drop(orders);
                for asked in sent {
                    let failure = Failure::terminal(unfit.to_string());
                    self.fail(asked.row, failure).await?;
                }
                return Ok(settlements);
            }
        };
        let rows: Vec<&TaskRow> = sent.iter().map(|asked| &asked.row).collect();
        let bounds = work_bounds(&worker);
        let answer = self.call_and_hold(request, bounds, &rows).await?;
        drop(rows);
        let read = answer.map(|response| worker.provider().read_batch(&orders, &response));
        drop(orders);
        match read {
            Ok(submitted) => {
                for (asked, submitted) in sent.into_iter().zip(submitted) {
                    settlements.extend(self.take_submitted(asked, submitted).await?);
                }
            }
            Err(no_answer) => {
                for asked in sent {
                    settlements.extend(
                        self.take_submit_answer(asked, Err(no_answer.clone()))
                            .await?,
                    );
                }
            }
        }
        Ok(settlements)
    }

    /// Waits for an answer that takes as long as the work, and holds the tasks meanwhile, so that
    /// nobody else takes them. Whoever has lost all of them hangs up.
    async fn call_and_hold(
        &self,
        request: Request<Vec<u8>>,
        bounds: Bounds,
        rows: &[&TaskRow],
    ) -> Result<Result<Response<Vec<u8>>, NoAnswer>, Error> {
        let mut call = pin!(self.world.call(request, bounds));
        loop {
            let heartbeat = pin!(self.world.sleep(policy::HEARTBEAT_MS));
            if let Either::Left((answer, _)) = select(call.as_mut(), heartbeat).await {
                return Ok(answer);
            }
            let mut holds = false;
            for row in rows {
                holds |= self.hold(row, policy::WORK_HOLD_MS).await?;
            }
            if !holds {
                return Ok(Err(NoAnswer::Lost("nobody wants it any more".into())));
            }
        }
    }

    /// Keeps a task to oneself for longer; false when it has moved on.
    pub(crate) async fn hold(&self, row: &TaskRow, hold_ms: i64) -> Result<bool, Error> {
        let now_ms = self.world.now_ms();
        let (hold_ms, lease_ms) = (now_ms + hold_ms, now_ms + policy::LEASE_MS);
        let hold = |version| store::tasks::hold(self.database, &row.id, version, hold_ms, lease_ms);
        if hold(row.version).await? {
            return Ok(true);
        }
        // A heartbeat raises the version too; only a task in another phase is lost.
        match store::tasks::find(self.database, &row.id).await? {
            Some(now) if now.phase == row.phase && now.attempt == row.attempt => {
                Ok(hold(now.version).await?)
            }
            _ => Ok(false),
        }
    }

    /// Writes that a task's call goes out; `None` when it is not this one's to make.
    async fn send(&self, task_id: &str) -> Result<Option<Asked>, Error> {
        let Some(row) = store::tasks::find(self.database, task_id).await? else {
            return Ok(None);
        };
        let task = task_of(&row)?;
        let Some(worker) = self.worker_of(&row).await? else {
            return self.without_server(row).await.map(|()| None);
        };
        let may_send = match &task.state {
            State::Processing {
                phase: Phase::Reserve,
                ..
            } => true,
            // Nobody heard the answer, and the same key starts nothing twice.
            State::Processing {
                phase: Phase::Submit,
                ..
            } => worker.provider().interface.after_lost_answer() == AfterLostAnswer::Repeat,
            _ => false,
        };
        if !may_send {
            return Ok(None);
        }
        // Before the call goes out: reading inputs may fail, and then nothing was asked.
        let Some(asked) = self.ask(row, worker, Question::Submit).await? else {
            return Ok(None);
        };
        let command = Command::Send {
            attempt: task.attempt,
            hold_ms: policy::WORK_HOLD_MS,
        };
        let version = asked.row.version;
        Ok(match self.apply(asked.row.clone(), command).await? {
            // Somebody wrote in between, and may have sent it, too.
            Applied::Done { row, .. } if row.version == version + 1 => Some(Asked { row, ..asked }),
            Applied::Done { .. } | Applied::Rejected { .. } | Applied::Gone => None,
        })
    }

    /// Makes a request of a task; `None` when there can be none, which is written then.
    pub(crate) async fn ask(
        &self,
        row: TaskRow,
        worker: Worker,
        question: Question,
    ) -> Result<Option<Asked>, Error> {
        let prepared = match self.prepare(&row, &worker).await? {
            Ok(prepared) => prepared,
            Err(failure) => return self.fail(row, failure).await.map(|()| None),
        };
        let now_s = self.world.now_ms() / 1000;
        let request = prepared.with(|order| match question {
            Question::Submit => worker
                .provider()
                .submit(order, now_s)
                .map_err(|unfit| Failure::terminal(unfit.to_string())),
            Question::LookUp => worker
                .provider()
                .look_up(order, now_s)
                .map_err(|unfit| Failure::unknown(unfit.to_string())),
        });
        match request {
            Ok(request) => Ok(Some(Asked {
                row,
                worker,
                prepared,
                request,
            })),
            Err(failure) => self.fail(row, failure).await.map(|()| None),
        }
    }

    pub(crate) async fn call(
        &self,
        mut asked: Asked,
        bounds: Bounds,
    ) -> (Asked, Result<Response<Vec<u8>>, NoAnswer>) {
        let request = std::mem::take(&mut asked.request);
        let answer = self.world.call(request, bounds).await;
        (asked, answer)
    }

    /// What a look-up brought: a submission whose answer nobody heard is made again only if the
    /// provider never heard of it. Then it is what to submit.
    pub(crate) async fn take_look_up(
        &self,
        asked: Asked,
        answer: Result<Response<Vec<u8>>, NoAnswer>,
    ) -> Result<Option<(TaskRow, Worker)>, Error> {
        let Asked {
            row,
            worker,
            prepared,
            ..
        } = asked;
        let attempt = attempt_of(&row)?;
        let found = match &answer {
            Ok(response) => prepared
                .with(|order| worker.provider().read_look_up(order, response))
                .map_err(|failure| failure.message),
            Err(no_answer) => Err(no_answer.to_string()),
        };
        let command = match found {
            Ok(Some(external_id)) => Command::Submitted {
                attempt,
                external_id: Some(external_id),
            },
            Ok(None) => return Ok(Some((row, worker))),
            Err(message) => Command::Doubt {
                attempt,
                failure: Failure::unknown(format!(
                    "whether the provider began is not known, and it cannot be looked up: {message}"
                )),
            },
        };
        self.apply(row, command).await.map(|_| None)
    }

    /// The attempt ends with a failure.
    pub(crate) async fn fail(&self, row: TaskRow, failure: Failure) -> Result<(), Error> {
        let attempt = attempt_of(&row)?;
        let command = Command::Fail {
            attempt,
            failure,
            retry_after_ms: None,
        };
        self.apply(row, command).await.map(drop)
    }

    /// The server of a task is not registered any more.
    pub(crate) async fn without_server(&self, row: TaskRow) -> Result<(), Error> {
        let message = "the server that worked on it was removed";
        let failure = match row.is_paid && row.sent_at_ms.is_some() {
            true => Failure::unknown(message),
            false => Failure::retryable(message),
        };
        self.fail(row, failure).await
    }

    /// Best effort: the provider's work is of no use any more.
    pub(crate) async fn cancel_at_provider(
        &self,
        row: &TaskRow,
        external_id: &str,
    ) -> Result<(), Error> {
        let worker = self.worker_of(row).await?;
        let request = worker.and_then(|worker| worker.provider().cancel(external_id));
        if let Some(request) = request
            && let Err(error) = self.world.call(request, Bounds::QUICK).await
        {
            self.world.report("cancel at the provider", &error);
        }
        Ok(())
    }

    /// Cancels a task, frees its slot, tells the node and the provider (TK4).
    pub async fn cancel(&self, row: TaskRow) -> Result<Applied, Error> {
        let running = match task_of(&row)?.state {
            State::Processing {
                phase: Phase::Running { external_id, .. },
                ..
            } => external_id,
            State::Processing { .. }
            | State::Waiting { .. }
            | State::Finished { .. }
            | State::Failed { .. }
            | State::Cancelled { .. } => None,
        };
        let applied = self.apply(row, Command::Cancel).await?;
        if let (Applied::Done { row, .. }, Some(external_id)) = (&applied, running) {
            self.cancel_at_provider(row, &external_id).await?;
        }
        Ok(applied)
    }
}

fn work_bounds(worker: &Worker) -> Bounds {
    Bounds {
        bytes: worker.provider().answer_bytes(),
        ms: policy::WORK_CALL_MS,
    }
}

pub(crate) fn attempt_of(row: &TaskRow) -> Result<u32, Error> {
    Ok(task_of(row)?.attempt)
}
