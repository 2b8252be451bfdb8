//! Presence as bytes: the states of Loro's `EphemeralStore` (`%EPH`), read as far as the edge needs.
//!
//! An update is a list of entries, each a key, a value or none (the key was deleted), and the time
//! at which its owner wrote it; the newer entry of a key wins. The format is postcard's
//! (<https://postcard.jamesmunns.com/wire-format>) of `Vec<(&str, Option<LoroValue>, i64)>`:
//! integers are LEB128, signed ones zigzag. Values are walked over and kept as they are.

use crate::limits;
use crate::wire::{DecodeError, Reader, put_bytes, put_uint};

/// Values in values: far deeper than any cursor, shallow enough for every stack.
const DEPTH: usize = 64;

/// One key of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a str,
    /// The encoded value; `None` deletes the key.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since the Unix epoch, by the clock of whoever wrote it.
    pub timestamp_ms: i64,
}

/// Reads an update. Empty bytes are an update of nothing.
pub fn decode(bytes: &[u8]) -> Result<Vec<Entry<'_>>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(bytes);
    // A key's length, the option's tag and the time.
    let count = reader.count(3)?;
    if count > limits::PRESENCE_KEYS {
        return Err(DecodeError::TooManyItems {
            claimed: count as u64,
            most: limits::PRESENCE_KEYS,
        });
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let key = reader.string()?;
        let value = match reader.byte()? {
            0 => None,
            1 => {
                let rest = reader.rest();
                skip_value(&mut reader, DEPTH)?;
                Some(&rest[..rest.len() - reader.left()])
            }
            value => {
                return Err(DecodeError::UnknownTag {
                    what: "option",
                    value,
                });
            }
        };
        let zigzag = reader.uint()?;
        entries.push(Entry {
            key,
            value,
            timestamp_ms: (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64),
        });
    }
    reader.end()?;
    Ok(entries)
}

/// Writes an update.
pub fn encode<'a>(entries: impl ExactSizeIterator<Item = Entry<'a>>) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, entries.len() as u64);
    for entry in entries {
        put_bytes(&mut out, entry.key.as_bytes());
        match entry.value {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                out.extend_from_slice(value);
            }
        }
        let time = entry.timestamp_ms;
        put_uint(&mut out, (time << 1 ^ time >> 63) as u64);
    }
    out
}

/// Walks over a `LoroValue`. Presence has no containers, so a value that names one is refused.
fn skip_value(reader: &mut Reader<'_>, depth: usize) -> Result<(), DecodeError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(DecodeError::TooManyItems {
            claimed: DEPTH as u64 + 1,
            most: DEPTH,
        });
    };
    match reader.byte()? {
        0 => Ok(()),
        1 => match reader.byte()? {
            0 | 1 => Ok(()),
            value => Err(DecodeError::UnknownTag {
                what: "bool",
                value,
            }),
        },
        2 => reader.array::<8>().map(drop),
        3 => reader.uint().map(drop),
        4 => reader.string().map(drop),
        5 => {
            for _ in 0..reader.count(1)? {
                skip_value(reader, depth)?;
            }
            Ok(())
        }
        6 => {
            for _ in 0..reader.count(2)? {
                reader.string()?;
                skip_value(reader, depth)?;
            }
            Ok(())
        }
        8 => reader.bytes().map(drop),
        value => Err(DecodeError::UnknownTag {
            what: "value",
            value,
        }),
    }
}
