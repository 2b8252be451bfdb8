//! What providers say of a task, by poll or callback: both end here, once (TK5).

use dispatch::{Command, Failure, Rejection};
use providers::Report;
use store::Database;
use store::tasks::TaskRow;

use crate::submit::{attempt_of, fail};
use crate::{Applied, Error, Pipeline, World};

/// What a report led to.
#[derive(Debug)]
pub enum Reported {
    /// The result is written; [`Pipeline::settle`] must follow.
    Settle(Box<TaskRow>),
    /// Written. A free slot is worth a [`Pipeline::dispatch`].
    Done { slot_freed: bool },
    /// Known already: the same again changes nothing.
    Repeated,
    /// It contradicts what is known.
    Refused(Rejection),
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Takes a report of `attempt`; a callback may not know which one it speaks of.
    pub async fn take_report(
        &self,
        row: TaskRow,
        attempt: Option<u32>,
        report: Report,
    ) -> Result<Reported, Error> {
        let current = attempt_of(&row)?;
        let spoken_of = attempt.unwrap_or(current);
        let command = match report {
            Report::Working { progress } => Command::Progress {
                attempt: spoken_of,
                progress,
            },
            Report::Finished(product) => {
                let result = serde_json::to_string(&product)
                    .map_err(|error| store::StoreError::Shape(format!("result: {error}")))?;
                Command::Result { attempt, result }
            }
            Report::Failed(failure) => fail(spoken_of, failure),
            Report::Cancelled => {
                let failure = Failure::retryable("the provider cancelled the task");
                Command::Fail {
                    attempt: spoken_of,
                    failure,
                    retry_after_ms: None,
                }
            }
        };
        let brings_result = matches!(command, Command::Result { .. });
        let fails = matches!(command, Command::Fail { .. });
        Ok(match self.apply(row, command).await? {
            Applied::Done { row, .. } if brings_result => Reported::Settle(Box::new(row)),
            Applied::Done { slot_freed, .. } => Reported::Done { slot_freed },
            Applied::Gone
            | Applied::Rejected {
                rejection: Rejection::SameResult,
                ..
            } => Reported::Repeated,
            Applied::Rejected { row, .. } if fails && row.state == "FAILED" => Reported::Repeated,
            Applied::Rejected { rejection, .. } => Reported::Refused(rejection),
        })
    }
}
