//! Calls that take as long as the work: made once, beside everything else, and held meanwhile
//! (TK12).

use std::pin::pin;

use dispatch::{Command, Failure, Phase, State, policy};
use futures::future::{Either, select};
use http::Request;
use providers::{AfterLostAnswer, Order, Wanted};
use store::Database;
use store::tasks::TaskRow;

use crate::order::Worker;
use crate::row::task_of;
use crate::submit::{Asked, Heard, Question, attempt_of};
use crate::{Applied, Bounds, Error, NoAnswer, Pipeline, World};

impl<D: Database, W: World> Pipeline<'_, D, W> {
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
        // They are in the request now, and wait there for long enough.
        asked.prepared.forget_bytes();
        let bounds = work_bounds(&asked.worker, asked.prepared.linked().wanted);
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
        let bounds = work_bounds(&worker, orders[0].wanted);
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
    ) -> Result<Heard, Error> {
        let mut call = pin!(self.world.call(request, bounds));
        loop {
            let heartbeat = pin!(self.world.sleep(policy::HEARTBEAT_MS));
            if let Either::Left((answer, _)) = select(call.as_mut(), heartbeat).await {
                return Ok(answer);
            }
            let mut holds = false;
            for row in rows {
                // A database that is busy just now must not cost the answer.
                holds |= match self.hold(row, policy::WORK_HOLD_MS).await {
                    Ok(holds) => holds,
                    Err(error) => {
                        self.world.report("holding a task", &error);
                        true
                    }
                };
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
        let row = self.say_sent(&asked.row, policy::WORK_HOLD_MS).await?;
        Ok(row.map(|row| Asked { row, ..asked }))
    }

    /// Writes that a submission goes out, which then is this one's to make; `None` when somebody
    /// else has written in between, and may have made it.
    pub(crate) async fn say_sent(
        &self,
        row: &TaskRow,
        hold_ms: i64,
    ) -> Result<Option<TaskRow>, Error> {
        let attempt = attempt_of(row)?;
        let command = Command::Send { attempt, hold_ms };
        Ok(match self.apply(row.clone(), command).await? {
            Applied::Done { row: sent, .. } if sent.version == row.version + 1 => Some(sent),
            Applied::Done { .. } | Applied::Rejected { .. } | Applied::Gone => None,
        })
    }
}

fn work_bounds(worker: &Worker, wanted: Wanted) -> Bounds {
    Bounds {
        bytes: worker.provider().answer_bytes(wanted),
        ms: policy::WORK_CALL_MS,
    }
}
