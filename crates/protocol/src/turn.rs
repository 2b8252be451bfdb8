//! Room turns: how the edge asks the application to handle what connections sent (SPEC section 4).
//!
//! The types are generic over what holds bytes. The application uses the default, `Vec<u8>`; the
//! edge shares its buffers by [`TurnResponse::decode_with`].

mod codec;

use crate::frame::Permission;
use crate::ids::{BatchId, ConnectionId};

/// The content type of both bodies.
pub const CONTENT_TYPE: &str = "application/x-clash-turn";
/// The version this crate speaks.
pub const VERSION: u8 = 2;

/// What a connection joins in a room: frames of `%LOR` or of `%EPH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The document.
    Document,
    /// Presence: cursors and selections. The edge keeps and relays them itself.
    Presence,
}

/// What happened in some rooms since the last turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnRequest<B = Vec<u8>> {
    pub rooms: Vec<RoomTurn<B>>,
}

/// No inputs: a poll, which only asks for the catch-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomTurn<B = Vec<u8>> {
    pub room: String,
    /// The sequence number of the room's log up to which this edge has delivered everything.
    pub seen: u64,
    pub inputs: Vec<Input<B>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<B = Vec<u8>> {
    Join {
        connection: ConnectionId,
        channel: Channel,
        auth: B,
        version: B,
    },
    Update {
        connection: ConnectionId,
        batch: BatchId,
        session: B,
        updates: Vec<B>,
    },
    Leave {
        connection: ConnectionId,
        session: B,
    },
    /// Does this session still hold? Asked when the room's `access` has moved, and at `until_ms`.
    Check {
        connection: ConnectionId,
        session: B,
    },
}

/// The answer, one [`RoomAnswer`] for each room of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnResponse<B = Vec<u8>> {
    pub rooms: Vec<RoomAnswer<B>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomAnswer<B = Vec<u8>> {
    pub room: String,
    /// The edge's next `seen`.
    pub head: u64,
    /// After how many milliseconds the edge should call `/internal/v1/wake` for this room.
    pub wake_after_ms: Option<u64>,
    /// Moves when somebody's rights may have changed: then the edge checks the room's sessions.
    pub access: u64,
    pub outputs: Vec<Output<B>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<B = Vec<u8>> {
    Joined {
        connection: ConnectionId,
        channel: Channel,
        permission: Permission,
        version: B,
        /// Opaque to the edge, which presents it with every later input of this connection.
        session: B,
        /// When the edge is to check the session, in milliseconds since the Unix epoch.
        until_ms: u64,
        backfill: Vec<B>,
    },
    JoinError {
        connection: ConnectionId,
        channel: Channel,
        /// A [`crate::frame::JoinErrorCode`].
        code: u8,
        message: String,
        /// Only with code 01.
        version: Option<B>,
    },
    Ack {
        connection: ConnectionId,
        batch: BatchId,
        /// A [`crate::frame::AckStatus`].
        status: u8,
    },
    Broadcast {
        except: Option<ConnectionId>,
        updates: Vec<B>,
    },
    RoomError {
        connection: ConnectionId,
        /// A [`crate::frame::RoomErrorCode`].
        code: u8,
        message: String,
    },
    /// The session in the place of the one that was presented.
    Session {
        connection: ConnectionId,
        permission: Permission,
        session: B,
        until_ms: u64,
    },
    /// Close the WebSocket with this code.
    Close {
        connection: ConnectionId,
        code: u16,
        reason: String,
    },
}

impl<B> Input<B> {
    pub fn connection(&self) -> ConnectionId {
        match self {
            Self::Join { connection, .. }
            | Self::Update { connection, .. }
            | Self::Leave { connection, .. }
            | Self::Check { connection, .. } => *connection,
        }
    }
}
