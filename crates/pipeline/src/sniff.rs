//! Media types by their first bytes: what a provider says of its result is not believed (AS1).

/// As many bytes as the longest signature needs.
pub(crate) const NEEDED_BYTES: usize = 16;

/// The type of the images and videos that browsers show.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, signature: &[u8]| {
        bytes
            .get(from..)
            .is_some_and(|rest| rest.starts_with(signature))
    };
    if at(0, b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if at(0, b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
        Some("image/gif")
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some("image/webp")
    } else if at(4, b"ftypavif") {
        Some("image/avif")
    } else if at(4, b"ftypqt") {
        Some("video/quicktime")
    } else if at(4, b"ftyp") {
        Some("video/mp4")
    } else if at(0, b"\x1a\x45\xdf\xa3") {
        Some("video/webm")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn as1_the_type_is_told_by_the_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\0\0\0\0WAVEfmt ", None),
            (b"\0\0\0\x20ftypisom", Some("video/mp4")),
            (b"\0\0\0\x20ftypqt  ", Some("video/quicktime")),
            (b"\x1a\x45\xdf\xa3", Some("video/webm")),
            (b"<html>", None),
            (b"<svg onload=", None),
            (b"\x89PNG", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }
}
