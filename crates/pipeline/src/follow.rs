//! The net under the callbacks: whatever is due is looked at again (OP3, TK5, TK6).

use dispatch::{Command, Failure, Phase, State, policy};
use futures::stream::{FuturesUnordered, StreamExt};
use http::{Response, StatusCode};
use providers::{CallFailure, Report, Server, Wanted, parse_progress, poll_request};
use store::servers::ServerRow;
use store::tasks::{Due, TaskRow};
use store::{Database, DueAt};

use crate::acquire::Acquired;
use crate::row::task_of;
use crate::submit::{attempt_of, failure_of};
use crate::{BATCH, Error, NoAnswer, Pipeline, Reported, World};

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
        store::tasks::tidy(self.database).await?;
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
        let servers = store::servers::list(self.database, None, None).await?;
        let mut submissions = Vec::new();
        let mut settlements = Vec::new();
        let mut polls = FuturesUnordered::new();
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
            let server = server_id
                .as_ref()
                .and_then(|id| servers.iter().find(|server| server.id == *id));
            if server_id.is_some() && server.is_none() {
                let failure = Failure::retryable("the server that worked on it was removed");
                self.apply(
                    row,
                    Command::Fail {
                        attempt: task.attempt,
                        failure,
                        retry_after_ms: None,
                    },
                )
                .await?;
                continue;
            }
            match phase {
                Phase::Submit if now_ms >= lease_expires_at_ms => {
                    self.apply(row, Command::ExpireLease).await?;
                }
                Phase::Submit => submissions.push(Acquired {
                    row,
                    server: server.cloned(),
                }),
                Phase::Settling { .. } => settlements.push(row),
                // Also after the lease is over: one last look, since the provider may have
                // finished what is paid for while the platform was down.
                Phase::Running { external_id, .. } => match self.poll(&external_id, server) {
                    Ok(request) => polls.push(async move { (row, self.world.call(request).await) }),
                    Err(failure) => {
                        self.apply(
                            row,
                            Command::Miss {
                                attempt: task.attempt,
                                failure,
                            },
                        )
                        .await?;
                    }
                },
            }
        }
        while let Some((row, answer)) = polls.next().await {
            settlements.extend(self.take_poll_answer(row, answer).await?);
        }
        drop(polls);
        self.submit(submissions).await?;
        for row in settlements {
            self.settle(row).await?;
        }
        Ok(count)
    }

    fn poll(
        &self,
        external_id: &str,
        server: Option<&ServerRow>,
    ) -> Result<http::Request<Vec<u8>>, Failure> {
        let server = match (server, &self.settings.fallback_url) {
            (Some(server), _) => Server {
                url: &server.url,
                token: server.token.as_deref(),
            },
            (None, Some(url)) => Server { url, token: None },
            (None, None) => {
                return Err(Failure::retryable(
                    "the fallback provider is not configured any more",
                ));
            }
        };
        poll_request(external_id, server)
            .map_err(|error| Failure::terminal(format!("the server's address: {error}")))
    }

    /// The row to settle, when the poll brought the result.
    async fn take_poll_answer(
        &self,
        row: TaskRow,
        answer: Result<Response<Vec<u8>>, NoAnswer>,
    ) -> Result<Option<TaskRow>, Error> {
        let attempt = attempt_of(&row)?;
        let response = match answer {
            Ok(response) => response,
            Err(no_answer) => {
                let failure = match no_answer {
                    NoAnswer::Unreachable(_) | NoAnswer::Lost(_) => {
                        self.suspect(&row, &no_answer).await?;
                        Failure::retryable(format!("the provider did not answer: {no_answer}"))
                    }
                    NoAnswer::Forbidden(_) => Failure::terminal(no_answer.to_string()),
                    NoAnswer::TooLong(_) => failure_of(CallFailure::nonsense(no_answer)),
                };
                self.apply(row, Command::Miss { attempt, failure }).await?;
                return Ok(None);
            }
        };
        let report = match parse_progress(
            response.status(),
            response.headers(),
            response.body(),
            wanted(&row)?,
        ) {
            Ok(report) => report,
            Err(failure)
                if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) =>
            {
                Report::Failed(failure)
            }
            // Neither an error page nor nonsense says anything of the task: ask again.
            Err(failure) => {
                self.apply(
                    row,
                    Command::Miss {
                        attempt,
                        failure: failure_of(failure),
                    },
                )
                .await?;
                return Ok(None);
            }
        };
        match self.take_report(row, Some(attempt), report).await? {
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
