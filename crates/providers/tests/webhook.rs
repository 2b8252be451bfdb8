//! TK9: only what the sender signed, and only while it is fresh, is believed.

use http::{HeaderMap, HeaderValue};
use providers::webhook::{BadWebhook, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign, verify};

// The published vector.
const SECRET: &str = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
const ID: &str = "9876543210";
const SENT_S: i64 = 1_781_080_794;
const BODY: &str = r#"{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}"#;
const SIGNATURE: &str = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=";

/// Another secret, of 32 bytes.
const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (ID_HEADER, id),
        (TIMESTAMP_HEADER, timestamp),
        (SIGNATURE_HEADER, signature),
    ] {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn published() -> HeaderMap {
    headers(ID, &SENT_S.to_string(), SIGNATURE)
}

#[test]
fn tk9_the_published_vector_is_signed_and_believed() {
    assert_eq!(
        sign(ID, SENT_S, BODY.as_bytes(), SECRET).as_deref(),
        Ok(SIGNATURE)
    );
    assert_eq!(
        verify(&published(), BODY.as_bytes(), &[SECRET], SENT_S),
        Ok(ID)
    );
}

#[test]
fn tk9_tampered_headers_are_refused() {
    use BadWebhook::{Malformed, Signature, Version};
    let sent = SENT_S.to_string();
    let next = (SENT_S + 1).to_string();
    let two = format!("{ID}.{ID}");
    let long = "9".repeat(300);
    let v2 = SIGNATURE.replace("v1,", "v2,");
    let v10 = SIGNATURE.replace("v1,", "v10,");
    let bare = SIGNATURE.replace("v1,", "");
    let cut = SIGNATURE.replace("NJ4=", "");
    let unpadded = SIGNATURE.trim_end_matches('=').to_owned();
    let hidden = format!("{}{SIGNATURE}", "v1,AAAA ".repeat(16));
    // Id, timestamp, signature, refused for.
    let table = [
        ("9876543211", sent.as_str(), SIGNATURE, Signature),
        (ID, &next, SIGNATURE, Signature),
        (
            ID,
            &sent,
            "v1,VsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
            Signature,
        ),
        (
            ID,
            &sent,
            "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ8=",
            Signature,
        ),
        (ID, &sent, &cut, Signature),
        (ID, &sent, &unpadded, Signature),
        (ID, &sent, "v1,", Signature),
        (ID, &sent, "v1,not*base64", Signature),
        (ID, &sent, &hidden, Signature),
        (ID, &sent, &v2, Version),
        (ID, &sent, &v10, Version),
        (ID, &sent, &bare, Version),
        (ID, &sent, "", Version),
        ("", &sent, SIGNATURE, Malformed(ID_HEADER)),
        (&two, &sent, SIGNATURE, Malformed(ID_HEADER)),
        (&long, &sent, SIGNATURE, Malformed(ID_HEADER)),
        (ID, "", SIGNATURE, Malformed(TIMESTAMP_HEADER)),
        (ID, "+1781080794", SIGNATURE, Malformed(TIMESTAMP_HEADER)),
        (ID, "-1781080794", SIGNATURE, Malformed(TIMESTAMP_HEADER)),
        (ID, "1781080794.0", SIGNATURE, Malformed(TIMESTAMP_HEADER)),
        (
            ID,
            "99999999999999999999",
            SIGNATURE,
            Malformed(TIMESTAMP_HEADER),
        ),
    ];
    for (id, timestamp, signature, expected) in table {
        let headers = headers(id, timestamp, signature);
        let found = verify(&headers, BODY.as_bytes(), &[SECRET], SENT_S);
        assert_eq!(found, Err(expected), "{id} {timestamp} {signature}");
    }
}

#[test]
fn tk9_no_byte_of_body_or_signature_may_change() {
    let refused = Err(BadWebhook::Signature);
    for at in 0..BODY.len() {
        let mut body = BODY.as_bytes().to_vec();
        body[at] ^= 1;
        assert_eq!(
            verify(&published(), &body, &[SECRET], SENT_S),
            refused,
            "byte {at}"
        );
    }
    let longer = format!("{BODY} ");
    assert_eq!(
        verify(&published(), longer.as_bytes(), &[SECRET], SENT_S),
        refused
    );
    assert_eq!(verify(&published(), b"", &[SECRET], SENT_S), refused);
    for at in "v1,".len()..SIGNATURE.len() - 1 {
        let mut signature = SIGNATURE.as_bytes().to_vec();
        signature[at] = if signature[at] == b'A' { b'B' } else { b'A' };
        let signature = String::from_utf8(signature).unwrap();
        let headers = headers(ID, &SENT_S.to_string(), &signature);
        let found = verify(&headers, BODY.as_bytes(), &[SECRET], SENT_S);
        assert_eq!(found, refused, "{signature}");
    }
}

/// The end of an id cannot be moved into the time, nor the time into the body.
#[test]
fn tk9_what_is_signed_has_one_reading() {
    let body = format!("{SENT_S}.{BODY}");
    let signature = sign("1", SENT_S, body.as_bytes(), SECRET).unwrap();
    let id = format!("1.{SENT_S}");
    let headers = headers(&id, &SENT_S.to_string(), &signature);
    assert_eq!(
        verify(&headers, BODY.as_bytes(), &[SECRET], SENT_S),
        Err(BadWebhook::Malformed(ID_HEADER))
    );
    assert_eq!(
        sign("a.b", SENT_S, b"", SECRET),
        Err(BadWebhook::Malformed(ID_HEADER))
    );
}

#[test]
fn tk9_a_webhook_is_believed_for_five_minutes_either_way() {
    let headers = published();
    for (now_s, expected) in [
        (SENT_S + 300, Ok(ID)),
        (SENT_S - 300, Ok(ID)),
        (SENT_S + 301, Err(BadWebhook::Stale(301))),
        (SENT_S - 301, Err(BadWebhook::Future(301))),
        (0, Err(BadWebhook::Future(SENT_S))),
        (i64::MAX, Err(BadWebhook::Stale(i64::MAX - SENT_S))),
        (i64::MIN, Err(BadWebhook::Future(i64::MAX))),
    ] {
        let found = verify(&headers, BODY.as_bytes(), &[SECRET], now_s);
        assert_eq!(found, expected, "{now_s}");
    }
}

#[test]
fn tk9_every_header_is_there_once() {
    for name in [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER] {
        let mut without = published();
        without.remove(name);
        assert_eq!(
            verify(&without, BODY.as_bytes(), &[SECRET], SENT_S),
            Err(BadWebhook::Missing(name))
        );
        let mut twice = published();
        twice.append(name, twice[name].clone());
        assert_eq!(
            verify(&twice, BODY.as_bytes(), &[SECRET], SENT_S),
            Err(BadWebhook::Malformed(name))
        );
    }
    let mut binary = published();
    binary.insert(ID_HEADER, HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(
        verify(&binary, BODY.as_bytes(), &[SECRET], SENT_S),
        Err(BadWebhook::Malformed(ID_HEADER))
    );
}

#[test]
fn tk9_secrets_are_rotated_without_a_gap() {
    let of_other = sign(ID, SENT_S, BODY.as_bytes(), OTHER).unwrap();
    let both = format!("{of_other} {SIGNATURE}");
    let with_news = format!("v1a,AAAA {both}");
    // Signatures, our secrets, believed.
    let table: [(&str, &[&str], bool); 8] = [
        (SIGNATURE, &[SECRET, OTHER], true),
        (SIGNATURE, &[OTHER, SECRET], true),
        (&of_other, &[SECRET, OTHER], true),
        (&both, &[SECRET], true),
        (&both, &[OTHER], true),
        (&with_news, &[SECRET], true),
        (SIGNATURE, &[OTHER], false),
        (&of_other, &[SECRET], false),
    ];
    for (signatures, secrets, believed) in table {
        let headers = headers(ID, &SENT_S.to_string(), signatures);
        let found = verify(&headers, BODY.as_bytes(), secrets, SENT_S);
        let expected = if believed {
            Ok(ID)
        } else {
            Err(BadWebhook::Signature)
        };
        assert_eq!(found, expected, "{signatures} by {secrets:?}");
    }
}

#[test]
fn tk9_a_secret_that_is_none_opens_nothing() {
    let headers = published();
    for secrets in [
        &[][..],
        &[""],
        &["whsec_"],
        &["whsec_AAAA"],
        &["whsec_not*base64"],
        &["dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="],
        &[SECRET, "whsec_"],
    ] {
        let found = verify(&headers, BODY.as_bytes(), secrets, SENT_S);
        assert_eq!(found, Err(BadWebhook::Secret), "{secrets:?}");
    }
    assert_eq!(sign(ID, SENT_S, b"", "whsec_"), Err(BadWebhook::Secret));
}
