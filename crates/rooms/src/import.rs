//! Updates that somebody made elsewhere and brings over HTTP: judged as those of a turn, but all of
//! them or none.

use store::rooms::{self as log, Append, NewEntry};
use store::{Database, Transaction, begin, or_rollback};

use crate::load::{self, Open};
use crate::room::{Fate, is_update};
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// What became of one update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is part of the document.
    Applied,
    /// It is kept, and becomes part of the document when what it builds on arrives.
    Pending,
    /// Everything in it was known.
    Known,
}

/// What became of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    /// There is no such project.
    NoRoom,
    /// Nothing was written, because of the update at this place.
    Refused { at: usize, fate: Fate },
    Done {
        head_seq: i64,
        /// The document's version, encoded.
        version: Vec<u8>,
        /// In the order of the updates.
        updates: Vec<Imported>,
    },
}

/// Imports updates in the name of `actor`.
pub async fn import(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    actor: &str,
    updates: Vec<Vec<u8>>,
) -> Result<Import, RoomsError> {
    let Some(head) = log::head(database, room).await? else {
        return Ok(Import::NoRoom);
    };
    // As far as the checksums tell, without touching the document.
    if let Some(at) = updates.iter().position(|bytes| !is_update(bytes)) {
        let fate = Fate::Invalid;
        return Ok(Import::Refused { at, fate });
    }
    let mut open = load::open(database, warm, environment, &head).await?;
    let mut imported = Vec::with_capacity(updates.len());
    let mut entries = Vec::new();
    for (at, bytes) in updates.iter().enumerate() {
        match open.room.check_update(bytes) {
            Fate::Append => {
                imported.push(Imported::Applied);
                entries.push(NewEntry {
                    bytes: bytes.clone(),
                    actor: actor.to_owned(),
                });
            }
            Fate::NothingNew => imported.push(Imported::Known),
            fate @ (Fate::Invalid | Fate::TooLarge | Fate::TooMuchPending) => {
                // What the earlier ones left in the document goes away with the room.
                if entries.is_empty() {
                    open.keep();
                }
                return Ok(Import::Refused { at, fate });
            }
        }
    }
    for (bytes, imported) in updates.iter().zip(&mut imported) {
        if open.room.is_pending(bytes) {
            *imported = Imported::Pending;
        }
    }
    if !entries.is_empty() {
        let transaction = begin(database).await?;
        let appended = append(transaction, environment, open, room, &entries).await;
        match or_rollback(database, appended).await? {
            Some(appended) => open = appended,
            None => return Ok(Import::NoRoom),
        }
    }
    let done = Import::Done {
        head_seq: open.room.seq,
        version: open.room.version().encode(),
        updates: imported,
    };
    open.keep();
    Ok(done)
}

/// Appends after what others wrote meanwhile, which comes into the document, too. `None` when the
/// project is gone.
async fn append<'w, D: Database>(
    transaction: Transaction<'_, D>,
    environment: &impl Environment,
    mut open: Open<'w>,
    room: &str,
    entries: &[NewEntry],
) -> Result<Option<Open<'w>>, RoomsError> {
    let head = match log::head(&transaction, room).await? {
        Some(head) if head.epoch == open.room.epoch => head,
        Some(_) | None => {
            transaction.rollback().await?;
            return Ok(None);
        }
    };
    open.room = load::catch_up(&transaction, open.room, &head).await?;
    for entry in entries {
        // It may have been loaded anew.
        open.room.check_update(&entry.bytes);
    }
    let append = Append {
        room,
        epoch: head.epoch,
        head_seq: head.head_seq,
        entries,
    };
    let conflicts = log::append(&transaction, &[append], environment.now_ms()).await?;
    if !conflicts.is_empty() {
        return Err(RoomsError::Contended);
    }
    transaction.commit().await?;
    open.room.seq = head.head_seq + entries.len() as i64;
    Ok(Some(open))
}
