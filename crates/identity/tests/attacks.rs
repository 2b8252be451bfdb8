//! Tokens from outside by tables of attacks (GW2).

mod common;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::*;
use identity::TokenError;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

#[test]
fn gw2_a_public_key_is_no_shared_secret() {
    let jwk = public(Algorithm::RS256);
    let modulus = URL_SAFE_NO_PAD
        .decode(jwk["n"].as_str().expect("a modulus"))
        .expect("base64url");
    let point = public(Algorithm::ES256);
    let x = URL_SAFE_NO_PAD
        .decode(point["x"].as_str().expect("a coordinate"))
        .expect("base64url");
    let without_line_end = RSA_PUBLIC_PEM.trim_ascii_end();
    let secrets: [(&str, Vec<u8>); 8] = [
        ("PEM", RSA_PUBLIC_PEM.to_vec()),
        ("PEM without its last line end", without_line_end.to_vec()),
        ("DER", RSA_PUBLIC_DER.to_vec()),
        (
            "DER in base64",
            STANDARD.encode(RSA_PUBLIC_DER).into_bytes(),
        ),
        ("JWK", jwk.to_string().into_bytes()),
        ("modulus", modulus),
        ("coordinate", x),
        ("nothing", Vec::new()),
    ];
    for (name, secret) in secrets {
        for kid in [None, Some("rsa"), Some("p256")] {
            let found = verifier().verify(&hmac_with(&secret, kid), NOW_S);
            assert_eq!(found, Err(TokenError::Invalid), "{name}, {kid:?}");
        }
    }
}

#[test]
fn gw2_forged_headers_by_a_table() {
    let payload = changed(outside(), json!({"role": "admin"})).to_string();
    let payload = payload.as_bytes();
    let with = |header: Value| written(&header.to_string(), payload);
    let mallory = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32])});
    let table: Vec<(&str, String, Result<(), TokenError>)> = vec![
        (
            "as it should be",
            with(json!({"alg": "RS256", "kid": "rsa"})),
            Ok(()),
        ),
        (
            "none",
            with(json!({"alg": "none", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "None",
            with(json!({"alg": "None", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "nOnE",
            with(json!({"alg": "nOnE", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "no algorithm",
            with(json!({"kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "rs256",
            with(json!({"alg": "rs256", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "RS512",
            with(json!({"alg": "RS512", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "PS256 over RS256",
            with(json!({"alg": "PS256", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "ES256 with an RSA key",
            with(json!({"alg": "ES256", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "RS256 with an EC key",
            with(json!({"alg": "RS256", "kid": "p256"})),
            Err(TokenError::Invalid),
        ),
        (
            "EdDSA with an EC key",
            with(json!({"alg": "EdDSA", "kid": "p256"})),
            Err(TokenError::Invalid),
        ),
        (
            "HS256",
            with(json!({"alg": "HS256", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "HS512",
            with(json!({"alg": "HS512", "kid": "rsa"})),
            Err(TokenError::Invalid),
        ),
        (
            "two algorithms",
            written(r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#, payload),
            Err(TokenError::Invalid),
        ),
        (
            "no key id of several",
            with(json!({"alg": "RS256"})),
            Err(TokenError::UnknownKey),
        ),
        (
            "an unknown key id",
            with(json!({"alg": "RS256", "kid": "new"})),
            Err(TokenError::UnknownKey),
        ),
        (
            "a path",
            with(json!({"alg": "RS256", "kid": "../../../../dev/null"})),
            Err(TokenError::UnknownKey),
        ),
        (
            "SQL",
            with(json!({"alg": "RS256", "kid": "' OR 1=1 --"})),
            Err(TokenError::UnknownKey),
        ),
        (
            "an address",
            with(json!({"alg": "RS256", "kid": "http://127.0.0.1/keys"})),
            Err(TokenError::UnknownKey),
        ),
        (
            "an empty key id",
            with(json!({"alg": "RS256", "kid": ""})),
            Err(TokenError::UnknownKey),
        ),
        (
            "a key id that is no text",
            with(json!({"alg": "RS256", "kid": 1})),
            Err(TokenError::Invalid),
        ),
        (
            "a key of its own",
            with(json!({"alg": "RS256", "kid": "rsa", "jwk": public(Algorithm::RS256)})),
            Ok(()),
        ),
        (
            "another key of its own",
            with(json!({"alg": "RS256", "kid": "p384", "jwk": public(Algorithm::RS256)})),
            Err(TokenError::Invalid),
        ),
        (
            "a secret of its own",
            with(json!({"alg": "HS256", "kid": "rsa", "jwk": mallory})),
            Err(TokenError::Invalid),
        ),
        (
            "keys elsewhere",
            with(json!({"alg": "RS256", "kid": "x", "jku": "https://mallory.example/jwks"})),
            Err(TokenError::UnknownKey),
        ),
        (
            "certificates",
            with(
                json!({"alg": "RS256", "kid": "x", "x5c": ["MIIB"], "x5u": "https://mallory.example/"}),
            ),
            Err(TokenError::UnknownKey),
        ),
        (
            "an extension that must be known",
            with(json!({"alg": "RS256", "kid": "rsa", "crit": ["exp"], "exp": 1})),
            Err(TokenError::Invalid),
        ),
        (
            "an unencoded payload",
            with(json!({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false})),
            Err(TokenError::Invalid),
        ),
        (
            "nothing that must be known",
            with(json!({"alg": "RS256", "kid": "rsa", "crit": []})),
            Err(TokenError::Invalid),
        ),
        (
            "a header that is a list",
            written("[]", payload),
            Err(TokenError::Invalid),
        ),
        (
            "an empty header",
            written("", payload),
            Err(TokenError::Invalid),
        ),
    ];
    for (name, token, expected) in table {
        assert_eq!(
            verifier().verify(&token, NOW_S).map(drop),
            expected,
            "{name}"
        );
    }
}

#[test]
fn gw2_broken_tokens_by_a_table() {
    let valid = issued(Algorithm::RS256, &outside());
    let (message, signature) = valid.rsplit_once('.').expect("three parts");
    let (header, payload) = message.split_once('.').expect("two parts");
    let plain = r#"{"alg":"RS256","kid":"rsa"}"#;
    let twice = format!(
        r#"{{"sub":"carol","sub":"root","iss":"{ISSUER}","aud":"clash","exp":{}}}"#,
        NOW_S + 60
    );
    let other = issued(
        Algorithm::RS256,
        &changed(outside(), json!({"sub": "root"})),
    );
    let other_payload = other.split('.').nth(1).expect("a payload");
    let swapped = issued(Algorithm::ES256, &outside());
    let swapped_signature = swapped.rsplit('.').next().expect("a signature");
    let table: Vec<(&str, String)> = vec![
        ("empty", String::new()),
        ("two dots", "..".into()),
        ("no signature", format!("{message}.")),
        ("two parts", message.into()),
        ("four parts", format!("{valid}.{signature}")),
        ("five parts", format!("{valid}.{signature}.{signature}")),
        ("a part before", format!(".{valid}")),
        ("a space behind", format!("{valid} ")),
        ("padding", format!("{valid}=")),
        (
            "another payload",
            format!("{header}.{other_payload}.{signature}"),
        ),
        (
            "another signature",
            format!("{message}.{swapped_signature}"),
        ),
        (
            "half a signature",
            format!("{message}.{}", &signature[..signature.len() / 2]),
        ),
        ("a line break", format!("{header}.\n{payload}.{signature}")),
        ("huge", "a".repeat(100_000)),
        (
            "huge parts",
            format!("{header}.{}.{signature}", "a".repeat(100_000)),
        ),
        ("umlauts", "ä.ö.ü".into()),
        ("not UTF-8", written(plain, b"{\"sub\":\"\xff\xfe\"}")),
        ("not JSON", written(plain, b"sub=carol")),
        ("a list", written(plain, b"[]")),
        ("deep", written(plain, "[".repeat(3_000).as_bytes())),
        ("a claim twice", written(plain, twice.as_bytes())),
        (
            "all zeros",
            format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 256])),
        ),
    ];
    for (name, token) in table {
        assert_eq!(
            verifier().verify(&token, NOW_S),
            Err(TokenError::Invalid),
            "{name}"
        );
        assert!(own().verify_access(&token, NOW_S).is_err(), "{name}, ours");
    }
    // The signature of all zeros that some libraries took for ES256 (CVE-2022-21449).
    let es256 = issued(Algorithm::ES256, &outside());
    let (message, _) = es256.rsplit_once('.').expect("three parts");
    let zeros = format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    assert_eq!(verifier().verify(&zeros, NOW_S), Err(TokenError::Invalid));
}
