//! Which requests the edge keeps for itself. It judges the decoded, normalised path, so that
//! `//internal`, `/%69nternal` and `/x/../internal` are what they would become.

use protocol::ProjectId;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A WebSocket: of one room, or multiplexed.
    Sync(Option<ProjectId>),
    /// A hint of the application that rooms have moved.
    Push,
    /// What is nobody's from outside.
    NotFound,
    /// Everything else.
    Proxy,
}

pub(crate) fn route(path: &str) -> Route {
    let decoded = percent_decoded(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    match segments.first() {
        Some(first) if first.eq_ignore_ascii_case(b"internal") => match path {
            "/internal/v1/push" => Route::Push,
            _ => Route::NotFound,
        },
        Some(first) if first.eq_ignore_ascii_case(b"sync") => match path.strip_prefix("/sync") {
            Some("" | "/") => Route::Sync(None),
            Some(rest) => match ProjectId::parse(rest.strip_prefix('/').unwrap_or_default()) {
                Ok(project) => Route::Sync(Some(project)),
                Err(_) => Route::NotFound,
            },
            None => Route::NotFound,
        },
        _ => Route::Proxy,
    }
}

fn percent_decoded(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let mut decoded = [0];
        if escaped.is_some_and(|hex| hex::decode_to_slice(hex, &mut decoded).is_ok()) {
            out.push(decoded[0]);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw1_internal_paths_are_refused_in_every_spelling() {
        for (path, expected) in [
            ("/", Route::Proxy),
            ("/api/health", Route::Proxy),
            ("/internals", Route::Proxy),
            ("/api/internal", Route::Proxy),
            ("/internal/v1/push", Route::Push),
            ("/internal", Route::NotFound),
            ("/internal/v1/turn", Route::NotFound),
            ("//internal/v1/turn", Route::NotFound),
            ("/%69nternal/v1/turn", Route::NotFound),
            ("/%2Finternal/v1/push", Route::NotFound),
            ("/./internal/v1/turn", Route::NotFound),
            ("/a/../internal/v1/turn", Route::NotFound),
            ("/a/%2e%2e/internal/v1/turn", Route::NotFound),
            ("/INTERNAL/v1/turn", Route::NotFound),
            ("/\\internal/v1/turn", Route::NotFound),
            ("/%", Route::Proxy),
            ("/%zz", Route::Proxy),
            ("/sync", Route::Sync(None)),
            ("/sync/", Route::Sync(None)),
            ("/sync/p1", Route::Sync(ProjectId::parse("p1").ok())),
            ("/sync/P1", Route::NotFound),
            ("/sync/p1/x", Route::NotFound),
            ("/syncs", Route::Proxy),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
