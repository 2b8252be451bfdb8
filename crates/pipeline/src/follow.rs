//! The net under the callbacks: whatever is due is looked at again (OP3, TK5, TK6).

use dispatch::{Command, Failure, Phase, State, policy};
use fleet::CallOutcome;
use futures::stream::{FuturesUnordered, StreamExt};
use http::Response;
use providers::{AfterLostAnswer, CallFailure, Wanted};
use store::tasks::{Due, TaskRow};
use store::{Database, DueAt};

use crate::acquire::Acquired;
use crate::answer::{failure_of, lost, spent};
use crate::order::Worker;
use crate::row::task_of;
use crate::submit::{Question, attempt_of};
use crate::{BATCH, Bounds, Error, NoAnswer, Pipeline, Reported, World};

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    pub followed: usize,
    pub dispatched: usize,
    pub delivered: usize,
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Does all that is due. Late, repeated and overlapping ticks are harmless: every step
    /// claims what it takes.
    pub async fn tick(&self) -> Result<Tick, Error> {
        store::assets::delete_abandoned(self.database).await?;
        let followed = self.follow().await?;
        let dispatched = self.dispatch().await?;
        let delivered = self.deliver_due().await?;
        Ok(Tick {
            followed,
            dispatched,
            delivered,
        })
    }

    pub(crate) async fn due(&self) -> Result<Due, Error> {
        let now_ms = self.world.now_ms();
        let due = store::tasks::has_due(self.database, waiting(now_ms), processing(now_ms));
        Ok(due.await?)
    }

    async fn follow(&self) -> Result<usize, Error> {
        let now_ms = self.world.now_ms();
        if !self.due().await?.processing {
            return Ok(0);
        }
        let hold_until_ms = now_ms + policy::POLL_HOLD_MS;
        let at = processing(now_ms);
        let due = store::tasks::claim_due(self.database, at, hold_until_ms, BATCH).await?;
        let count = due.len();
        let mut servers = store::servers::list(self.database, None, None).await?;
        let mut submissions = Vec::new();
        let mut settlements = Vec::new();
        let mut polls = FuturesUnordered::new();
        let mut look_ups = FuturesUnordered::new();
        for row in due {
            let task = task_of(&row)?;
            let State::Processing {
                server_id,
                lease_expires_at_ms,
                phase,
                ..
            } = task.state
            else {
                continue;
            };
            let worker = match &server_id {
                Some(id) => {
                    let server = servers.iter_mut().find(|server| server.id == *id);
                    server.map(|server| Worker::of(server.clone(), &row))
                }
                None => self.settings.fallback_url.as_deref().map(Worker::fallback),
            };
            let has_expired = now_ms >= lease_expires_at_ms;
            let Some(worker) = worker else {
                // An answer that is on its way may still be the result.
                if phase != Phase::Submit || has_expired {
                    self.without_server(row).await?;
                }
                continue;
            };
            match phase {
                Phase::Settling { .. } => settlements.push(row),
                // Also after the lease is over: one last look, since the provider may have
                // finished what is paid for while the platform was down.
                Phase::Running {
                    external_id: Some(external_id),
                    ..
                } => match worker.provider().poll(&external_id, now_ms / 1000) {
                    Ok(request) => polls.push(async move {
                        let answer = self.world.call(request, Bounds::QUICK).await;
                        (row, worker, external_id, answer)
                    }),
                    Err(unfit) => {
                        let failure = Failure::terminal(unfit.to_string());
                        let attempt = task.attempt;
                        self.apply(row, Command::Miss { attempt, failure }).await?;
                    }
                },
                Phase::Running {
                    external_id: None, ..
                } => {
                    self.apply(row, Command::ExpireLease).await?;
                }
                Phase::Reserve if has_expired => {
                    self.apply(row, Command::ExpireLease).await?;
                }
                Phase::Reserve => self.world.begin_soon(vec![row.id]),
                Phase::Submit => match worker.provider().interface.after_lost_answer() {
                    AfterLostAnswer::Repeat if has_expired => {
                        self.apply(row, Command::ExpireLease).await?;
                    }
                    AfterLostAnswer::Repeat => submissions.push(Acquired { row, worker }),
                    AfterLostAnswer::LookUp => {
                        if let Some(asked) = self.ask(row, worker, Question::LookUp).await? {
                            look_ups.push(self.call(asked, Bounds::QUICK));
                        }
                    }
                    // Whoever waits for the answer says so as long as it lives.
                    AfterLostAnswer::Nothing if !has_expired => {}
                    AfterLostAnswer::Nothing => {
                        let command =
                            lost(task.attempt, "nobody heard the provider's answer", &worker);
                        self.apply(row, command).await?;
                    }
                },
            }
        }
        while let Some((row, worker, external_id, answer)) = polls.next().await {
            settlements.extend(
                self.take_poll_answer(row, &worker, &external_id, answer)
                    .await?,
            );
        }
        drop(polls);
        while let Some((asked, answer)) = look_ups.next().await {
            submissions.extend(self.take_look_up(asked, answer).await?);
        }
        drop(look_ups);
        self.submit(submissions).await?;
        for row in settlements {
            self.settle(row).await?;
        }
        Ok(count)
    }

    /// The row to settle, when the poll brought the result.
    async fn take_poll_answer(
        &self,
        row: TaskRow,
        worker: &Worker,
        external_id: &str,
        answer: Result<Response<Vec<u8>>, NoAnswer>,
    ) -> Result<Option<TaskRow>, Error> {
        let attempt = attempt_of(&row)?;
        let response = match answer {
            Ok(response) => response,
            Err(no_answer) => {
                let failure = match no_answer {
                    NoAnswer::Unreachable(_) | NoAnswer::Lost(_) => {
                        self.suspect(worker, &no_answer).await?;
                        self.called(worker, CallOutcome::Failed).await?;
                        Failure::retryable(format!("the provider did not answer: {no_answer}"))
                    }
                    NoAnswer::Forbidden(_) => Failure::terminal(no_answer.to_string()),
                    NoAnswer::TooLong(_) => failure_of(CallFailure::nonsense(no_answer)),
                };
                self.apply(row, Command::Miss { attempt, failure }).await?;
                return Ok(None);
            }
        };
        let told = worker
            .provider()
            .read_poll(external_id, wanted(&row)?, &response);
        let (report, usage) = match told {
            Ok((report, took)) => (report, spent(&took)),
            // Neither an error page nor nonsense says anything of the task: ask again.
            Err(failure) => {
                let failure = failure_of(failure);
                self.apply(row, Command::Miss { attempt, failure }).await?;
                return Ok(None);
            }
        };
        match self.take_told(row, Some(attempt), report, usage).await? {
            Reported::Settle(row) => Ok(Some(*row)),
            Reported::Done { .. } | Reported::Repeated | Reported::Refused(_) => Ok(None),
        }
    }
}

pub(crate) fn waiting(now_ms: i64) -> DueAt {
    DueAt::new(now_ms, policy::WAITING_PAUSE_MS)
}

fn processing(now_ms: i64) -> DueAt {
    DueAt::new(now_ms, policy::PROCESSING_PAUSE_MS)
}

/// What the result of a task must hold.
pub(crate) fn wanted(row: &TaskRow) -> Result<Wanted, Error> {
    Ok(match task_of(row)?.kind.yields() {
        dispatch::Yield::Image | dispatch::Yield::Video => Wanted::Media,
        dispatch::Yield::Text => Wanted::Text,
    })
}
