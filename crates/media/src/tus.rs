//! The headers of resumable uploads, tus 1.0.0 (<https://tus.io/protocols/resumable-upload>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Checksum;

/// The one version of the protocol that is spoken.
pub const VERSION: &str = "1.0.0";
/// Its parts beside the core.
pub const EXTENSIONS: &str = "creation,creation-with-upload,expiration,checksum,termination";
/// The media type of a PATCH.
pub const MEDIA_TYPE: &str = "application/offset+octet-stream";
/// Upload-Metadata is kept and told again: a file's name and a few words more.
const METADATA_BYTES: usize = 4 * 1024;

/// What is wrong with a header, for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not a whole number")]
    Number(&'static str),
    #[error("Upload-Metadata has more than {METADATA_BYTES} bytes")]
    MetadataTooLong,
    #[error("Upload-Metadata is not a list of keys with base64 values: {0}")]
    Metadata(String),
    #[error("Upload-Checksum is not an algorithm and a base64 value; known are sha1 and sha256")]
    Checksum,
}

/// A header that holds a whole number, as Upload-Offset.
pub fn number(name: &'static str, value: Option<&str>) -> Result<u64, Malformed> {
    let value = value.ok_or(Malformed::Missing(name))?.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(Malformed::Number(name));
    }
    value.parse().map_err(|_| Malformed::Number(name))
}

/// The value of a key of Upload-Metadata, decoded; of repeated keys the first.
pub fn metadata(header: &str, wanted: &str) -> Result<Option<String>, Malformed> {
    if header.len() > METADATA_BYTES {
        return Err(Malformed::MetadataTooLong);
    }
    let mut found = None;
    for pair in header.split(',').map(str::trim) {
        if pair.is_empty() {
            continue;
        }
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let wrong = || Malformed::Metadata(key.to_owned());
        let decoded = STANDARD.decode(value.trim()).map_err(|_| wrong())?;
        if key == wanted && found.is_none() {
            found = Some(String::from_utf8(decoded).map_err(|_| wrong())?);
        }
    }
    Ok(found)
}

/// The running checksum that Upload-Checksum names, and what it must become.
pub fn checksum(header: &str) -> Result<(Checksum, Vec<u8>), Malformed> {
    let (name, value) = header.trim().split_once(' ').ok_or(Malformed::Checksum)?;
    let checksum = Checksum::named(name).ok_or(Malformed::Checksum)?;
    let expected = STANDARD
        .decode(value.trim())
        .map_err(|_| Malformed::Checksum)?;
    Ok((checksum, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as1_numbers_by_a_table() {
        let table = [
            (Some("0"), Ok(0)),
            (Some(" 42 "), Ok(42)),
            (Some("18446744073709551615"), Ok(u64::MAX)),
            (Some("18446744073709551616"), Err(())),
            (Some("-1"), Err(())),
            (Some("+1"), Err(())),
            (Some("1.5"), Err(())),
            (Some(""), Err(())),
            (None, Err(())),
        ];
        for (value, expected) in table {
            let found = number("Upload-Offset", value).map_err(drop);
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn as1_metadata_by_a_table() {
        let long = format!("project {}", "A".repeat(METADATA_BYTES));
        let table: [(&str, Result<Option<&str>, ()>); 9] = [
            ("project cDE=", Ok(Some("p1"))),
            ("filename YS5wbmc=, project cDE=", Ok(Some("p1"))),
            ("project cDE=,project cDI=", Ok(Some("p1"))),
            ("is_confidential,project cDE=", Ok(Some("p1"))),
            ("filename YS5wbmc=", Ok(None)),
            ("", Ok(None)),
            ("project not*base64", Err(())),
            ("project /w==", Err(())),
            (&long, Err(())),
        ];
        for (header, expected) in table {
            let found = metadata(header, "project").map_err(drop);
            assert_eq!(
                found,
                expected.map(|v| v.map(str::to_owned)),
                "{header:.60}"
            );
        }
    }

    #[test]
    fn as1_checksums_of_headers_by_a_table() {
        let right = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
        let (mut running, expected) = checksum(right).expect("well formed");
        running.update(b"hello");
        assert!(running.is(&expected));
        for header in [
            "",
            "sha1",
            "md5 XUFAKrxLKna5cZ2REBfFkg==",
            "sha1 ***",
            "sha1qvTG",
        ] {
            assert!(checksum(header).is_err(), "{header}");
        }
    }
}
