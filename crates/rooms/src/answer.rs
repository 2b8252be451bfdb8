//! Outputs of a turn, within the size that an answer may have.

use loro::VersionVector;
use protocol::frame::{AckStatus, JoinErrorCode, Permission, RoomErrorCode};
use protocol::turn::{Channel, Output};
use protocol::{BatchId, ConnectionId, limits};

use crate::access::Session;
use crate::room::{Fate, Room};
use crate::{Backfill, RoomsError};

/// Kept free for the frames around the payloads: ids, sessions, messages.
const OVERHEAD_BYTES: usize = 512 * 1024;

/// The code "try again later": the client comes back, and a later turn has room for it.
const TRY_AGAIN: u16 = 1013;

/// What an answer may still hold.
#[derive(Debug)]
pub struct Budget {
    left: usize,
    has_large: bool,
}

impl Budget {
    pub fn new() -> Self {
        Self {
            left: limits::TURN_BYTES - OVERHEAD_BYTES,
            has_large: false,
        }
    }
    /// Reserves what must go out.
    pub fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
    /// Reserves if it fits.
    pub fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left;
        if fits {
            self.left -= bytes;
        }
        fits
    }
    /// Reserves for something as large as a room: one that is larger than an answer has a place of
    /// its own.
    pub fn take_room(&mut self, bytes: usize) -> bool {
        if bytes <= limits::TURN_BYTES - OVERHEAD_BYTES {
            return self.take(bytes);
        }
        bytes <= limits::TURN_JOIN_BYTES && !std::mem::replace(&mut self.has_large, true)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

/// A joined connection and what it lacks. A backfill that does not fit beside the others sends the
/// connection away for a moment; one that never fits is an error the client can show.
pub fn joined(
    room: &mut Room,
    connection: ConnectionId,
    session: &Session,
    version: &VersionVector,
    now_ms: i64,
    budget: &mut Budget,
) -> Result<Output, RoomsError> {
    let Backfill { version, updates } = room.answer_join(version)?;
    let bytes = version.len() + updates.iter().map(Vec::len).sum::<usize>();
    if bytes > limits::TURN_JOIN_BYTES {
        let message = "the room is too large to be sent whole".to_owned();
        let code = JoinErrorCode::Application;
        return Ok(join_error(connection, Channel::Document, code, message));
    }
    if budget.take_room(bytes) {
        return Ok(Output::Joined {
            connection,
            channel: Channel::Document,
            permission: session.grant.permission,
            version,
            session: session.encode(),
            until_ms: session.until_ms(now_ms),
            backfill: updates,
        });
    }
    let reason = "too many joins at once".to_owned();
    Ok(Output::Close {
        connection,
        code: TRY_AGAIN,
        reason,
    })
}

/// A connection that joined the presence of a room. Who may see may be seen: whoever reads may
/// also show a cursor.
pub fn entered(connection: ConnectionId, session: &Session, now_ms: i64) -> Output {
    Output::Joined {
        connection,
        channel: Channel::Presence,
        permission: Permission::Write,
        version: Vec::new(),
        session: session.encode(),
        until_ms: session.until_ms(now_ms),
        backfill: Vec::new(),
    }
}

pub fn join_error(
    connection: ConnectionId,
    channel: Channel,
    code: JoinErrorCode,
    message: String,
) -> Output {
    Output::JoinError {
        connection,
        channel,
        code: code.as_u8(),
        message,
        version: None,
    }
}

/// The answer to every join that is not allowed: it does not tell whether the room exists.
pub fn not_found(connection: ConnectionId, channel: Channel) -> Output {
    join_error(
        connection,
        channel,
        JoinErrorCode::AuthFailed,
        "not found".to_owned(),
    )
}

/// Ends the membership of a connection, and says why.
pub fn evicted(connection: ConnectionId, why: &str) -> Output {
    Output::RoomError {
        connection,
        code: RoomErrorCode::Evicted.as_u8(),
        message: why.to_owned(),
    }
}

/// Asks a client to join again, which tells it its permission and takes a fresh token.
pub fn rejoin(connection: ConnectionId, why: &str) -> Output {
    Output::RoomError {
        connection,
        code: RoomErrorCode::Rejoin.as_u8(),
        message: why.to_owned(),
    }
}

/// The session that the edge keeps from now on.
pub fn session(connection: ConnectionId, session: &Session, now_ms: i64) -> Output {
    Output::Session {
        connection,
        permission: session.grant.permission,
        session: session.encode(),
        until_ms: session.until_ms(now_ms),
    }
}

pub fn ack(connection: ConnectionId, batch: BatchId, status: AckStatus) -> Output {
    Output::Ack {
        connection,
        batch,
        status: status.as_u8(),
    }
}

/// How a refused update is acked; `None` for those that are not refused.
pub fn refusal(fate: Fate) -> Option<AckStatus> {
    match fate {
        Fate::Append | Fate::NothingNew => None,
        Fate::Invalid => Some(AckStatus::InvalidUpdate),
        Fate::TooLarge => Some(AckStatus::TooLarge),
        Fate::TooMuchPending => Some(AckStatus::RateLimited),
    }
}
