//! Edits that are made here for somebody who does not hold the document: one commit, one entry of
//! the log, all of it or nothing (SPEC section 5).

use loro::{LoroDoc, LoroError};
use store::rooms as log;
use store::{Database, or_rollback};

use crate::author::Author;
use crate::edit::lock;
use crate::warm::Warm;
use crate::{Environment, RoomsError, load};

/// What became of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T, R> {
    /// There is no such project.
    NoRoom,
    /// The document as it is does not allow it.
    Refused(R),
    Done(Operated<T>),
}

/// An edit that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operated<T> {
    /// False when the document was so already.
    pub changed: bool,
    pub head_seq: i64,
    /// An encoded version vector that holds the edit.
    pub version: Vec<u8>,
    /// What `write` gave.
    pub value: T,
}

/// Edits the document of a room. `check` sees the document before the edit, twice when others edit
/// it meanwhile; `write` comes after it, and nobody else between the two.
pub async fn operate<T, R>(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    author: &Author,
    check: impl Fn(&LoroDoc) -> Result<(), R>,
    write: impl FnOnce(&LoroDoc) -> Result<T, LoroError>,
) -> Result<Outcome<T, R>, RoomsError> {
    let Some(head) = log::head(database, room).await? else {
        return Ok(Outcome::NoRoom);
    };
    // Most refusals, and the costly part of a checkout, need no write lock.
    let mut open = load::open(database, warm, environment, &head).await?;
    let checked = open.room.at_latest(&check)?;
    let seen_seq = open.room.seq;
    open.keep();
    if let Err(refused) = checked {
        return Ok(Outcome::Refused(refused));
    }
    let written = locked(
        database,
        warm,
        environment,
        room,
        author,
        seen_seq,
        check,
        write,
    );
    or_rollback(database, written.await).await
}

#[allow(
    clippy::too_many_arguments,
    reason = "the second half of `operate`, apart for its rollback"
)]
async fn locked<T, R>(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    author: &Author,
    seen_seq: i64,
    check: impl Fn(&LoroDoc) -> Result<(), R>,
    write: impl FnOnce(&LoroDoc) -> Result<T, LoroError>,
) -> Result<Outcome<T, R>, RoomsError> {
    let Some(mut locked) = lock(database, warm, environment, room).await? else {
        return Ok(Outcome::NoRoom);
    };
    if locked.head.head_seq != seen_seq
        && let Err(refused) = locked.open.room.at_latest(check)?
    {
        locked.leave().await?;
        return Ok(Outcome::Refused(refused));
    }
    let mut value = None;
    let update = locked.open.room.edit_by(author, |document| {
        value = Some(write(document)?);
        Ok::<_, LoroError>(())
    })?;
    let Some(value) = value else {
        // An edit that succeeds has run `write`.
        return Err(RoomsError::Contended);
    };
    let version = locked.open.room.version().encode();
    let changed = update.is_some();
    let head_seq = match update {
        Some(update) => {
            let now_ms = environment.now_ms();
            locked.append_as(update, author.actor(), now_ms).await?;
            locked.commit().await?
        }
        None => locked.leave().await?,
    };
    Ok(Outcome::Done(Operated {
        changed,
        head_seq,
        version,
        value,
    }))
}
