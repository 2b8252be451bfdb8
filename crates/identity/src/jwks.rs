//! Public keys of an outside issuer (RFC 7517).

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Issuers publish a handful; what comes after this many is left out.
const MAXIMUM_KEYS: usize = 64;
/// A shorter RSA modulus (under 2048 bits) can be broken.
const MINIMUM_RSA_BYTES: usize = 256;

/// Why a set of keys cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("it is not a JSON Web Key Set")]
    Malformed,
    #[error("it holds no public key that can check signatures")]
    Empty,
}

/// One public key, and what it may check.
#[derive(Clone)]
pub(crate) struct PublicKey {
    id: Option<String>,
    pub(crate) key: DecodingKey,
    pub(crate) algorithms: Vec<Algorithm>,
}

/// The keys of an issuer that can check signatures. Others in the set (secrets, keys for
/// encryption, kinds that we do not know) are left out.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct Document {
    // Keys are read one by one: a kind that is not known here must not spoil the others.
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    pub fn from_json(json: &[u8]) -> Result<Self, KeySetError> {
        let document: Document =
            serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        let keys: Vec<PublicKey> = document
            .keys
            .into_iter()
            .take(MAXIMUM_KEYS)
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter_map(|key| public_key(&key))
            .collect();
        match keys.is_empty() {
            true => Err(KeySetError::Empty),
            false => Ok(Self { keys }),
        }
    }

    /// The keys that may have signed a token whose header names this key. Without a name only a set
    /// of one key answers.
    pub(crate) fn candidates(&self, id: Option<&str>) -> Vec<&PublicKey> {
        let alone = self.keys.len() == 1;
        self.keys
            .iter()
            .filter(|key| match (id, &key.id) {
                (Some(id), Some(own)) => id == own,
                (Some(_) | None, None) | (None, Some(_)) => alone,
            })
            .collect()
    }
}

fn public_key(jwk: &Jwk) -> Option<PublicKey> {
    let common = &jwk.common;
    let signs = !matches!(
        common.public_key_use,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))
    );
    let verifies = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !signs || !verifies {
        return None;
    }
    let mut algorithms = algorithms(&jwk.algorithm)?;
    if let Some(named) = common.key_algorithm {
        let named = algorithm(named)?;
        algorithms.retain(|one| *one == named);
    }
    if algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    if let jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind()
        && n.iter().skip_while(|byte| **byte == 0).count() < MINIMUM_RSA_BYTES
    {
        return None;
    }
    Some(PublicKey {
        id: common.key_id.clone(),
        key,
        algorithms,
    })
}

/// What a key of this kind can check at all. A shared secret in a public document is no secret.
fn algorithms(kind: &AlgorithmParameters) -> Option<Vec<Algorithm>> {
    match kind {
        AlgorithmParameters::RSA(_) => Some(vec![Algorithm::RS256, Algorithm::PS256]),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => Some(vec![Algorithm::ES256]),
            EllipticCurve::P384 => Some(vec![Algorithm::ES384]),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(key) => match key.curve {
            EllipticCurve::Ed25519 => Some(vec![Algorithm::EdDSA]),
            _ => None,
        },
        _ => None,
    }
}

fn algorithm(named: KeyAlgorithm) -> Option<Algorithm> {
    match named {
        KeyAlgorithm::RS256 => Some(Algorithm::RS256),
        KeyAlgorithm::PS256 => Some(Algorithm::PS256),
        KeyAlgorithm::ES256 => Some(Algorithm::ES256),
        KeyAlgorithm::ES384 => Some(Algorithm::ES384),
        KeyAlgorithm::EdDSA => Some(Algorithm::EdDSA),
        _ => None,
    }
}
