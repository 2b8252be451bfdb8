//! Making versions: by name, and as time passes.

use loro::Frontiers;
use store::rooms as log;
use store::versions::{self, Kind, Version};
use store::{Database, begin, or_rollback};

use super::past::past;
use super::thin::thin;
use crate::edit::ACTOR;
use crate::load;
use crate::tick::Ticked;
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// While a room is written, it gets an automatic version this often.
pub const INTERVAL_MS: i64 = 10 * 60 * 1000;

/// Rooms of one tick; more are due at the next. A cold one has to be loaded.
const ROOMS: i64 = 16;

/// Named versions of one room. A person does not find one among more.
pub const NAMED: i64 = 1_000;

/// What became of naming a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Made(Version),
    NoProject,
    /// The point is not in the document's history.
    Unknown,
    /// There are as many as there may be; the number.
    TooMany(i64),
}

/// Names the present, or a point of the past. `version.frontiers` and `seq` are filled in.
pub async fn name(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    mut version: Version,
    at: Option<&Frontiers>,
) -> Result<Named, RoomsError> {
    if versions::count_named(database, room).await? >= NAMED {
        return Ok(Named::TooMany(NAMED));
    }
    let epoch;
    if let Some(at) = at {
        let Some(past) = past(database, warm, environment, room).await? else {
            return Ok(Named::NoProject);
        };
        let Some(point) = past.point(at) else {
            return Ok(Named::Unknown);
        };
        (epoch, version.seq) = (past.epoch, past.seq);
        version.frontiers = point.encode();
    } else {
        let Some(head) = log::head(database, room).await? else {
            return Ok(Named::NoProject);
        };
        let open = load::open(database, warm, environment, &head).await?;
        (epoch, version.seq) = (open.room.epoch, open.room.seq);
        version.frontiers = open.room.frontiers().encode();
        open.keep();
    }
    if versions::insert(database, room, epoch, &version).await? {
        return Ok(Named::Made(version));
    }
    // The first try of the same request may have made it.
    match versions::find(database, room, &version.id).await? {
        Some(found) => Ok(Named::Made(found)),
        None => Ok(Named::NoProject),
    }
}

/// Makes the automatic versions that are due.
pub async fn make_due(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    ticked: &mut Ticked,
) -> Result<(), RoomsError> {
    let now_ms = environment.now_ms();
    let due = versions::claim_due(database, now_ms, now_ms + INTERVAL_MS, ROOMS).await?;
    for room in due {
        let made = make(database, warm, environment, &room).await;
        match or_rollback(database, made).await {
            Ok(()) => ticked.versions += 1,
            Err(error) => ticked.failed.push((room, error)),
        }
    }
    Ok(())
}

async fn make(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
) -> Result<(), RoomsError> {
    let Some(head) = log::head(database, room).await? else {
        return Ok(());
    };
    let open = load::open(database, warm, environment, &head).await?;
    let point = Point {
        room,
        epoch: open.room.epoch,
        seq: open.room.seq,
        frontiers: open.room.frontiers(),
    };
    open.keep();
    // The log only grows: what was its head a moment ago is in it for ever.
    let transaction = begin(database).await?;
    keep(&transaction, &point, environment.now_ms()).await?;
    versions::mark(&transaction, room, point.seq).await?;
    transaction.commit().await?;
    Ok(())
}

/// A point of a room's history.
pub struct Point<'a> {
    pub room: &'a str,
    pub epoch: i64,
    pub seq: i64,
    pub frontiers: Frontiers,
}

/// Makes an automatic version and removes those that are too many by now. Returns its id.
pub async fn keep(
    database: &impl Database,
    point: &Point<'_>,
    now_ms: i64,
) -> Result<String, RoomsError> {
    let version = Version {
        id: format!("auto-{now_ms}-{}", point.seq),
        kind: Kind::Auto,
        name: None,
        frontiers: point.frontiers.encode(),
        seq: point.seq,
        created_by: ACTOR.to_owned(),
        created_at_ms: now_ms,
    };
    versions::insert(database, point.room, point.epoch, &version).await?;
    let automatic = versions::automatic(database, point.room).await?;
    let gone = thin(&automatic, now_ms);
    if !gone.is_empty() {
        versions::delete_automatic(database, point.room, &gone).await?;
    }
    Ok(version.id)
}
