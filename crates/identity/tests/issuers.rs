//! Tokens of an outside issuer: what a verifier takes, and how it reads them (GW2).

mod common;

use common::*;
use identity::{Claims, KeySet, KeySetError, Keys, Role, TokenError, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

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
