//! Checks tokens from outside, whoever signed them: we with the shared secret, or an issuer with a
//! private key whose public half it publishes.
//!
//! Which of both it is follows from the algorithm, but what a key may check follows from the key
//! alone: the secret checks HS256 and nothing else, a public key only what its kind can sign. So a
//! token that is "signed" with a published key as if it were a secret finds no key.

use jsonwebtoken::Algorithm;

use crate::jwks::KeySet;
use crate::keys::Keys;
use crate::raw;
use crate::token::{Claims, TokenError};

/// An issuer whose tokens are taken beside our own.
#[derive(Clone)]
pub struct Issuer {
    pub keys: KeySet,
    /// What `iss` must be; `None` when only this issuer knows the keys' private halves anyway.
    pub name: Option<String>,
    /// What `aud` must be or hold.
    pub audience: String,
}

#[derive(Clone)]
pub struct Verifier {
    keys: Keys,
    issuer: Option<Issuer>,
}

impl Verifier {
    pub fn new(keys: Keys, issuer: Option<Issuer>) -> Self {
        Self { keys, issuer }
    }

    /// The claims of a token from outside. [`TokenError::UnknownKey`] says that the issuer may have
    /// published a new key since the set was fetched.
    pub fn verify(&self, token: &str, now_s: i64) -> Result<Claims, TokenError> {
        let header = raw::header(token)?;
        if header.alg == Algorithm::HS256 {
            return self.keys.verify_access(token, now_s);
        }
        let issuer = self.issuer.as_ref().ok_or(TokenError::Invalid)?;
        let candidates = issuer.keys.candidates(header.kid.as_deref());
        if candidates.is_empty() {
            return Err(TokenError::UnknownKey);
        }
        let claims = candidates
            .into_iter()
            .filter(|key| key.algorithms.contains(&header.alg))
            .find_map(|key| raw::signed_claims(token, &key.key, &key.algorithms).ok())
            .ok_or(TokenError::Invalid)?;
        let audience = claims.check(&issuer.audience, issuer.name.as_deref(), now_s)?;
        claims.of_issuer(audience)
    }
}

/// True when a token is signed by an issuer and not by us, as far as its header says: only then is
/// the issuer's set of keys needed.
pub fn needs_issuer(token: &str) -> bool {
    raw::header(token).is_ok_and(|header| header.alg != Algorithm::HS256)
}
