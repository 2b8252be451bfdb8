//! Passwords: Argon2id with 19 MiB, two passes and one lane, which OWASP's Password Storage Cheat
//! Sheet recommends. The salt is given; nothing here is random.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Shorter ones are guessed.
pub const MINIMUM_CHARACTERS: usize = 10;
/// Longer ones only cost time.
pub const MAXIMUM_BYTES: usize = 1024;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What is checked where there is no password, so that the answer takes as long. No password has
/// this hash: it was not made from one.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGtub3dzIGl0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    #[error("a password has at least {MINIMUM_CHARACTERS} characters")]
    Short,
    #[error("a password has at most {MAXIMUM_BYTES} bytes")]
    Long,
    /// Argon2 did not take it, which is a fault of ours.
    #[error("the password could not be hashed")]
    Failed,
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Whether a password may be chosen.
pub fn check(password: &str) -> Result<(), BadPassword> {
    if password.len() > MAXIMUM_BYTES {
        return Err(BadPassword::Long);
    }
    match password.chars().count() < MINIMUM_CHARACTERS {
        true => Err(BadPassword::Short),
        false => Ok(()),
    }
}

/// The hash of a new password, as PHC string.
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, BadPassword> {
    check(password)?;
    let salt = SaltString::encode_b64(salt).map_err(|_| BadPassword::Failed)?;
    let argon2 = argon2().ok_or(BadPassword::Failed)?;
    argon2
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|_| BadPassword::Failed)
}

/// Whether this is the password of the hash. Without one (nobody has the login, or no password was
/// chosen yet) it is never, after the same time.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    // A longer one was never taken; what hashing it would cost is nobody's gain.
    if password.len() > MAXIMUM_BYTES {
        return false;
    }
    let matches = |hash: &str| {
        let Ok(hash) = PasswordHash::new(hash) else {
            return false;
        };
        argon2().is_some_and(|argon2| argon2.verify_password(password.as_bytes(), &hash).is_ok())
    };
    let found = matches(hash.unwrap_or(DUMMY));
    found && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw10_a_password_is_verified_by_its_hash() {
        let hash = hash("correct horse battery", b"0123456789abcdef").expect("taken");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let long = "a".repeat(2_000);
        let table = [
            ("right", "correct horse battery", Some(hash.as_str()), true),
            ("wrong", "correct horse batterz", Some(hash.as_str()), false),
            ("empty", "", Some(hash.as_str()), false),
            ("long", long.as_str(), Some(hash.as_str()), false),
            ("nobody's", "correct horse battery", None, false),
            (
                "broken hash",
                "correct horse battery",
                Some("$argon2id$"),
                false,
            ),
        ];
        for (name, password, hash, expected) in table {
            assert_eq!(verify(password, hash), expected, "{name}");
        }
    }

    #[test]
    fn gw10_short_and_long_passwords_are_not_taken() {
        let table = [
            ("123456789".to_owned(), Err(BadPassword::Short)),
            ("1234567890".to_owned(), Ok(())),
            ("äöüäöüäöü".to_owned(), Err(BadPassword::Short)),
            ("a".repeat(1024), Ok(())),
            ("a".repeat(1025), Err(BadPassword::Long)),
        ];
        for (password, expected) in table {
            assert_eq!(check(&password), expected, "{} bytes", password.len());
        }
    }

    #[test]
    fn gw10_nobodys_password_takes_as_long_to_refuse() {
        // The dummy must be a hash that is really checked, else the answer comes at once.
        let parsed = PasswordHash::new(DUMMY).expect("a hash");
        assert_eq!(parsed.params.get_decimal("m"), Some(MEMORY_KIB));
        assert_eq!(parsed.params.get_decimal("t"), Some(PASSES));
        assert!(parsed.salt.is_some() && parsed.hash.is_some());
    }
}
