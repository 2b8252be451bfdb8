//! What providers say of a task, by poll, callback or answer: all end here, once (TK5).

use dispatch::{Command, Failure, Rejection};
use providers::{Product, Report, Wanted};
use store::tasks::TaskRow;
use store::{Database, StoreError};

use crate::answer::fail;
use crate::apply::Extra;
use crate::follow::wanted;
use crate::submit::attempt_of;
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
        self.take_told(row, attempt, report, None).await
    }

    /// The same, with what the provider says that it took.
    pub(crate) async fn take_told(
        &self,
        row: TaskRow,
        attempt: Option<u32>,
        report: Report,
        usage: Option<String>,
    ) -> Result<Reported, Error> {
        let current = attempt_of(&row)?;
        let spoken_of = attempt.unwrap_or(current);
        let command = match report {
            Report::Working { progress } => Command::Progress {
                attempt: spoken_of,
                progress,
            },
            Report::Finished(product) if is_inside(&product) => {
                return self.take_inside(row, spoken_of, product, usage).await;
            }
            // A text is all there is to store.
            Report::Finished(product) if wanted(&row)? == Wanted::Text => Command::Complete {
                attempt: spoken_of,
                result: text_of(&product)?,
                asset_id: None,
            },
            Report::Finished(product) => Command::Result {
                attempt,
                result: text_of(&product)?,
            },
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
        let extra = Extra {
            usage,
            ..Extra::default()
        };
        Ok(match self.apply_with(row, command, extra).await? {
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

    /// A result whose bytes are in the report itself: stored, shown and finished in one
    /// transaction, since it is nowhere else.
    async fn take_inside(
        &self,
        row: TaskRow,
        attempt: u32,
        product: Product,
        usage: Option<String>,
    ) -> Result<Reported, Error> {
        let Some(kept) = self.keep(&row, &product).await? else {
            return Ok(Reported::Repeated);
        };
        let (command, media) = match kept {
            Ok(media) => {
                let result = text_of(&Product {
                    url: None,
                    ..product
                })?;
                let complete = Command::Complete {
                    attempt,
                    result,
                    asset_id: Some(media.asset.id.clone()),
                };
                (complete, Some(media))
            }
            Err(failure) => {
                let fail = Command::Fail {
                    attempt,
                    failure,
                    retry_after_ms: None,
                };
                (fail, None)
            }
        };
        let temporary = media.as_ref().and_then(|media| media.temporary_name());
        let extra = Extra {
            media: media.as_ref(),
            usage,
        };
        let applied = self.apply_with(row, command, extra).await?;
        if let Some(temporary) = temporary
            && !matches!(applied, Applied::Done { .. })
        {
            store::assets::delete_chunks(self.database, &temporary).await?;
        }
        Ok(match applied {
            Applied::Done { slot_freed, .. } => Reported::Done { slot_freed },
            Applied::Gone => Reported::Repeated,
            Applied::Rejected { row, .. } if row.asset_id.is_some() => Reported::Repeated,
            Applied::Rejected { rejection, .. } => Reported::Refused(rejection),
        })
    }
}

fn is_inside(product: &Product) -> bool {
    let url = product.url.as_deref();
    url.is_some_and(|url| url.starts_with("data:"))
}

fn text_of(product: &Product) -> Result<String, StoreError> {
    serde_json::to_string(product).map_err(|error| StoreError::Shape(format!("result: {error}")))
}
