//! Reading a room's document.

use store::Database;
use store::rooms as log;

use crate::room::Room;
use crate::warm::Warm;
use crate::{Environment, RoomsError, load};

/// What was read, and of which state of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<T> {
    /// The project's creation time.
    pub epoch: i64,
    /// The log was read up to here.
    pub seq: i64,
    /// An encoded version vector.
    pub version: Vec<u8>,
    pub value: T,
}

/// Reads from a room at its head or later; `None` when there is no such project.
pub async fn read<T>(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    read: impl FnOnce(&mut Room) -> Result<T, RoomsError>,
) -> Result<Option<Shown<T>>, RoomsError> {
    let Some(head) = log::head(database, room).await? else {
        return Ok(None);
    };
    let mut open = load::open(database, warm, environment, &head).await?;
    let value = read(&mut open.room)?;
    let shown = Shown {
        epoch: open.room.epoch,
        seq: open.room.seq,
        version: open.room.version().encode(),
        value,
    };
    open.keep();
    Ok(Some(shown))
}
