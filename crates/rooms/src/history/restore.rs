//! Going back to a version: an ordinary edit by whoever asks for it, so that it reaches every
//! client, merges with what others do meanwhile, and can itself be undone.

use canvas::restore::Counts;
use loro::Frontiers;
use store::versions;
use store::{Database, or_rollback};

use super::past::past;
use super::versions::{Point, keep};
use crate::author::Author;
use crate::edit::lock;
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// What became of going back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Nodes and edges that were changed; none when nothing differed.
    pub counts: Counts,
    /// The automatic version of right before, when something was changed.
    pub before: Option<String>,
    pub head_seq: i64,
}

/// Makes the nodes and edges of a room what they were at a point. `None` when there is no such
/// project or the point is not in its history.
pub async fn restore(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    to: &Frontiers,
    actor: &str,
) -> Result<Option<Restored>, RoomsError> {
    let restored = write(database, warm, environment, room, to, actor).await;
    or_rollback(database, restored).await
}

async fn write(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    to: &Frontiers,
    actor: &str,
) -> Result<Option<Restored>, RoomsError> {
    // Travelling to the past is the long part, and needs no lock.
    let Some(past) = past(database, warm, environment, room).await? else {
        return Ok(None);
    };
    let Some(then) = past.at(to)? else {
        return Ok(None);
    };
    let Some(mut locked) = lock(database, warm, environment, room).await? else {
        return Ok(None);
    };
    if locked.head.epoch != past.epoch {
        locked.leave().await?;
        return Ok(None);
    }
    let frontiers = locked.open.room.frontiers();
    let mut counts = Counts::default();
    let author = Author::Caller {
        sub: actor.to_owned(),
        message: None,
    };
    let update = locked.open.room.edit_by(&author, |now| {
        counts = canvas::restore::restore(now, then)?;
        Ok::<(), loro::LoroError>(())
    })?;
    let Some(update) = update else {
        let head_seq = locked.leave().await?;
        return Ok(Some(Restored {
            head_seq,
            ..Restored::default()
        }));
    };
    let now_ms = environment.now_ms();
    let point = Point {
        room,
        epoch: locked.head.epoch,
        seq: locked.head.head_seq,
        frontiers,
    };
    let before = keep(&locked.transaction, &point, now_ms).await?;
    versions::mark(&locked.transaction, room, point.seq).await?;
    locked.append_as(update, actor, now_ms).await?;
    Ok(Some(Restored {
        counts,
        before: Some(before),
        head_seq: locked.commit().await?,
    }))
}
