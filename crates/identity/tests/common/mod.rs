//! An issuer with keys of every kind. The keys beside this file were made for these tests and open
//! nothing.
#![allow(dead_code, reason = "each test file uses its own part")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{Issuer, KeySet, Keys, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub const NOW_S: i64 = 1_800_000_000;
pub const ISSUER: &str = "https://issuer.example/";
pub const RSA: &[u8] = include_bytes!("../keys/rsa.der");
pub const RSA_PUBLIC_DER: &[u8] = include_bytes!("../keys/rsa.pub.der");
pub const RSA_PUBLIC_PEM: &[u8] = include_bytes!("../keys/rsa.pub.pem");

pub fn own() -> Keys {
    Keys::from_secret(b"0123456789abcdef0123456789abcdef").expect("32 bytes")
}

/// The issuer's private keys by their names.
pub fn private(algorithm: Algorithm) -> (&'static str, EncodingKey) {
    match algorithm {
        Algorithm::RS256 | Algorithm::PS256 => ("rsa", EncodingKey::from_rsa_der(RSA)),
        Algorithm::ES256 => (
            "p256",
            EncodingKey::from_ec_der(include_bytes!("../keys/p256.der")),
        ),
        Algorithm::ES384 => (
            "p384",
            EncodingKey::from_ec_der(include_bytes!("../keys/p384.der")),
        ),
        Algorithm::EdDSA => (
            "ed",
            EncodingKey::from_ed_der(include_bytes!("../keys/ed25519.der")),
        ),
        other => unreachable!("{other:?}"),
    }
}

pub fn public(algorithm: Algorithm) -> Value {
    let (name, key) = private(algorithm);
    let mut jwk = Jwk::from_encoding_key(&key, algorithm).expect("a public key");
    jwk.common.key_id = Some(name.into());
    // The same key is for RS256 and PS256.
    jwk.common.key_algorithm = None;
    serde_json::to_value(jwk).expect("JSON")
}

pub fn set_of(keys: Vec<Value>) -> Verifier {
    let keys = KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).expect("keys");
    let issuer = Issuer {
        keys,
        name: Some(ISSUER.into()),
        audience: "clash".into(),
    };
    Verifier::new(own(), Some(issuer))
}

pub fn verifier() -> Verifier {
    let algorithms = [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];
    set_of(algorithms.map(public).to_vec())
}

pub fn outside() -> Value {
    json!({"sub": "carol", "iss": ISSUER, "aud": "clash", "iat": NOW_S, "exp": NOW_S + 60})
}

pub fn changed(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

/// A token of the issuer.
pub fn issued(algorithm: Algorithm, claims: &Value) -> String {
    let (name, key) = private(algorithm);
    let mut header = Header::new(algorithm);
    header.kid = Some(name.into());
    jsonwebtoken::encode(&header, claims, &key).expect("signs")
}

/// A token whose header and payload are written as they are, signed by the issuer's RSA key.
pub fn written(header: &str, payload: &[u8]) -> String {
    let (_, key) = private(Algorithm::RS256);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", encode(header.as_bytes()), encode(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::RS256);
    format!("{message}.{}", signature.expect("signs"))
}

/// A token "signed" with these bytes as if they were a shared secret.
pub fn hmac_with(secret: &[u8], kid: Option<&str>) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = kid.map(str::to_owned);
    let claims = changed(outside(), json!({"role": "admin"}));
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).expect("signs")
}
