//! Signatures of webhooks, by Standard Webhooks 1.0: who sent a callback, that nobody changed it,
//! and that it is not an old one sent again (TK9). Both ways: what providers send us is verified,
//! what we send is signed.
//!
//! Whether an id was seen before is for whoever keeps ids: within the tolerance a repeated callback
//! is genuine.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::Sha256;

pub const ID_HEADER: &str = "webhook-id";
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far the sender's clock and ours may be apart, and how long a callback may be under way: five
/// minutes, as the specification says.
pub const TOLERANCE_S: i64 = 300;

/// A sender that rotates its secrets signs twice; more than this is somebody trying.
const SIGNATURES: usize = 16;

/// Ids are kept by whoever refuses repetitions.
const ID_BYTES: usize = 256;

/// The specification asks for keys of 24 to 64 bytes. A short one could be guessed, an empty one
/// needs no guessing.
const KEY_BYTES: usize = 24;

const SECRET_PREFIX: &str = "whsec_";
const VERSION_PREFIX: &str = "v1,";

/// Why a webhook is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    #[error("the header {0} is missing")]
    Missing(&'static str),
    #[error("the header {0} is malformed")]
    Malformed(&'static str),
    #[error("the webhook is {0} s old")]
    Stale(i64),
    #[error("the webhook is from {0} s in the future")]
    Future(i64),
    #[error("the webhook has no signature of version 1")]
    Version,
    #[error("no signature of the webhook is right")]
    Signature,
    #[error("a webhook secret must be whsec_ and the base64 of at least {KEY_BYTES} bytes")]
    Secret,
}

/// The id of a genuine webhook. While a secret is being replaced both are given, and either will do.
///
/// # Errors
/// Why it is not genuine; nothing of it may be believed then.
pub fn verify<'a>(
    headers: &'a HeaderMap,
    body: &[u8],
    secrets: &[&str],
    now_s: i64,
) -> Result<&'a str, BadWebhook> {
    let id = only(headers, ID_HEADER)?;
    let timestamp = only(headers, TIMESTAMP_HEADER)?;
    let signatures = only(headers, SIGNATURE_HEADER)?;
    if !is_id(id) {
        return Err(BadWebhook::Malformed(ID_HEADER));
    }
    check_age(timestamp, now_s)?;

    let mut given = Vec::new();
    for signature in signatures.split(' ').take(SIGNATURES) {
        let signature = signature.strip_prefix(VERSION_PREFIX);
        given.extend(signature.and_then(|base64| STANDARD.decode(base64).ok()));
    }
    if given.is_empty() {
        return Err(match signatures.contains(VERSION_PREFIX) {
            true => BadWebhook::Signature,
            false => BadWebhook::Version,
        });
    }
    let macs = secrets
        .iter()
        .map(|secret| mac(secret, id, timestamp, body))
        .collect::<Result<Vec<_>, _>>()?;
    if macs.is_empty() {
        return Err(BadWebhook::Secret);
    }
    let is_genuine = macs.iter().any(|mac| {
        given
            .iter()
            // In constant time.
            .any(|signature| mac.clone().verify_slice(signature).is_ok())
    });
    match is_genuine {
        true => Ok(id),
        false => Err(BadWebhook::Signature),
    }
}

/// The signature of a webhook: the value of `webhook-signature`. While a secret is being replaced,
/// the signatures of both are sent with a space between them.
///
/// # Errors
/// An id or a secret that is none.
pub fn sign(id: &str, timestamp_s: i64, body: &[u8], secret: &str) -> Result<String, BadWebhook> {
    if !is_id(id) {
        return Err(BadWebhook::Malformed(ID_HEADER));
    }
    let mac = mac(secret, id, &timestamp_s.to_string(), body)?;
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("{VERSION_PREFIX}{signature}"))
}

/// A header that is there once: of two, one could be checked and the other believed.
fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, BadWebhook> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(BadWebhook::Missing(name)),
        (Some(value), None) => value.to_str().map_err(|_| BadWebhook::Malformed(name)),
        (Some(_), Some(_)) => Err(BadWebhook::Malformed(name)),
    }
}

/// A full stop ends the id in what is signed. If an id could hold one, the start of the body could
/// be taken for the time.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= ID_BYTES
        && id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

fn check_age(timestamp: &str, now_s: i64) -> Result<(), BadWebhook> {
    let malformed = BadWebhook::Malformed(TIMESTAMP_HEADER);
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed);
    }
    let sent_s: i64 = timestamp.parse().map_err(|_| malformed)?;
    match now_s.saturating_sub(sent_s) {
        age if age > TOLERANCE_S => Err(BadWebhook::Stale(age)),
        age if age < -TOLERANCE_S => Err(BadWebhook::Future(age.saturating_neg())),
        _ => Ok(()),
    }
}

fn mac(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Result<Hmac<Sha256>, BadWebhook> {
    let key = secret
        .strip_prefix(SECRET_PREFIX)
        .and_then(|base64| STANDARD.decode(base64).ok())
        .filter(|key| key.len() >= KEY_BYTES)
        .ok_or(BadWebhook::Secret)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| BadWebhook::Secret)?;
    for part in [id, ".", timestamp, "."] {
        mac.update(part.as_bytes());
    }
    mac.update(body);
    Ok(mac)
}
