//! RL3: what Gemini should never answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use providers::gemini::parse_submit;
use providers::{Begun, CallFailure, Class, Wanted};
use serde_json::{Value, json};

/// The first bytes of every PNG, in base64.
const PNG: &str = "iVBORw0KGgo=";

fn answered(body: &str, wanted: Wanted) -> Result<Begun, CallFailure> {
    parse_submit(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), wanted)
}

#[test]
fn rl3_hostile_answers_become_sentences() {
    let long = "a".repeat(10 * 1024 * 1024);
    let blob = |media_type: Value, data: Value| {
        let part = json!({"inlineData": {"mimeType": media_type, "data": data}});
        json!({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}).to_string()
    };
    let text =
        |text: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}).to_string();
    let deep = format!(
        "{{\"error\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let html = STANDARD.encode("<script>");
    for (body, wanted, expected) in [
        (String::new(), Wanted::Media, "empty body"),
        ("<html>".into(), Wanted::Media, "not JSON"),
        ("null".into(), Wanted::Media, "invalid type"),
        ("[]".into(), Wanted::Media, "invalid length"),
        ("{}".into(), Wanted::Media, "no candidates"),
        (
            r#"{"candidates":[]}"#.into(),
            Wanted::Media,
            "no candidates",
        ),
        (
            r#"{"candidates":null,"promptFeedback":null,"error":null}"#.into(),
            Wanted::Text,
            "no candidates",
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"inl"#.into(),
            Wanted::Media,
            "not JSON",
        ),
        (r#"{"candidates":7}"#.into(), Wanted::Media, "invalid type"),
        (
            r#"{"candidates":[null]}"#.into(),
            Wanted::Media,
            "invalid type",
        ),
        (
            r#"{"candidates":[{}]}"#.into(),
            Wanted::Media,
            "without a result",
        ),
        (
            r#"{"candidates":[{"content":null}]}"#.into(),
            Wanted::Text,
            "without a result",
        ),
        (
            r#"{"candidates":[{"content":{"parts":null}}]}"#.into(),
            Wanted::Text,
            "without a result",
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"text":null}]}}]}"#.into(),
            Wanted::Text,
            "without a result",
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"text":7}]}}]}"#.into(),
            Wanted::Text,
            "invalid type",
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"text":" \n"}]}}]}"#.into(),
            Wanted::Text,
            "without a result",
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"text":"x","thought":"yes"}]}}]}"#.into(),
            Wanted::Text,
            "invalid type",
        ),
        (
            blob(json!("image/png"), json!("no base64!")),
            Wanted::Media,
            "not base64",
        ),
        (
            blob(json!("image/png"), json!("")),
            Wanted::Media,
            "no bytes",
        ),
        (
            blob(json!("image/png"), json!(null)),
            Wanted::Media,
            "no bytes",
        ),
        (blob(json!(null), json!(PNG)), Wanted::Media, "of no type"),
        (
            blob(json!("text/html"), json!(html)),
            Wanted::Media,
            "text/html",
        ),
        (
            blob(json!("image/svg+xml"), json!(html)),
            Wanted::Media,
            "image/svg+xml",
        ),
        (
            blob(json!("image/png;x=,<"), json!(PNG)),
            Wanted::Media,
            "image/png;x=",
        ),
        (
            blob(json!(long), json!(PNG)),
            Wanted::Media,
            "a picture that is",
        ),
        (text(&long), Wanted::Text, "longer than"),
        (text(&long), Wanted::Media, "without a result"),
        (
            json!({"candidates": long}).to_string(),
            Wanted::Text,
            "invalid type",
        ),
        (
            json!({"error": long}).to_string(),
            Wanted::Text,
            "the operation failed",
        ),
        (
            json!({"candidates": [{"finishReason": long}]}).to_string(),
            Wanted::Text,
            "without a result",
        ),
        (
            json!({"promptFeedback": {"blockReason": long}}).to_string(),
            Wanted::Text,
            "blocked",
        ),
        (deep, Wanted::Text, "recursion"),
    ] {
        let failure = answered(&body, wanted).unwrap_err();
        let message = &failure.message;
        assert!(message.contains(expected), "{message}, expected {expected}");
        assert!(
            message.chars().count() < 1000,
            "{} characters",
            message.len()
        );
        assert_ne!(
            failure.class,
            Class::Retryable,
            "what is paid for is not repeated: {message}"
        );
    }
    for status in [201, 204, 301, 302] {
        let status = StatusCode::from_u16(status).unwrap();
        let failure = parse_submit(status, &HeaderMap::new(), b"{}", Wanted::Text).unwrap_err();
        assert!(
            failure.message.contains("nonsense: status"),
            "{}",
            failure.message
        );
    }
}

#[test]
fn rl3_an_answer_that_breaks_off_is_told() {
    let part = json!({"inlineData": {"mimeType": "image/png", "data": PNG}});
    let whole = json!({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]});
    let whole = whole.to_string();
    assert!(answered(&whole, Wanted::Media).is_ok());
    for end in 0..whole.len() {
        let failure = answered(&whole[..end], Wanted::Media).unwrap_err();
        assert_eq!(failure.class, Class::Terminal, "{}", &whole[..end]);
    }
}
