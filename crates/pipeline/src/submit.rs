//! Submissions: many at once, each answer written as it comes.

use dispatch::{Command, Failure, Phase, Rejection, State};
use futures::stream::{FuturesUnordered, StreamExt};
use http::{Request, Response};
use providers::{CallFailure, Class, InputLink, Server, Submission, parse_submit, submit_request};
use serde_json::Value;
use store::Database;
use store::tasks::TaskRow;

use crate::acquire::Acquired;
use crate::row::task_of;
use crate::{Applied, Error, NoAnswer, Pipeline, World};

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Submits acquired tasks. The intent (the attempt, which is the idempotency key) is in the
    /// database already: whoever is killed here is followed by a tick with the same key.
    pub(crate) async fn submit(&self, tasks: Vec<Acquired>) -> Result<(), Error> {
        let mut calls = FuturesUnordered::new();
        for Acquired { row, server } in tasks {
            self.hint_progress(&row, server.as_ref().map(|server| server.name.as_str()));
            match self
                .submission(
                    &row,
                    server
                        .as_ref()
                        .map(|server| (server.url.as_str(), server.token.as_deref())),
                )
                .await?
            {
                Ok(request) => calls.push(async move { (row, self.world.call(request).await) }),
                Err(failure) => {
                    let attempt = attempt_of(&row)?;
                    self.apply(
                        row,
                        Command::Fail {
                            attempt,
                            failure,
                            retry_after_ms: None,
                        },
                    )
                    .await?;
                }
            }
        }
        while let Some((row, answer)) = calls.next().await {
            self.take_submit_answer(row, answer).await?;
        }
        Ok(())
    }

    async fn take_submit_answer(
        &self,
        row: TaskRow,
        answer: Result<Response<Vec<u8>>, NoAnswer>,
    ) -> Result<(), Error> {
        let attempt = attempt_of(&row)?;
        if let Err(no_answer @ (NoAnswer::Unreachable(_) | NoAnswer::Lost(_))) = &answer {
            self.suspect(&row, no_answer).await?;
        }
        let command = match answer {
            Ok(response) => {
                match parse_submit(response.status(), response.headers(), response.body()) {
                    Ok(external_id) => Command::Submitted {
                        attempt,
                        external_id,
                    },
                    Err(failure) => fail(attempt, failure),
                }
            }
            Err(no_answer) => without_answer(attempt, no_answer),
        };
        let external_id = match &command {
            Command::Submitted { external_id, .. } => Some(external_id.clone()),
            _ => None,
        };
        let applied = self.apply(row, command).await?;
        // Cancelled while the submission was on its way: tell the provider now.
        if let (
            Applied::Rejected {
                row,
                rejection: Rejection::Ended(_),
            },
            Some(external_id),
        ) = (applied, external_id)
        {
            self.cancel_at_provider(&row, &external_id).await?;
        }
        Ok(())
    }

    /// The request of a task's current attempt, or why there can be none.
    async fn submission(
        &self,
        row: &TaskRow,
        server: Option<(&str, Option<&str>)>,
    ) -> Result<Result<Request<Vec<u8>>, Failure>, Error> {
        let fallback = self.settings.fallback_url.as_deref().map(|url| (url, None));
        let Some((url, token)) = server.or(fallback) else {
            return Ok(Err(Failure::retryable(
                "the fallback provider is not configured any more",
            )));
        };
        let mut inputs = Vec::new();
        for input in row.inputs()? {
            let link = match (input.asset, input.url) {
                (Some(id), _) => {
                    let Some(asset) =
                        store::assets::find(self.database, &row.project_id, &id).await?
                    else {
                        return Ok(Err(Failure::terminal(format!(
                            "the input {id} is not an asset of this project"
                        ))));
                    };
                    let url = self.world.asset_link(&row.project_id, &id);
                    InputLink {
                        role: input.role,
                        url,
                        media_type: Some(asset.media_type),
                    }
                }
                (None, Some(url)) => InputLink {
                    role: input.role,
                    url,
                    media_type: input.media_type,
                },
                (None, None) => {
                    return Ok(Err(Failure::terminal("an input has neither asset nor url")));
                }
            };
            inputs.push(link);
        }
        let attempt = attempt_of(row)?;
        let params: Value =
            serde_json::from_str(&row.params).unwrap_or_else(|_| Value::Object(Default::default()));
        // The attempt makes a late callback of an earlier attempt recognisable.
        let callback_url = format!(
            "{}/api/task/{}?attempt={attempt}",
            self.settings.worker_public_url, row.id
        );
        let submission = Submission {
            task_id: &row.id,
            attempt,
            kind: &row.kind,
            prompt: &row.prompt,
            params: &params,
            inputs: &inputs,
            callback_url: &callback_url,
            trace_id: row.trace_id.as_deref(),
        };
        Ok(submit_request(&submission, Server { url, token })
            .map_err(|error| Failure::terminal(format!("the server's address: {error}"))))
    }

    /// A server that did not answer is checked now instead of later, and until it answers again
    /// other servers are preferred to it.
    pub(crate) async fn suspect(&self, row: &TaskRow, error: &NoAnswer) -> Result<(), Error> {
        if let Some(server_id) = &row.server_id {
            let now_ms = self.world.now_ms();
            store::servers::suspect(self.database, server_id, &error.to_string(), now_ms).await?;
        }
        Ok(())
    }

    /// Best effort: the provider's work is of no use any more.
    pub(crate) async fn cancel_at_provider(
        &self,
        row: &TaskRow,
        external_id: &str,
    ) -> Result<(), Error> {
        let Some((url, token)) = self.provider_of(row).await? else {
            return Ok(());
        };
        let server = Server {
            url: &url,
            token: token.as_deref(),
        };
        if let Ok(request) = providers::cancel_request(external_id, server)
            && let Err(error) = self.world.call(request).await
        {
            self.world.report("cancel at the provider", &error);
        }
        Ok(())
    }

    /// Address and token of whoever works on a task; `None` when it is not registered any more.
    pub(crate) async fn provider_of(
        &self,
        row: &TaskRow,
    ) -> Result<Option<(String, Option<String>)>, Error> {
        match &row.server_id {
            Some(id) => {
                let server = store::servers::find(self.database, id).await?;
                Ok(server.map(|server| (server.url, server.token)))
            }
            None => Ok(self.settings.fallback_url.clone().map(|url| (url, None))),
        }
    }

    /// Cancels a task, frees its slot, tells the node and the provider (TK4).
    pub async fn cancel(&self, row: TaskRow) -> Result<Applied, Error> {
        let running = match task_of(&row)?.state {
            State::Processing {
                phase: Phase::Running { external_id, .. },
                ..
            } => Some(external_id),
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

/// What a provider's own failure does to the attempt.
pub(crate) fn fail(attempt: u32, failure: CallFailure) -> Command {
    let retry_after_ms = failure.retry_after_ms;
    Command::Fail {
        attempt,
        failure: failure_of(failure),
        retry_after_ms,
    }
}

pub(crate) fn failure_of(failure: CallFailure) -> Failure {
    let class = match failure.class {
        Class::Retryable | Class::RateLimited | Class::Busy => dispatch::ErrorClass::Retryable,
        Class::Terminal => dispatch::ErrorClass::Terminal,
        Class::Moderation => dispatch::ErrorClass::Moderation,
        Class::OutOfCredit => dispatch::ErrorClass::OutOfCredit,
    };
    Failure {
        class,
        message: failure.message,
    }
}

/// A submission that nobody received may be made elsewhere; one that may have been received is
/// repeated with its own key first (TK7).
fn without_answer(attempt: u32, no_answer: NoAnswer) -> Command {
    let message = format!("the provider did not answer: {no_answer}");
    match no_answer {
        NoAnswer::Unreachable(_) => Command::Fail {
            attempt,
            failure: Failure::retryable(message),
            retry_after_ms: None,
        },
        NoAnswer::Lost(_) => Command::Miss {
            attempt,
            failure: Failure::retryable(message),
        },
        NoAnswer::Forbidden(_) => Command::Fail {
            attempt,
            failure: Failure::terminal(message),
            retry_after_ms: None,
        },
        NoAnswer::TooLong(_) => fail(attempt, CallFailure::nonsense(no_answer)),
    }
}
