//! The box structure of MP4, over untrusted bytes: every read is checked.

use crate::error::JobError;

/// Children looked at in one box.
const MAX_BOXES: usize = 1_024;

pub fn bad(what: &str) -> JobError {
    JobError::terminal(format!("the MP4 is damaged: {what}"))
}

/// Kind and body of a box.
pub type Found<'a> = ([u8; 4], &'a [u8]);

/// The boxes directly inside `data`.
pub fn boxes(data: &[u8]) -> Result<Vec<Found<'_>>, JobError> {
    let mut found = Vec::new();
    let mut rest = data;
    while rest.len() >= 8 && found.len() < MAX_BOXES {
        let small = u32_at(rest, 0)? as usize;
        let kind = [rest[4], rest[5], rest[6], rest[7]];
        let (header, size) = match small {
            0 => (8, rest.len()),
            1 => (
                16,
                usize::try_from(u64_at(rest, 8)?).map_err(|_| bad("a box larger than the file"))?,
            ),
            size => (8, size),
        };
        if size < header || size > rest.len() {
            return Err(bad("a box that ends outside its parent"));
        }
        found.push((kind, &rest[header..size]));
        rest = &rest[size..];
    }
    Ok(found)
}

pub fn child<'a>(data: &'a [u8], name: &[u8; 4]) -> Result<Option<&'a [u8]>, JobError> {
    Ok(boxes(data)?
        .into_iter()
        .find(|(kind, _)| kind == name)
        .map(|(_, body)| body))
}

pub fn u16_at(data: &[u8], at: usize) -> Result<u16, JobError> {
    bytes_at(data, at).map(u16::from_be_bytes)
}

pub fn u32_at(data: &[u8], at: usize) -> Result<u32, JobError> {
    bytes_at(data, at).map(u32::from_be_bytes)
}

pub fn u64_at(data: &[u8], at: usize) -> Result<u64, JobError> {
    bytes_at(data, at).map(u64::from_be_bytes)
}

fn bytes_at<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], JobError> {
    at.checked_add(N)
        .and_then(|end| data.get(at..end))
        .and_then(|slice| slice.try_into().ok())
        .ok_or_else(|| bad("a box that is too short"))
}
