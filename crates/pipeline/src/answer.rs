//! What the answer to a submission leads to.

use dispatch::{Command, Failure, Rejection, StateName, decide};
use fleet::CallOutcome;
use providers::{AfterLostAnswer, Begun, CallFailure, Class, Order, Spent, Submitted};
use store::Database;
use store::tasks::TaskRow;

use crate::apply::Extra;
use crate::order::Worker;
use crate::row::{row_of, task_of};
use crate::server::{class_of, outcome_of};
use crate::submit::{Asked, Heard, attempt_of};
use crate::{Applied, Error, NoAnswer, Pipeline, Reported, World};

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Takes answers that came at the same time, and adds the rows to settle to `settlements`. Most
    /// answers say that the task was accepted, which is written in one statement; whether all did.
    pub(crate) async fn take_submit_answers(
        &self,
        answers: Vec<(Asked, Heard)>,
        settlements: &mut Vec<TaskRow>,
    ) -> Result<bool, Error> {
        let count = answers.len();
        let mut accepted = Vec::new();
        for (asked, answer) in answers {
            match answer {
                Ok(response) => {
                    let provider = asked.worker.provider();
                    let read = |order: &Order| provider.read_submit(order, &response);
                    let submitted = asked.prepared.with(read);
                    match &submitted.outcome {
                        Ok(Begun::Accepted { .. } | Begun::Unnamed { .. }) => {
                            accepted.push((asked, submitted));
                        }
                        Ok(Begun::Ended(_)) | Err(_) => {
                            settlements.extend(self.take_submitted(asked, submitted).await?);
                        }
                    }
                }
                lost @ Err(_) => settlements.extend(self.take_submit_answer(asked, lost).await?),
            }
        }
        let are_all_accepted = accepted.len() == count;
        if !accepted.is_empty() {
            accepted = self.accept_together(accepted).await?;
        }
        for (asked, submitted) in accepted {
            settlements.extend(self.take_submitted(asked, submitted).await?);
        }
        Ok(are_all_accepted)
    }

    /// Those that could not be written because somebody else has written their task, and that have
    /// not just been quicker than the answer: a callback may bring the result before it.
    async fn accept_together(
        &self,
        accepted: Vec<(Asked, Submitted)>,
    ) -> Result<Vec<(Asked, Submitted)>, Error> {
        let now_ms = self.world.now_ms();
        let mut rows = Vec::with_capacity(accepted.len());
        for (asked, submitted) in &accepted {
            self.heard(&asked.worker, CallOutcome::Answered).await;
            let task = task_of(&asked.row)?;
            let external_id = match &submitted.outcome {
                Ok(Begun::Accepted { external_id }) => Some(external_id.clone()),
                _ => None,
            };
            let command = Command::Submitted {
                attempt: task.attempt,
                external_id,
            };
            if let Ok(decision) = decide(&task, command, now_ms, self.world.jitter()) {
                let mut after = row_of(&asked.row, &decision.task, now_ms)?;
                after.usage = spent(&submitted.spent).or(after.usage);
                rows.push(after);
            }
        }
        let written = store::tasks::replace_all(self.database, &rows).await?;
        let mut left = accepted;
        left.retain(|(asked, _)| !written.contains(&asked.row.id));
        if !left.is_empty() {
            let ids: Vec<&str> = left
                .iter()
                .map(|(asked, _)| asked.row.id.as_str())
                .collect();
            let finished = store::tasks::finished_of(self.database, &ids).await?;
            left.retain(|(asked, _)| !finished.contains(&asked.row.id));
        }
        Ok(left)
    }

    /// The row to settle, when the answer was the result.
    pub(crate) async fn take_submit_answer(
        &self,
        asked: Asked,
        answer: Heard,
    ) -> Result<Option<TaskRow>, Error> {
        match answer {
            Ok(response) => {
                let provider = asked.worker.provider();
                let read = |order: &Order| provider.read_submit(order, &response);
                let submitted = asked.prepared.with(read);
                self.take_submitted(asked, submitted).await
            }
            Err(no_answer) => {
                let attempt = attempt_of(&asked.row)?;
                self.take_no_answer(asked.row, attempt, &asked.worker, no_answer)
                    .await
                    .map(|()| None)
            }
        }
    }

    pub(crate) async fn take_submitted(
        &self,
        asked: Asked,
        submitted: Submitted,
    ) -> Result<Option<TaskRow>, Error> {
        let Asked { row, worker, .. } = asked;
        let attempt = attempt_of(&row)?;
        let outcome = match &submitted.outcome {
            Ok(_) => CallOutcome::Answered,
            Err(failure) => outcome_of(failure),
        };
        self.heard(&worker, outcome).await;
        let spent = spent(&submitted.spent);
        let command = match submitted.outcome {
            Ok(Begun::Accepted { external_id }) => Command::Submitted {
                attempt,
                external_id: Some(external_id),
            },
            Ok(Begun::Unnamed { .. }) => Command::Submitted {
                attempt,
                external_id: None,
            },
            Ok(Begun::Ended(report)) => {
                let reported = self.take_told(row, Some(attempt), report, spent).await?;
                return Ok(match reported {
                    Reported::Settle(row) => Some(*row),
                    Reported::Done { .. } | Reported::Repeated | Reported::Refused(_) => None,
                });
            }
            Err(failure) if submitted.is_doubtful => {
                match worker.provider().interface.after_lost_answer() {
                    AfterLostAnswer::Nothing => lost(attempt, &failure.message, &worker),
                    AfterLostAnswer::Repeat | AfterLostAnswer::LookUp => Command::Doubt {
                        attempt,
                        failure: Failure::unknown(failure.message),
                    },
                }
            }
            Err(failure) => refused(attempt, failure),
        };
        let external_id = match &command {
            Command::Submitted { external_id, .. } => external_id.clone(),
            _ => None,
        };
        let extra = Extra {
            usage: spent,
            ..Extra::default()
        };
        let applied = self.apply_with(row, command, extra).await?;
        // Given up while the submission was on its way: tell the provider now.
        if let (
            Applied::Rejected {
                row,
                rejection: Rejection::Ended(StateName::Cancelled | StateName::Failed),
            },
            Some(external_id),
        ) = (applied, external_id)
        {
            self.cancel_at_provider(&row, &external_id).await?;
        }
        Ok(None)
    }

    async fn take_no_answer(
        &self,
        row: TaskRow,
        attempt: u32,
        worker: &Worker,
        no_answer: NoAnswer,
    ) -> Result<(), Error> {
        if let NoAnswer::Unreachable(_) | NoAnswer::Lost(_) = &no_answer {
            self.suspect(worker, &no_answer).await?;
            self.called(worker, CallOutcome::Failed).await?;
        }
        let command = without_answer(attempt, no_answer, worker);
        self.apply(row, command).await.map(drop)
    }
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

/// A refusal to begin: where it is about the account, somebody else is asked, or the same later.
fn refused(attempt: u32, failure: CallFailure) -> Command {
    match failure.class {
        Class::RateLimited | Class::Busy => {
            let retry_after_ms = failure.retry_after_ms;
            Command::Defer {
                attempt,
                failure: failure_of(failure),
                retry_after_ms,
            }
        }
        // The account cools down: another one can be asked at once.
        Class::OutOfCredit | Class::Unauthorized => Command::Defer {
            attempt,
            failure: failure_of(failure),
            retry_after_ms: Some(0),
        },
        Class::Retryable | Class::Terminal | Class::Moderation => {
            let retry_after_ms = failure.retry_after_ms;
            Command::Refuse {
                attempt,
                failure: failure_of(failure),
                retry_after_ms,
            }
        }
    }
}

pub(crate) fn failure_of(failure: CallFailure) -> Failure {
    Failure {
        class: class_of(failure.class),
        message: failure.message,
    }
}

/// A submission that nobody received may be made elsewhere. One that may have been received is
/// repeated with its own key, looked up, or given up: never blindly made again (TK7).
fn without_answer(attempt: u32, no_answer: NoAnswer, worker: &Worker) -> Command {
    let message = format!("the provider did not answer: {no_answer}");
    match (no_answer, worker.provider().interface.after_lost_answer()) {
        (NoAnswer::Unreachable(_), _) => Command::Fail {
            attempt,
            failure: Failure::retryable(message),
            retry_after_ms: None,
        },
        (NoAnswer::Lost(_), AfterLostAnswer::Repeat) => Command::Miss {
            attempt,
            failure: Failure::retryable(message),
        },
        (NoAnswer::Lost(_) | NoAnswer::TooLong(_), AfterLostAnswer::LookUp) => Command::Doubt {
            attempt,
            failure: Failure::unknown(message),
        },
        (NoAnswer::Lost(_), AfterLostAnswer::Nothing) => lost(attempt, &message, worker),
        (NoAnswer::Forbidden(_), _) => Command::Fail {
            attempt,
            failure: Failure::terminal(message),
            retry_after_ms: None,
        },
        (NoAnswer::TooLong(_), AfterLostAnswer::Repeat | AfterLostAnswer::Nothing) => {
            fail(attempt, CallFailure::nonsense(message))
        }
    }
}

/// The end of an attempt that may have been paid for, and cannot be looked up.
pub(crate) fn lost(attempt: u32, message: &str, worker: &Worker) -> Command {
    let failure = match worker.repeats_lost() {
        true => Failure::retryable(message),
        false => Failure::unknown(format!(
            "{message}; it may have been done and paid for, so it is not asked again by itself"
        )),
    };
    Command::Fail {
        attempt,
        failure,
        retry_after_ms: None,
    }
}

pub(crate) fn spent(spent: &Spent) -> Option<String> {
    match spent.is_nothing() {
        true => None,
        false => serde_json::to_string(spent).ok(),
    }
}
