//! Where a provider reports on an attempt of a task: an address that only whoever got it knows
//! (TK9).

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The last segment of the address: `<task>.<attempt>.<mac in hex>`.
pub fn token(secret: &[u8], provider: &str, task: &str, attempt: u32) -> String {
    let mac = mac(secret, provider, task, attempt).finalize();
    format!("{task}.{attempt}.{}", hex::encode(mac.into_bytes()))
}

/// The task and the attempt of a token that we made for this provider.
pub fn read<'a>(secret: &[u8], provider: &str, token: &'a str) -> Option<(&'a str, u32)> {
    let (rest, given) = token.rsplit_once('.')?;
    let (task, attempt) = rest.rsplit_once('.')?;
    let attempt = attempt.parse().ok()?;
    let given = hex::decode(given).ok()?;
    // In constant time.
    let is_ours = mac(secret, provider, task, attempt).verify_slice(&given);
    is_ours.is_ok().then_some((task, attempt))
}

fn mac(secret: &[u8], provider: &str, task: &str, attempt: u32) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this cannot fail.
    let mut mac = match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC accepts keys of every length"),
    };
    mac.update(format!("webhook:{provider}:{task}:{attempt}").as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk9_a_webhooks_address_speaks_of_one_attempt_at_one_provider() {
        let ours = token(b"secret", "kling", "t_1", 2);
        assert_eq!(read(b"secret", "kling", &ours), Some(("t_1", 2)));
        let other_attempt = ours.replace("t_1.2.", "t_1.3.");
        let other_task = ours.replace("t_1.", "t_2.");
        let mut tampered = ours.clone();
        tampered.pop();
        for (secret, provider, token) in [
            (&b"other"[..], "kling", ours.as_str()),
            (b"secret", "other", &ours),
            (b"secret", "kling", &other_attempt),
            (b"secret", "kling", &other_task),
            (b"secret", "kling", &tampered),
            (b"secret", "kling", "t_1.2."),
            (b"secret", "kling", "t_1.2"),
            (b"secret", "kling", ""),
        ] {
            assert_eq!(read(secret, provider, token), None, "{provider} {token}");
        }
    }
}
