//! Loro's bytes in JSON and in paths.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use loro::Frontiers;
use problem::{Problem, Slug};

/// A frontier has a dozen bytes for each branch of the history that ends there.
const FRONTIERS_BYTES: usize = 16 * 1024;

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Either alphabet, with padding or without.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let decoded = STANDARD_NO_PAD.decode(text);
    decoded.or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

/// Frontiers as a caller gives them.
pub fn frontiers(text: &str) -> Result<Frontiers, Problem> {
    let bytes = (text.len() <= FRONTIERS_BYTES).then(|| from_base64(text));
    let frontiers = bytes.flatten().and_then(|bytes| {
        let frontiers = Frontiers::decode(&bytes).ok()?;
        // The decoder does not mind what comes after them.
        (frontiers.encode().len() == bytes.len()).then_some(frontiers)
    });
    frontiers.ok_or_else(|| not_in_history("at"))
}

/// Frontiers of our own table.
pub fn stored_frontiers(bytes: &[u8]) -> Result<Frontiers, Problem> {
    Frontiers::decode(bytes).map_err(|error| {
        guest::log_error("frontiers", &error);
        Problem::new(Slug::Internal, "the version could not be read")
    })
}

pub fn not_in_history(what: &str) -> Problem {
    Problem::new(
        Slug::Unprocessable,
        format!("{what}: no point of this document's history"),
    )
}
