//! Frames of the Loro protocol, version 1: `magic[4] · varString room · u8 type · payload`.
//!
//! The format is that of the npm package and the crate `loro-protocol` 0.3; the difference is that
//! this decoder checks every count before it reserves anything. A decoded frame borrows from its
//! bytes, so reading one copies nothing.

pub use crate::code::{AckStatus, Crdt, JoinErrorCode, Permission, RoomErrorCode};
use crate::ids::BatchId;
use crate::limits;
use crate::wire::{DecodeError, EncodeError, Reader, put_bytes, put_uint, uint_len};

/// One message to or from one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    pub crdt: Crdt,
    /// At most 128 bytes.
    pub room: &'a str,
    pub message: Message<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    JoinRequest {
        /// The application's token.
        auth: &'a [u8],
        /// Encoded version vector of what the client has.
        version: &'a [u8],
    },
    JoinOk {
        permission: Permission,
        version: &'a [u8],
        extra: &'a [u8],
    },
    JoinError {
        code: JoinErrorCode,
        message: &'a str,
        /// Only with [`JoinErrorCode::VersionUnknown`].
        version: Option<&'a [u8]>,
        /// Only with [`JoinErrorCode::Application`].
        app_code: Option<&'a str>,
    },
    DocUpdate {
        updates: Vec<&'a [u8]>,
        batch: BatchId,
    },
    FragmentHeader {
        batch: BatchId,
        /// Claims, to be checked by [`crate::fragment::Reassembly`].
        count: u64,
        total_bytes: u64,
    },
    Fragment {
        batch: BatchId,
        index: u64,
        data: &'a [u8],
    },
    RoomError {
        code: RoomErrorCode,
        message: &'a str,
    },
    Leave,
    Ack {
        batch: BatchId,
        status: AckStatus,
    },
}

impl<'a> Frame<'a> {
    pub fn loro(room: &'a str, message: Message<'a>) -> Self {
        Self {
            crdt: Crdt::Loro,
            room,
            message,
        }
    }

    /// Reads one frame. Bytes after a JoinRequest, JoinOk, JoinError, RoomError or Leave are
    /// ignored, as the npm client ignores them; after the other messages they are an error.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > limits::FRAME_BYTES {
            return Err(DecodeError::TooLong(bytes.len(), limits::FRAME_BYTES));
        }
        let mut reader = Reader::new(bytes);
        let crdt = Crdt::from_magic(reader.array()?);
        let room = reader.room()?;
        let message = Message::decode(&mut reader)?;
        Ok(Self {
            crdt,
            room,
            message,
        })
    }

    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.room.len() > limits::ROOM_ID_BYTES {
            return Err(EncodeError::RoomTooLong(self.room.len()));
        }
        let mut out = Vec::with_capacity(8 + self.room.len() + self.message.encoded_len_hint());
        out.extend_from_slice(&self.crdt.magic());
        put_bytes(&mut out, self.room.as_bytes());
        self.message.encode_into(&mut out);
        if out.len() > limits::FRAME_BYTES {
            return Err(EncodeError::FrameTooLarge(out.len()));
        }
        Ok(out)
    }
}

impl<'a> Message<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match reader.byte()? {
            0x00 => Self::JoinRequest {
                auth: reader.bytes()?,
                version: reader.bytes()?,
            },
            0x01 => Self::JoinOk {
                permission: match reader.bytes()? {
                    b"read" => Permission::Read,
                    b"write" => Permission::Write,
                    other => {
                        let value = other.first().copied().unwrap_or(0);
                        return Err(DecodeError::UnknownTag {
                            what: "permission",
                            value,
                        });
                    }
                },
                version: reader.bytes()?,
                extra: reader.bytes()?,
            },
            0x02 => {
                let code = JoinErrorCode::from_u8(reader.byte()?);
                let message = reader.string()?;
                let more = reader.left() > 0;
                let has_version = more && code == JoinErrorCode::VersionUnknown;
                let has_app_code = more && code == JoinErrorCode::Application;
                let version = if has_version {
                    Some(reader.bytes()?)
                } else {
                    None
                };
                let app_code = if has_app_code {
                    Some(reader.string()?)
                } else {
                    None
                };
                Self::JoinError {
                    code,
                    message,
                    version,
                    app_code,
                }
            }
            0x03 => {
                let count = reader.count(1)?;
                if count > limits::UPDATES_PER_FRAME {
                    let claimed = count as u64;
                    return Err(DecodeError::TooManyItems {
                        claimed,
                        most: limits::UPDATES_PER_FRAME,
                    });
                }
                let mut updates = Vec::with_capacity(count);
                for _ in 0..count {
                    updates.push(reader.bytes()?);
                }
                let batch = BatchId(reader.array()?);
                reader.end()?;
                Self::DocUpdate { updates, batch }
            }
            0x04 => {
                let batch = BatchId(reader.array()?);
                let (count, total_bytes) = (reader.uint()?, reader.uint()?);
                reader.end()?;
                Self::FragmentHeader {
                    batch,
                    count,
                    total_bytes,
                }
            }
            0x05 => {
                let batch = BatchId(reader.array()?);
                let (index, data) = (reader.uint()?, reader.bytes()?);
                reader.end()?;
                Self::Fragment { batch, index, data }
            }
            0x06 => Self::RoomError {
                code: RoomErrorCode::from_u8(reader.byte()?),
                message: reader.string()?,
            },
            0x07 => Self::Leave,
            0x08 => {
                let batch = BatchId(reader.array()?);
                let status = AckStatus::from_u8(reader.byte()?);
                reader.end()?;
                Self::Ack { batch, status }
            }
            value => {
                return Err(DecodeError::UnknownTag {
                    what: "message type",
                    value,
                });
            }
        })
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::JoinRequest { auth, version } => {
                out.push(0x00);
                put_bytes(out, auth);
                put_bytes(out, version);
            }
            Self::JoinOk {
                permission,
                version,
                extra,
            } => {
                out.push(0x01);
                put_bytes(
                    out,
                    match permission {
                        Permission::Read => b"read",
                        Permission::Write => b"write",
                    },
                );
                put_bytes(out, version);
                put_bytes(out, extra);
            }
            Self::JoinError {
                code,
                message,
                version,
                app_code,
            } => {
                out.push(0x02);
                out.push(code.as_u8());
                put_bytes(out, message.as_bytes());
                if let (JoinErrorCode::VersionUnknown, Some(version)) = (code, version) {
                    put_bytes(out, version);
                }
                if let (JoinErrorCode::Application, Some(app_code)) = (code, app_code) {
                    put_bytes(out, app_code.as_bytes());
                }
            }
            Self::DocUpdate { updates, batch } => {
                out.push(0x03);
                put_uint(out, updates.len() as u64);
                for update in updates {
                    put_bytes(out, update);
                }
                out.extend_from_slice(&batch.0);
            }
            Self::FragmentHeader {
                batch,
                count,
                total_bytes,
            } => {
                out.push(0x04);
                out.extend_from_slice(&batch.0);
                put_uint(out, *count);
                put_uint(out, *total_bytes);
            }
            Self::Fragment { batch, index, data } => {
                out.push(0x05);
                out.extend_from_slice(&batch.0);
                put_uint(out, *index);
                put_bytes(out, data);
            }
            Self::RoomError { code, message } => {
                out.push(0x06);
                out.push(code.as_u8());
                put_bytes(out, message.as_bytes());
            }
            Self::Leave => out.push(0x07),
            Self::Ack { batch, status } => {
                out.push(0x08);
                out.extend_from_slice(&batch.0);
                out.push(status.as_u8());
            }
        }
    }

    /// About how many bytes the message takes, so that writing it allocates once.
    fn encoded_len_hint(&self) -> usize {
        let var = |length: usize| uint_len(length as u64) + length;
        match self {
            Self::JoinRequest { auth, version } => 1 + var(auth.len()) + var(version.len()),
            Self::JoinOk { version, extra, .. } => 7 + var(version.len()) + var(extra.len()),
            Self::JoinError {
                message,
                version,
                app_code,
                ..
            } => {
                2 + var(message.len())
                    + version.map_or(0, |v| var(v.len()))
                    + app_code.map_or(0, |c| var(c.len()))
            }
            Self::DocUpdate { updates, .. } => {
                12 + updates
                    .iter()
                    .map(|update| var(update.len()))
                    .sum::<usize>()
            }
            Self::FragmentHeader { .. } => 29,
            Self::Fragment { data, .. } => 19 + var(data.len()),
            Self::RoomError { message, .. } => 2 + var(message.len()),
            Self::Leave => 1,
            Self::Ack { .. } => 10,
        }
    }
}
