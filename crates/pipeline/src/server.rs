//! What calls say of the servers that they were made to (RG4, TK10).

use dispatch::ErrorClass;
use fleet::{CallOutcome, Standing, after_call};
use providers::{CallFailure, Class};
use store::Database;
use store::servers::ServerRow;

use crate::order::Worker;
use crate::{Error, NoAnswer, Pipeline, World};

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// A server that did not answer is checked now instead of later, and until it answers again
    /// other servers are preferred to it. Accounts are not checked: what they lose by calls they
    /// would never regain.
    pub(crate) async fn suspect(&self, worker: &Worker, error: &NoAnswer) -> Result<(), Error> {
        if let Some(server) = &worker.server
            && !worker.provider().interface.is_account()
        {
            let (now_ms, error) = (self.world.now_ms(), error.to_string());
            store::servers::suspect(self.database, &server.id, &error, now_ms).await?;
        }
        Ok(())
    }

    /// Writes what a call says of its server, when it says something new.
    pub(crate) async fn called(&self, worker: &Worker, outcome: CallOutcome) -> Result<(), Error> {
        let Some(server) = &worker.server else {
            return Ok(());
        };
        let before = standing(server);
        let after = after_call(before, outcome, self.world.now_ms(), self.world.jitter());
        if after == before {
            return Ok(());
        }
        let has_moved = after.cooldown_until_ms != before.cooldown_until_ms;
        let reason = outcome.cooldown().filter(|_| has_moved);
        let standing = store::servers::Standing {
            errors: after.errors,
            ejections: after.ejections,
            cooldown_until_ms: after.cooldown_until_ms,
            cooldown_reason: reason.map(|reason| reason.as_str().to_owned()),
        };
        Ok(store::servers::record_call(self.database, server, &standing).await?)
    }

    /// The same of a call that was answered: what is said of the server must not cost the answer.
    pub(crate) async fn heard(&self, worker: &Worker, outcome: CallOutcome) {
        if let Err(error) = self.called(worker, outcome).await {
            self.world.report("what a call says of its server", &error);
        }
    }
}

fn standing(server: &ServerRow) -> Standing {
    Standing {
        errors: server.errors,
        ejections: server.ejections,
        cooldown_until_ms: server.cooldown_until_ms,
    }
}

/// What an answer with a failure says of whoever gave it. Moderation and refusals of the job are
/// about the job alone.
pub(crate) fn outcome_of(failure: &CallFailure) -> CallOutcome {
    match failure.class {
        Class::OutOfCredit => CallOutcome::OutOfCredit,
        Class::Unauthorized => CallOutcome::Unauthorized,
        Class::RateLimited | Class::Busy => CallOutcome::TooFast {
            retry_after_ms: failure.retry_after_ms,
        },
        Class::Retryable => CallOutcome::Failed,
        Class::Terminal | Class::Moderation => CallOutcome::Answered,
    }
}

pub(crate) fn class_of(class: Class) -> ErrorClass {
    match class {
        Class::Retryable | Class::RateLimited | Class::Busy => ErrorClass::Retryable,
        Class::Terminal | Class::Unauthorized => ErrorClass::Terminal,
        Class::Moderation => ErrorClass::Moderation,
        Class::OutOfCredit => ErrorClass::OutOfCredit,
    }
}
