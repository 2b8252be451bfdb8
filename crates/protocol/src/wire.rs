//! Reading and writing the primitives both formats share: bytes, unsigned LEB128, length-prefixed
//! bytes and strings, count-prefixed lists.

/// Why bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the bytes end inside a value")]
    Truncated,
    #[error("an integer is longer than 64 bits")]
    IntegerTooLong,
    #[error("a list claims {claimed} items, and {left} bytes are left")]
    CountExceedsBytes { claimed: u64, left: usize },
    #[error("a list of {claimed} items, at most {most} are allowed")]
    TooManyItems { claimed: u64, most: usize },
    #[error("a string is not UTF-8")]
    InvalidUtf8,
    #[error("{0} bytes, at most {1} are allowed")]
    TooLong(usize, usize),
    #[error("unknown {what} {value}")]
    UnknownTag { what: &'static str, value: u8 },
    #[error("{0} bytes after the end of the value")]
    TrailingBytes(usize),
}

/// Why a value cannot be written as a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("a room id of {0} bytes, at most 128 are allowed")]
    RoomTooLong(usize),
    #[error("a frame of {0} bytes, at most 262144 are allowed")]
    FrameTooLarge(usize),
}

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// What is still to be read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// Unsigned LEB128 of at most 64 bits. Padding with zero groups is accepted up to ten bytes.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                return Err(DecodeError::IntegerTooLong);
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::IntegerTooLong)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.uint()?;
        self.take(usize::try_from(length).map_err(|_| DecodeError::Truncated)?)
    }

    pub fn string(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::InvalidUtf8)
    }

    /// A room id: a string of at most 128 bytes.
    pub fn room(&mut self) -> Result<&'a str, DecodeError> {
        let room = self.string()?;
        if room.len() > crate::limits::ROOM_ID_BYTES {
            return Err(DecodeError::TooLong(
                room.len(),
                crate::limits::ROOM_ID_BYTES,
            ));
        }
        Ok(room)
    }

    /// The count of a list whose items take at least `item` bytes each: it cannot claim more than
    /// the bytes that are left could hold, so reserving for it is safe.
    pub fn count(&mut self, item: usize) -> Result<usize, DecodeError> {
        let claimed = self.uint()?;
        let left = self.left();
        match usize::try_from(claimed) {
            Ok(count) if count <= left / item.max(1) => Ok(count),
            _ => Err(DecodeError::CountExceedsBytes { claimed, left }),
        }
    }

    pub fn end(&self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }
}

pub(crate) fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes that [`put_uint`] writes for `value`.
pub(crate) fn uint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
