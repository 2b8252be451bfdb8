//! Edits by the server: they happen inside a write transaction that has checked the head first.

use canvas::Effect;
use serde_json::Value;
use store::rooms::{self as log, Append, Head, NewEntry};
use store::{Database, Transaction, begin, or_rollback};

use crate::load::{self, Open};
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// Who the log names for edits by the server.
pub const ACTOR: &str = "server";

/// How often a room is looked for that is deleted and made again meanwhile.
const ATTEMPTS: usize = 8;

/// What became of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// False when the effect found nothing to change.
    pub changed: bool,
    /// The head of the room's log now; 0 when the project is gone.
    pub head_seq: i64,
}

/// A room, and a write transaction that has seen its head: nobody can move it until the commit.
pub struct Locked<'w, 'd, D: Database> {
    pub open: Open<'w>,
    pub transaction: Transaction<'d, D>,
    pub head: Head,
}

/// Opens a room at its head and starts a transaction; `None` when there is no such project. Whoever
/// calls it passes the outcome of what follows to [`or_rollback`].
pub async fn lock<'w, 'd, D: Database>(
    database: &'d D,
    warm: &'w Warm,
    environment: &impl Environment,
    name: &str,
) -> Result<Option<Locked<'w, 'd, D>>, RoomsError> {
    for _ in 0..ATTEMPTS {
        let Some(head) = log::head(database, name).await? else {
            return Ok(None);
        };
        let mut open = load::open(database, warm, environment, &head).await?;
        // What takes long of a large room is done before everybody else must wait.
        open.room.at_latest(|_| ())?;
        let transaction = begin(database).await?;
        match log::head(&transaction, name).await? {
            Some(now) if now.epoch == open.room.epoch => {
                // Under load somebody always was in between, but never by much.
                open.room = load::catch_up(&transaction, open.room, &now).await?;
                if open.room.seq != now.head_seq {
                    return Err(RoomsError::Gap(now.room));
                }
                return Ok(Some(Locked {
                    open,
                    transaction,
                    head: now,
                }));
            }
            Some(_) | None => {
                transaction.rollback().await?;
                open.keep();
            }
        }
    }
    Err(RoomsError::Contended)
}

impl<D: Database> Locked<'_, '_, D> {
    /// Appends an update of the server that the room already holds.
    pub async fn append(&mut self, bytes: Vec<u8>, now_ms: i64) -> Result<(), RoomsError> {
        self.append_as(bytes, ACTOR, now_ms).await
    }

    /// The same of somebody else.
    pub async fn append_as(
        &mut self,
        bytes: Vec<u8>,
        actor: &str,
        now_ms: i64,
    ) -> Result<(), RoomsError> {
        let actor = actor.to_owned();
        let entry = NewEntry { bytes, actor };
        let append = Append {
            room: &self.head.room,
            epoch: self.head.epoch,
            head_seq: self.head.head_seq,
            entries: &[entry],
        };
        if !log::append(&self.transaction, &[append], now_ms)
            .await?
            .is_empty()
        {
            return Err(RoomsError::Contended);
        }
        self.head.head_seq += 1;
        Ok(())
    }

    /// Commits, puts the room back and returns the head.
    pub async fn commit(self) -> Result<i64, RoomsError> {
        let Self {
            mut open,
            transaction,
            head,
        } = self;
        transaction.commit().await?;
        open.room.seq = head.head_seq;
        open.keep();
        Ok(head.head_seq)
    }

    /// Ends without a change.
    pub async fn leave(self) -> Result<i64, RoomsError> {
        let Self {
            open,
            transaction,
            head,
        } = self;
        transaction.rollback().await?;
        open.keep();
        Ok(head.head_seq)
    }
}

/// Writes the effect of a task into the document of its room. Idempotent.
pub async fn apply_effect(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    effect: &Effect,
) -> Result<Applied, RoomsError> {
    let applied = write_effect(database, warm, environment, room, effect).await;
    or_rollback(database, applied).await
}

async fn write_effect(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    effect: &Effect,
) -> Result<Applied, RoomsError> {
    let Some(mut locked) = lock(database, warm, environment, room).await? else {
        return Ok(Applied {
            changed: false,
            head_seq: 0,
        });
    };
    // The end of a task that has begun again meanwhile says nothing any more.
    if let Effect::UpdateNode(end) = effect
        && let Some(version) = end.version
        && store::retries::is_past(&locked.transaction, &end.task_id, version).await?
    {
        let head_seq = locked.leave().await?;
        return Ok(Applied {
            changed: false,
            head_seq,
        });
    }
    let update = locked.open.room.edit(|document| effect.write(document))?;
    let Some(update) = update else {
        let head_seq = locked.leave().await?;
        return Ok(Applied {
            changed: false,
            head_seq,
        });
    };
    locked.append(update, environment.now_ms()).await?;
    Ok(Applied {
        changed: true,
        head_seq: locked.commit().await?,
    })
}

/// The document of a room as JSON; `None` when there is no such project.
pub async fn document_json(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
) -> Result<Option<Value>, RoomsError> {
    let Some(head) = log::head(database, room).await? else {
        return Ok(None);
    };
    let mut open = load::open(database, warm, environment, &head).await?;
    let json = open.room.at_latest(canvas::json::to_json)?;
    open.keep();
    Ok(Some(json))
}
