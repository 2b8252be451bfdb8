//! Media types by their bytes: what an uploader says of a file is not believed (AS1).

/// As many bytes as a type may need: signatures lie in the first few hundred, but a file that is
/// text is told from one that is not by more.
pub const NEEDED_BYTES: usize = 8 * 1024;

/// What cannot be told.
pub const UNKNOWN: &str = "application/octet-stream";

/// Types that a browser shows in place and that can run nothing; everything else is a download.
/// SVG is not here: it is a document that may hold scripts.
const INLINE: [&str; 15] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/quicktime",
    "audio/mpeg",
    "audio/wav",
    "audio/ogg",
    "audio/flac",
    "audio/mp4",
    "audio/aac",
    "audio/webm",
];

/// True when an answer with this type may be shown in place.
pub fn is_inline(media_type: &str) -> bool {
    INLINE.contains(&media_type)
}

/// The media type of a file that begins with these bytes.
pub fn media_type(bytes: &[u8]) -> &'static str {
    let bytes = &bytes[..bytes.len().min(NEEDED_BYTES)];
    if let Some(text) = markup(bytes) {
        return text;
    }
    if let Some(found) = infer::get(bytes) {
        return usual_name(found.mime_type());
    }
    // Brands of the ISO container that the library does not list.
    if bytes.get(4..8) == Some(b"ftyp") {
        return "video/mp4";
    }
    if is_text(bytes) {
        "text/plain"
    } else {
        UNKNOWN
    }
}

/// The names that browsers and the registry of media types use.
fn usual_name(found: &'static str) -> &'static str {
    match found {
        "audio/x-wav" => "audio/wav",
        "audio/x-flac" => "audio/flac",
        "audio/m4a" => "audio/mp4",
        "audio/x-aiff" => "audio/aiff",
        "video/x-m4v" => "video/mp4",
        found => found,
    }
}

/// SVG and HTML, which may be preceded by white space, a byte-order mark, comments and a prologue.
fn markup(bytes: &[u8]) -> Option<&'static str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = bytes.trim_ascii_start();
    if text.first() != Some(&b'<') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let has = |what: &str| {
        lower
            .windows(what.len())
            .any(|window| window == what.as_bytes())
    };
    if has("<svg") {
        Some("image/svg+xml")
    } else if has("<!doctype html") || has("<html") || has("<script") || has("<body") {
        Some("text/html")
    } else if lower.starts_with(b"<?xml") {
        Some("text/xml")
    } else {
        None
    }
}

/// UTF-8 without control characters other than white space; the last character may be cut off.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as1_the_type_is_told_by_the_bytes_and_decides_what_is_shown() {
        let table: [(&[u8], &str, bool); 21] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", true),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg", true),
            (b"GIF89a\x01\0\x01\0", "image/gif", true),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", true),
            (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav", true),
            (b"\0\0\0\x20ftypisom\0\0\0\0", "video/mp4", true),
            (b"\0\0\0\x20ftypzzzz\0\0\0\0", "video/mp4", true),
            (b"ID3\x04\0\0\0\0\0\0", "audio/mpeg", true),
            (b"OggS\0\x02\0\0\0\0", "audio/ogg", true),
            (b"fLaC\0\0\0\x22", "audio/flac", true),
            (b"%PDF-1.7\n", "application/pdf", false),
            (b"PK\x03\x04\x14\0\0\0", "application/zip", false),
            (b"<svg onload='x()'>", "image/svg+xml", false),
            (
                b"\xef\xbb\xbf <?xml version='1.0'?><!-- a --><SVG>",
                "image/svg+xml",
                false,
            ),
            (b"\n<!DOCTYPE html><p>", "text/html", false),
            (b"<script>alert(1)</script>", "text/html", false),
            (b"<?xml version='1.0'?><a/>", "text/xml", false),
            ("scène,plan\n1,été".as_bytes(), "text/plain", false),
            (&"été".as_bytes()[..4], "text/plain", false),
            (b"\x00\x01\x02\x03", UNKNOWN, false),
            (b"", UNKNOWN, false),
        ];
        for (bytes, expected, inline) in table {
            let found = media_type(bytes);
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!((found, is_inline(found)), (expected, inline), "{shown:?}");
        }
    }
}
