//! How strong a shared secret is.

/// RFC 7518 section 3.2: an HS256 key has at least the size of the hash.
pub(crate) const MINIMUM_SECRET_BYTES: usize = 32;
/// 64 random hexadecimal digits hold fewer different ones than this once in a few billion times;
/// words, repeated letters and keyboard rows often do.
const MINIMUM_DIFFERENT_BYTES: usize = 10;

/// Secrets that stand in documentation, examples and tests, ours and others', in lower case:
/// whoever reads these can sign with them.
const KNOWN: &[&str] = &[
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "another secret of thirty-two bytes or more",
    "a-string-secret-at-least-256-bits-long",
    "your-256-bit-secret-your-256-bit-secret",
    "change-me-change-me-change-me-change-me",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "abcdefghijklmnopqrstuvwxyz123456",
    "12345678901234567890123456789012",
];

/// Why a secret is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakSecret {
    #[error("the secret has {0} bytes; HS256 needs at least {MINIMUM_SECRET_BYTES}")]
    Short(usize),
    #[error(
        "the secret has only {0} different bytes; at least {MINIMUM_DIFFERENT_BYTES} are needed"
    )]
    Monotonous(usize),
    #[error("the secret is an example that everybody can read")]
    Known,
}

/// Checks a secret that protects more than a trial.
pub fn check_secret(secret: &[u8]) -> Result<(), WeakSecret> {
    if secret.len() < MINIMUM_SECRET_BYTES {
        return Err(WeakSecret::Short(secret.len()));
    }
    if KNOWN
        .iter()
        .any(|known| secret.eq_ignore_ascii_case(known.as_bytes()))
    {
        return Err(WeakSecret::Known);
    }
    let mut seen = [false; 256];
    for byte in secret {
        seen[usize::from(*byte)] = true;
    }
    let different = seen.iter().filter(|seen| **seen).count();
    if different < MINIMUM_DIFFERENT_BYTES {
        return Err(WeakSecret::Monotonous(different));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op6_weak_secrets_by_a_table() {
        let table: [(&[u8], Result<(), WeakSecret>); 6] = [
            (b"", Err(WeakSecret::Short(0))),
            (
                b"0123456789abcdef0123456789abcde",
                Err(WeakSecret::Short(31)),
            ),
            (b"0123456789ABCDEF0123456789abcdef", Err(WeakSecret::Known)),
            (&[b'a'; 64], Err(WeakSecret::Monotonous(1))),
            (
                b"secretsecretsecretsecretsecretsecret",
                Err(WeakSecret::Monotonous(5)),
            ),
            (b"9f2c41d07be35a8866f1e2d3c4b5a697", Ok(())),
        ];
        for (secret, expected) in table {
            assert_eq!(check_secret(secret), expected, "{:?}", secret.len());
        }
    }

    #[test]
    fn gw2_a_short_secret_is_refused() {
        assert_eq!(
            crate::Keys::from_secret(b"short").err(),
            Some(WeakSecret::Short(5))
        );
    }
}
