//! Submissions: many at once, each answer written as it comes.

use std::collections::BTreeMap;
use std::pin::pin;

use dispatch::{Command, Failure, Phase, State, policy};
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use http::{Request, Response};
use store::Database;
use store::tasks::TaskRow;

use crate::acquire::Acquired;
use crate::order::{Prepared, Worker};
use crate::row::task_of;
use crate::{Applied, Bounds, Error, NoAnswer, Pipeline, World};

/// How long the first answer to a submission waits for others, to be written with them.
const MOMENT_MS: i64 = 10;

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
    pub request: Request<Vec<u8>>,
}

/// An answer as it was heard, or not.
pub(crate) type Heard = Result<Response<Vec<u8>>, NoAnswer>;

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Submits acquired tasks. The intent (the attempt, which is the idempotency key) is in the
    /// database already: whoever is killed here is followed by a tick with the same key. What
    /// takes as long as the work itself goes on beside. Whether a slot may be free again.
    pub(crate) async fn submit(&self, tasks: Vec<Acquired>) -> Result<bool, Error> {
        let mut is_freed = false;
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
            } else {
                is_freed = true;
            }
        }
        for waiting in batches.into_values().filter(|waiting| !waiting.is_empty()) {
            self.world.begin_soon(waiting);
        }
        // The calls go on at the same time; what has come after a moment is written together.
        let mut settlements = Vec::new();
        while let Some(first) = calls.next().await {
            let mut answers = vec![first];
            let mut moment = pin!(self.world.sleep(MOMENT_MS));
            while !calls.is_empty()
                && let Either::Left((Some(next), _)) = select(calls.next(), moment.as_mut()).await
            {
                answers.push(next);
            }
            let accepted = self.take_submit_answers(answers, &mut settlements).await?;
            is_freed |= !accepted;
        }
        drop(calls);
        for row in settlements {
            self.settle(row).await?;
        }
        Ok(is_freed)
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

    pub(crate) async fn call(&self, mut asked: Asked, bounds: Bounds) -> (Asked, Heard) {
        let request = std::mem::take(&mut asked.request);
        let answer = self.world.call(request, bounds).await;
        (asked, answer)
    }

    /// What a look-up brought: a submission whose answer nobody heard is made again only if the
    /// provider never heard of it. Then it is what to submit.
    pub(crate) async fn take_look_up(
        &self,
        asked: Asked,
        answer: Heard,
    ) -> Result<Option<Acquired>, Error> {
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
            // Whoever writes this submits; of two that have looked, the other has not.
            Ok(None) => {
                let row = self.say_sent(&row, policy::SUBMIT_HOLD_MS).await?;
                return Ok(row.map(|row| Acquired { row, worker }));
            }
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

pub(crate) fn attempt_of(row: &TaskRow) -> Result<u32, Error> {
    Ok(task_of(row)?.attempt)
}
