//! Tokens from outside by tables of attacks (GW2): what a verifier must take, and what it must not.
//!
//! The keys beside this file were made for it and open nothing.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use identity::{Claims, Issuer, KeySet, KeySetError, Keys, Role, TokenError, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const NOW_S: i64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example/";
const RSA: &[u8] = include_bytes!("keys/rsa.der");
const RSA_PUBLIC_DER: &[u8] = include_bytes!("keys/rsa.pub.der");
const RSA_PUBLIC_PEM: &[u8] = include_bytes!("keys/rsa.pub.pem");

fn own() -> Keys {
    Keys::from_secret(b"0123456789abcdef0123456789abcdef").expect("32 bytes")
}

/// The issuer's private keys by their names.
fn private(algorithm: Algorithm) -> (&'static str, EncodingKey) {
    match algorithm {
        Algorithm::RS256 | Algorithm::PS256 => ("rsa", EncodingKey::from_rsa_der(RSA)),
        Algorithm::ES256 => (
            "p256",
            EncodingKey::from_ec_der(include_bytes!("keys/p256.der")),
        ),
        Algorithm::ES384 => (
            "p384",
            EncodingKey::from_ec_der(include_bytes!("keys/p384.der")),
        ),
        Algorithm::EdDSA => (
            "ed",
            EncodingKey::from_ed_der(include_bytes!("keys/ed25519.der")),
        ),
        other => unreachable!("{other:?}"),
    }
}

fn public(algorithm: Algorithm) -> Value {
    let (name, key) = private(algorithm);
    let mut jwk = Jwk::from_encoding_key(&key, algorithm).expect("a public key");
    jwk.common.key_id = Some(name.into());
    // The same key is for RS256 and PS256.
    jwk.common.key_algorithm = None;
    serde_json::to_value(jwk).expect("JSON")
}

fn set_of(keys: Vec<Value>) -> Verifier {
    let keys = KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).expect("keys");
    let issuer = Issuer {
        keys,
        name: Some(ISSUER.into()),
        audience: "clash".into(),
    };
    Verifier::new(own(), Some(issuer))
}

fn verifier() -> Verifier {
    let algorithms = [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];
    set_of(algorithms.map(public).to_vec())
}

fn outside() -> Value {
    json!({"sub": "carol", "iss": ISSUER, "aud": "clash", "iat": NOW_S, "exp": NOW_S + 60})
}

fn changed(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

/// A token of the issuer.
fn issued(algorithm: Algorithm, claims: &Value) -> String {
    let (name, key) = private(algorithm);
    let mut header = Header::new(algorithm);
    header.kid = Some(name.into());
    jsonwebtoken::encode(&header, claims, &key).expect("signs")
}

/// A token whose header and payload are written as they are, signed by the issuer's RSA key.
fn written(header: &str, payload: &[u8]) -> String {
    let (_, key) = private(Algorithm::RS256);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", encode(header.as_bytes()), encode(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::RS256);
    format!("{message}.{}", signature.expect("signs"))
}

/// A token "signed" with these bytes as if they were a shared secret.
fn hmac_with(secret: &[u8], kid: Option<&str>) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = kid.map(str::to_owned);
    let claims = changed(outside(), json!({"role": "admin"}));
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).expect("signs")
}

#[test]
fn gw2_tokens_of_an_issuer_are_taken_by_the_kind_of_its_keys() {
    for algorithm in [
        Algorithm::RS256,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let claims = verifier().verify(&issued(algorithm, &outside()), NOW_S);
        let claims = claims.unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
        assert_eq!(claims.sub, "carol");
        // Who says nothing about projects gets those of which it is a member.
        assert!(claims.member);
        assert_eq!(claims.role, Role::Viewer);
        assert_eq!(claims.tenant, "default");
    }
}

#[test]
fn gw2_claims_of_an_issuer_by_a_table() {
    type Read = (Role, bool, Option<Vec<String>>);
    let one = || Some(vec!["p1".to_owned()]);
    let table: [(&str, Value, Result<Read, TokenError>); 14] = [
        (
            "a role",
            json!({"role": "editor"}),
            Ok((Role::Editor, true, None)),
        ),
        (
            "a role of somebody else's",
            json!({"role": "authenticated"}),
            Ok((Role::Viewer, true, None)),
        ),
        (
            "projects",
            json!({"projects": ["p1"]}),
            Ok((Role::Viewer, false, one())),
        ),
        (
            "several audiences",
            json!({"aud": ["x", "clash"]}),
            Ok((Role::Viewer, true, None)),
        ),
        (
            "the service role",
            json!({"role": "service"}),
            Err(TokenError::Invalid),
        ),
        (
            "a role that is no word",
            json!({"role": ["admin"]}),
            Err(TokenError::Invalid),
        ),
        (
            "another audience",
            json!({"aud": "clash:sync"}),
            Err(TokenError::Audience),
        ),
        (
            "other audiences",
            json!({"aud": ["x", "y"]}),
            Err(TokenError::Audience),
        ),
        (
            "another issuer",
            json!({"iss": "https://else.example/"}),
            Err(TokenError::Issuer),
        ),
        (
            "an issuer without its slash",
            json!({"iss": "https://issuer.example"}),
            Err(TokenError::Issuer),
        ),
        ("no issuer", json!({"iss": null}), Err(TokenError::Issuer)),
        ("no subject", json!({"sub": ""}), Err(TokenError::Invalid)),
        (
            "a subject with a line break",
            json!({"sub": "a\nb"}),
            Err(TokenError::Invalid),
        ),
        (
            "no subject at all",
            json!({"sub": null}),
            Err(TokenError::Invalid),
        ),
    ];
    for (name, changes, expected) in table {
        let token = issued(Algorithm::ES256, &changed(outside(), changes));
        let found = verifier().verify(&token, NOW_S);
        let found = found.map(|claims| (claims.role, claims.member, claims.projects));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn gw2_times_by_a_table() {
    let table = [
        (
            "expired",
            json!({"exp": NOW_S - 31}),
            Err(TokenError::Expired),
        ),
        ("within the leeway", json!({"exp": NOW_S - 29}), Ok(())),
        ("negative", json!({"exp": -1}), Err(TokenError::Expired)),
        (
            "the smallest",
            json!({"exp": i64::MIN}),
            Err(TokenError::Expired),
        ),
        ("the largest", json!({"exp": i64::MAX}), Ok(())),
        (
            "larger than that",
            json!({"exp": u64::MAX}),
            Err(TokenError::Invalid),
        ),
        (
            "a fraction",
            json!({"exp": 1_900_000_000.5}),
            Err(TokenError::Invalid),
        ),
        (
            "a huge fraction",
            json!({"exp": 1e300}),
            Err(TokenError::Invalid),
        ),
        (
            "text",
            json!({"exp": "1900000000"}),
            Err(TokenError::Invalid),
        ),
        ("null", json!({"exp": null}), Err(TokenError::Invalid)),
        (
            "a list",
            json!({"exp": [NOW_S + 60]}),
            Err(TokenError::Invalid),
        ),
        (
            "issued in the future",
            json!({"iat": NOW_S + 31}),
            Err(TokenError::NotYet),
        ),
        (
            "issued by a clock ahead",
            json!({"iat": NOW_S + 29}),
            Ok(()),
        ),
        (
            "not before later",
            json!({"nbf": NOW_S + 31}),
            Err(TokenError::NotYet),
        ),
        (
            "not before the largest",
            json!({"nbf": i64::MAX}),
            Err(TokenError::NotYet),
        ),
        (
            "not before as text",
            json!({"nbf": "0"}),
            Err(TokenError::Invalid),
        ),
        ("without a time of issue", json!({"iat": null}), Ok(())),
    ];
    for (name, changes, expected) in table {
        let claims = changed(outside(), changes);
        let token = issued(Algorithm::EdDSA, &claims);
        assert_eq!(
            verifier().verify(&token, NOW_S).map(drop),
            expected,
            "{name}"
        );
        let ours = changed(claims, json!({"role": "editor"}));
        let header = Header::new(Algorithm::HS256);
        let secret = EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
        let token = jsonwebtoken::encode(&header, &ours, &secret).expect("signs");
        assert_eq!(
            own().verify_access(&token, NOW_S).map(drop),
            expected,
            "{name}, ours"
        );
    }
}

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

#[test]
fn gw2_own_tokens_and_an_issuers_do_not_meet() {
    let ours = Claims::access("alice", Role::Editor, NOW_S, 60);
    let token = own().sign(&ours).expect("signs");
    assert_eq!(verifier().verify(&token, NOW_S), Ok(ours.clone()));
    assert_eq!(Verifier::new(own(), None).verify(&token, NOW_S), Ok(ours));
    // Without an issuer nobody else's token is good.
    let theirs = issued(Algorithm::RS256, &outside());
    assert_eq!(
        Verifier::new(own(), None).verify(&theirs, NOW_S),
        Err(TokenError::Invalid)
    );
    for token in [
        own().sign_service("edge", "gateway", NOW_S).expect("signs"),
        own()
            .sign(&Claims::access("x", Role::Service, NOW_S, 60))
            .expect("signs"),
        Keys::from_secret(b"another secret of thirty-two byte")
            .expect("long enough")
            .sign(&Claims::access("a", Role::Admin, NOW_S, 60))
            .expect("signs"),
    ] {
        assert!(verifier().verify(&token, NOW_S).is_err());
    }
}

#[test]
fn gw2_key_sets_by_a_table() {
    let with = |algorithm, changes| changed(public(algorithm), changes);
    let small = EncodingKey::from_rsa_der(include_bytes!("keys/rsa1024.der"));
    let small = Jwk::from_encoding_key(&small, Algorithm::RS256).expect("a public key");
    let secret = json!({"kty": "oct", "kid": "rsa", "alg": "RS256", "k": "AAAA"});
    let table: Vec<(&str, Value, Result<(), TokenError>)> = vec![
        (
            "RS256 alone",
            with(Algorithm::RS256, json!({"alg": "RS256"})),
            Ok(()),
        ),
        (
            "for PS256",
            with(Algorithm::RS256, json!({"alg": "PS256"})),
            Err(TokenError::Invalid),
        ),
        (
            "for signatures",
            with(Algorithm::RS256, json!({"use": "sig"})),
            Ok(()),
        ),
        (
            "to verify",
            with(Algorithm::RS256, json!({"key_ops": ["verify"]})),
            Ok(()),
        ),
        (
            "without a name",
            with(Algorithm::RS256, json!({"kid": null})),
            Ok(()),
        ),
        (
            "of another name",
            with(Algorithm::RS256, json!({"kid": "new"})),
            Err(TokenError::UnknownKey),
        ),
    ];
    let token = issued(Algorithm::RS256, &outside());
    for (name, key, expected) in table {
        assert_eq!(
            set_of(vec![key]).verify(&token, NOW_S).map(drop),
            expected,
            "{name}"
        );
    }
    let useless = [
        ("a secret", secret.clone()),
        (
            "for encryption",
            with(Algorithm::RS256, json!({"use": "enc"})),
        ),
        (
            "to sign",
            with(Algorithm::RS256, json!({"key_ops": ["sign"]})),
        ),
        ("for HS256", with(Algorithm::RS256, json!({"alg": "HS256"}))),
        (
            "for RSA-OAEP",
            with(Algorithm::RS256, json!({"alg": "RSA-OAEP"})),
        ),
        ("too short", serde_json::to_value(small).expect("JSON")),
        (
            "of another curve",
            with(Algorithm::ES256, json!({"crv": "P-521"})),
        ),
        ("unknown", json!({"kty": "ML-KEM"})),
        ("nothing", json!({})),
        ("text", json!("rsa")),
    ];
    for (name, key) in useless {
        let set = json!({ "keys": [key] }).to_string();
        let found = KeySet::from_json(set.as_bytes()).map(drop);
        assert_eq!(found, Err(KeySetError::Empty), "{name}");
        // It does not spoil the others.
        let both = set_of(vec![key, public(Algorithm::RS256)]);
        assert!(both.verify(&token, NOW_S).is_ok(), "{name}");
    }
    for text in ["", "{}", "[]", "{\"keys\":{}}", "<html>"] {
        let found = KeySet::from_json(text.as_bytes()).map(drop);
        assert_eq!(found, Err(KeySetError::Malformed), "{text}");
    }
    // A name that is in the token's header finds no secret of the set either.
    let both = set_of(vec![secret, public(Algorithm::ES256)]);
    assert_eq!(
        both.verify(&hmac_with(&[0, 0, 0], Some("rsa")), NOW_S),
        Err(TokenError::Invalid)
    );
}
