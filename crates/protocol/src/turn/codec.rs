//! Turns as bytes.

use super::{Channel, Input, Output, RoomAnswer, RoomTurn, TurnRequest, TurnResponse, VERSION};
use crate::frame::Permission;
use crate::ids::{BatchId, ConnectionId};
use crate::limits;
use crate::wire::{DecodeError, Reader, put_bytes, put_uint};

impl TurnRequest {
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(body, <[u8]>::to_vec)
    }
}

impl<B> TurnRequest<B> {
    /// Decodes, making every `bytes` by `own` from its slice of `body`.
    pub fn decode_with(body: &[u8], mut own: impl FnMut(&[u8]) -> B) -> Result<Self, DecodeError> {
        let mut reader = open(body)?;
        let rooms = list(&mut reader, 3, |reader| {
            Ok(RoomTurn {
                room: reader.room()?.to_owned(),
                seen: reader.uint()?,
                inputs: list(reader, 3, |reader| Input::read(reader, &mut own))?,
            })
        })?;
        reader.end()?;
        Ok(Self { rooms })
    }
}

impl<B: AsRef<[u8]>> TurnRequest<B> {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_list(&mut out, &self.rooms, |out, room| {
            put_bytes(out, room.room.as_bytes());
            put_uint(out, room.seen);
            put_list(out, &room.inputs, |out, input| input.write(out));
        });
        out
    }
}

impl TurnResponse {
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(body, <[u8]>::to_vec)
    }
}

impl<B> TurnResponse<B> {
    /// Decodes, making every `bytes` by `own` from its slice of `body`.
    pub fn decode_with(body: &[u8], mut own: impl FnMut(&[u8]) -> B) -> Result<Self, DecodeError> {
        let mut reader = open(body)?;
        let rooms = list(&mut reader, 5, |reader| {
            Ok(RoomAnswer {
                room: reader.room()?.to_owned(),
                head: reader.uint()?,
                wake_after_ms: option(reader, Reader::uint)?,
                access: reader.uint()?,
                outputs: list(reader, 3, |reader| Output::read(reader, &mut own))?,
            })
        })?;
        reader.end()?;
        Ok(Self { rooms })
    }
}

impl<B: AsRef<[u8]>> TurnResponse<B> {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_list(&mut out, &self.rooms, |out, room| {
            put_bytes(out, room.room.as_bytes());
            put_uint(out, room.head);
            put_option(out, room.wake_after_ms, put_uint);
            put_uint(out, room.access);
            put_list(out, &room.outputs, |out, output| output.write(out));
        });
        out
    }
}

impl<B> Input<B> {
    fn read(
        reader: &mut Reader<'_>,
        own: &mut impl FnMut(&[u8]) -> B,
    ) -> Result<Self, DecodeError> {
        let tag = reader.byte()?;
        let connection = ConnectionId(reader.uint()?);
        Ok(match tag {
            0 => Self::Join {
                connection,
                channel: channel(reader)?,
                auth: own(reader.bytes()?),
                version: own(reader.bytes()?),
            },
            1 => Self::Update {
                connection,
                batch: BatchId(reader.array()?),
                session: own(reader.bytes()?),
                updates: byte_list(reader, own)?,
            },
            2 => Self::Leave {
                connection,
                session: own(reader.bytes()?),
            },
            3 => Self::Check {
                connection,
                session: own(reader.bytes()?),
            },
            value => {
                return Err(DecodeError::UnknownTag {
                    what: "input",
                    value,
                });
            }
        })
    }
}

impl<B: AsRef<[u8]>> Input<B> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Join {
                connection,
                channel,
                auth,
                version,
            } => {
                out.push(0);
                put_uint(out, connection.0);
                put_channel(out, *channel);
                put_bytes(out, auth.as_ref());
                put_bytes(out, version.as_ref());
            }
            Self::Update {
                connection,
                batch,
                session,
                updates,
            } => {
                out.push(1);
                put_uint(out, connection.0);
                out.extend_from_slice(&batch.0);
                put_bytes(out, session.as_ref());
                put_list(out, updates, |out, update| put_bytes(out, update.as_ref()));
            }
            Self::Leave {
                connection,
                session,
            } => {
                out.push(2);
                put_uint(out, connection.0);
                put_bytes(out, session.as_ref());
            }
            Self::Check {
                connection,
                session,
            } => {
                out.push(3);
                put_uint(out, connection.0);
                put_bytes(out, session.as_ref());
            }
        }
    }
}

impl<B> Output<B> {
    fn read(
        reader: &mut Reader<'_>,
        own: &mut impl FnMut(&[u8]) -> B,
    ) -> Result<Self, DecodeError> {
        let tag = reader.byte()?;
        Ok(match tag {
            0 => Self::Joined {
                connection: ConnectionId(reader.uint()?),
                channel: channel(reader)?,
                permission: permission(reader)?,
                version: own(reader.bytes()?),
                session: own(reader.bytes()?),
                until_ms: reader.uint()?,
                backfill: byte_list(reader, own)?,
            },
            1 => Self::JoinError {
                connection: ConnectionId(reader.uint()?),
                channel: channel(reader)?,
                code: reader.byte()?,
                message: reader.string()?.to_owned(),
                version: option(reader, |reader| Ok(own(reader.bytes()?)))?,
            },
            2 => Self::Ack {
                connection: ConnectionId(reader.uint()?),
                batch: BatchId(reader.array()?),
                status: reader.byte()?,
            },
            3 => Self::Broadcast {
                except: option(reader, |reader| Ok(ConnectionId(reader.uint()?)))?,
                updates: byte_list(reader, own)?,
            },
            4 => Self::RoomError {
                connection: ConnectionId(reader.uint()?),
                code: reader.byte()?,
                message: reader.string()?.to_owned(),
            },
            5 => Self::Close {
                connection: ConnectionId(reader.uint()?),
                code: u16::try_from(reader.uint()?).map_err(|_| DecodeError::IntegerTooLong)?,
                reason: reader.string()?.to_owned(),
            },
            6 => Self::Session {
                connection: ConnectionId(reader.uint()?),
                permission: permission(reader)?,
                session: own(reader.bytes()?),
                until_ms: reader.uint()?,
            },
            value => {
                return Err(DecodeError::UnknownTag {
                    what: "output",
                    value,
                });
            }
        })
    }
}

impl<B: AsRef<[u8]>> Output<B> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Joined {
                connection,
                channel,
                permission,
                version,
                session,
                until_ms,
                backfill,
            } => {
                out.push(0);
                put_uint(out, connection.0);
                put_channel(out, *channel);
                put_permission(out, *permission);
                put_bytes(out, version.as_ref());
                put_bytes(out, session.as_ref());
                put_uint(out, *until_ms);
                put_list(out, backfill, |out, update| put_bytes(out, update.as_ref()));
            }
            Self::JoinError {
                connection,
                channel,
                code,
                message,
                version,
            } => {
                out.push(1);
                put_uint(out, connection.0);
                put_channel(out, *channel);
                out.push(*code);
                put_bytes(out, message.as_bytes());
                put_option(out, version.as_ref(), |out, version| {
                    put_bytes(out, version.as_ref())
                });
            }
            Self::Ack {
                connection,
                batch,
                status,
            } => {
                out.push(2);
                put_uint(out, connection.0);
                out.extend_from_slice(&batch.0);
                out.push(*status);
            }
            Self::Broadcast { except, updates } => {
                out.push(3);
                put_option(out, *except, |out, connection| put_uint(out, connection.0));
                put_list(out, updates, |out, update| put_bytes(out, update.as_ref()));
            }
            Self::RoomError {
                connection,
                code,
                message,
            } => {
                out.push(4);
                put_uint(out, connection.0);
                out.push(*code);
                put_bytes(out, message.as_bytes());
            }
            Self::Close {
                connection,
                code,
                reason,
            } => {
                out.push(5);
                put_uint(out, connection.0);
                put_uint(out, u64::from(*code));
                put_bytes(out, reason.as_bytes());
            }
            Self::Session {
                connection,
                permission,
                session,
                until_ms,
            } => {
                out.push(6);
                put_uint(out, connection.0);
                put_permission(out, *permission);
                put_bytes(out, session.as_ref());
                put_uint(out, *until_ms);
            }
        }
    }
}

fn channel(reader: &mut Reader<'_>) -> Result<Channel, DecodeError> {
    match reader.byte()? {
        0 => Ok(Channel::Document),
        1 => Ok(Channel::Presence),
        value => Err(DecodeError::UnknownTag {
            what: "channel",
            value,
        }),
    }
}

fn put_channel(out: &mut Vec<u8>, channel: Channel) {
    out.push(match channel {
        Channel::Document => 0,
        Channel::Presence => 1,
    });
}

fn permission(reader: &mut Reader<'_>) -> Result<Permission, DecodeError> {
    match reader.byte()? {
        0 => Ok(Permission::Read),
        1 => Ok(Permission::Write),
        value => Err(DecodeError::UnknownTag {
            what: "permission",
            value,
        }),
    }
}

fn put_permission(out: &mut Vec<u8>, permission: Permission) {
    out.push(match permission {
        Permission::Read => 0,
        Permission::Write => 1,
    });
}

fn open(body: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(body);
    match reader.byte()? {
        VERSION => Ok(reader),
        value => Err(DecodeError::UnknownTag {
            what: "turn version",
            value,
        }),
    }
}

/// A list grows as its items are read: the count is checked, and a value in memory may be larger
/// than its bytes, so the count is not reserved at once either.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    item_bytes: usize,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = reader.count(item_bytes)?;
    let mut items = Vec::with_capacity(count.min(limits::TURN_INPUTS));
    for _ in 0..count {
        items.push(item(reader)?);
    }
    Ok(items)
}

fn byte_list<B>(
    reader: &mut Reader<'_>,
    own: &mut impl FnMut(&[u8]) -> B,
) -> Result<Vec<B>, DecodeError> {
    list(reader, 1, |reader| Ok(own(reader.bytes()?)))
}

fn option<'a, T>(
    reader: &mut Reader<'a>,
    value: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => value(reader).map(Some),
        value => Err(DecodeError::UnknownTag {
            what: "option",
            value,
        }),
    }
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_uint(out, items.len() as u64);
    for item in items {
        put(out, item);
    }
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put(out, value);
        }
    }
}
