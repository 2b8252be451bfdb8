//! TK7, RL3: what OpenAI-compatible providers refuse, and what they should never answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use providers::openai::parse_submit;
use providers::{Begun, CallFailure, Class, Wanted};
use serde_json::{Value, json};

fn answered(status: u16, body: &str, wanted: Wanted) -> Result<Begun, CallFailure> {
    let status = StatusCode::from_u16(status).unwrap();
    parse_submit(status, &HeaderMap::new(), body.as_bytes(), wanted)
}

#[test]
fn tk7_errors_by_what_they_name_and_by_their_status() {
    use Class::{Moderation, OutOfCredit, Retryable, Terminal, Unauthorized};
    for (status, kind, code, class) in [
        (400, json!("invalid_request_error"), json!(null), Terminal),
        (
            400,
            json!("invalid_request_error"),
            json!("content_policy_violation"),
            Moderation,
        ),
        (
            400,
            json!("image_generation_user_error"),
            json!("moderation_blocked"),
            Moderation,
        ),
        (400, json!(null), json!("content_filter"), Moderation),
        (
            400,
            json!("invalid_request_error"),
            json!("billing_hard_limit_reached"),
            OutOfCredit,
        ),
        (
            401,
            json!("invalid_request_error"),
            json!("invalid_api_key"),
            Unauthorized,
        ),
        (402, json!(null), json!(null), OutOfCredit),
        (402, json!(null), json!(402), OutOfCredit),
        (403, json!("insufficient_quota"), json!(null), OutOfCredit),
        (
            403,
            json!(null),
            json!("unsupported_country_region_territory"),
            Unauthorized,
        ),
        (
            404,
            json!("invalid_request_error"),
            json!("model_not_found"),
            Terminal,
        ),
        (409, json!(null), json!(null), Terminal),
        (422, json!(null), json!(null), Terminal),
        (
            429,
            json!("requests"),
            json!("rate_limit_exceeded"),
            Retryable,
        ),
        (
            429,
            json!("insufficient_quota"),
            json!("insufficient_quota"),
            OutOfCredit,
        ),
        (429, json!(null), json!(null), Retryable),
        (500, json!("server_error"), json!(null), Retryable),
        (502, json!(null), json!(null), Retryable),
        (503, json!(null), json!(null), Retryable),
        (504, json!(null), json!(null), Retryable),
        (529, json!("overloaded_error"), json!(null), Retryable),
    ] {
        let error = json!({"message": "So it is.", "type": kind, "param": null, "code": code});
        let body = json!({"error": error}).to_string();
        let failure = answered(status, &body, Wanted::Media).unwrap_err();
        assert_eq!(failure.class, class, "{status} {kind} {code}");
        assert!(
            failure.message.ends_with(": So it is."),
            "{}",
            failure.message
        );
    }
    // Servers that put it differently are understood as far as possible.
    for (status, body, class, words) in [
        (
            400,
            r#"{"code":20012,"message":"Model does not exist."}"#,
            Terminal,
            "Model does not exist.",
        ),
        (429, "slow down", Retryable, "429 Too Many Requests"),
        (402, "", OutOfCredit, "402 Payment Required"),
        (503, "<html>", Retryable, "503 Service Unavailable"),
        (400, r#"{"error":"bad"}"#, Terminal, "bad"),
        (
            200,
            r#"{"error":{"message":"No.","code":"moderation_blocked"}}"#,
            Moderation,
            "No.",
        ),
        (200, r#"{"error":"down"}"#, Terminal, "down"),
    ] {
        let failure = answered(status, body, Wanted::Text).unwrap_err();
        assert_eq!(failure.class, class, "{status} {body}");
        assert!(failure.message.ends_with(words), "{}", failure.message);
    }
}

#[test]
fn tk7_retry_after_is_honoured() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "20".parse().unwrap());
    let status = StatusCode::TOO_MANY_REQUESTS;
    let failure = parse_submit(status, &headers, b"{}", Wanted::Text).unwrap_err();
    assert_eq!(failure.retry_after_ms, Some(20_000));
}

#[test]
fn tk7_chat_that_ends_without_an_answer() {
    for (choice, class, words) in [
        (
            json!({"message": {"content": "Onc"}, "finish_reason": "content_filter"}),
            Class::Moderation,
            "content_filter",
        ),
        (
            json!({"message": {"content": null, "refusal": "I will not."}, "finish_reason": "stop"}),
            Class::Moderation,
            "refused: I will not.",
        ),
        (
            json!({"message": {"content": "", "reasoning_content": "Hm."}, "finish_reason": "length"}),
            Class::Terminal,
            "used up its tokens",
        ),
        (
            json!({"message": {"content": null, "tool_calls": []}, "finish_reason": "tool_calls"}),
            Class::Terminal,
            "answered nothing (tool_calls)",
        ),
    ] {
        let body = json!({"choices": [choice]}).to_string();
        let failure = answered(200, &body, Wanted::Text).unwrap_err();
        assert_eq!(failure.class, class, "{body}");
        assert!(failure.message.contains(words), "{}", failure.message);
    }
}

#[test]
fn rl3_hostile_answers_become_sentences() {
    use Wanted::{Media, Text};
    let long = "a".repeat(10 * 1024 * 1024);
    let image = |fields: Value| json!({"data": [fields]}).to_string();
    let html = STANDARD.encode("<html><script>");
    for (body, wanted, expected) in [
        (String::new(), Media, "empty body"),
        ("<html>".into(), Text, "not JSON"),
        ("7".into(), Text, "invalid type"),
        ("{}".into(), Media, "no `data`"),
        ("{}".into(), Text, "no `choices`"),
        (
            r#"{"data":null,"choices":null}"#.into(),
            Text,
            "no `choices`",
        ),
        (r#"{"data":[]}"#.into(), Media, "no `data`"),
        (r#"{"data":[null]}"#.into(), Media, "invalid type"),
        (r#"{"data":[{"b64_json":"iVBO"#.into(), Media, "not JSON"),
        (r#"{"choices":[]}"#.into(), Text, "no `choices`"),
        (r#"{"choices":{}}"#.into(), Text, "invalid type"),
        (r#"{"choices":[{}]}"#.into(), Text, "answered nothing"),
        (
            r#"{"choices":[{"message":null}]}"#.into(),
            Text,
            "answered nothing",
        ),
        (
            r#"{"choices":[{"message":{"content":7}}]}"#.into(),
            Text,
            "invalid type",
        ),
        (
            r#"{"choices":[{"message":{"content":" "}}]}"#.into(),
            Text,
            "answered nothing",
        ),
        (
            json!({"choices": [{"message": {"content": long}}]}).to_string(),
            Text,
            "longer than",
        ),
        (
            json!({"choices": [{"message": {"refusal": long}}]}).to_string(),
            Text,
            "refused",
        ),
        (
            json!({"choices": [{"finish_reason": long}]}).to_string(),
            Text,
            "answered nothing",
        ),
        (json!({"choices": long}).to_string(), Text, "invalid type"),
        (
            json!({"error": {"message": long}}).to_string(),
            Text,
            "an error",
        ),
        (image(json!({})), Media, "without `b64_json`"),
        (
            image(json!({"b64_json": null, "url": null})),
            Media,
            "without `b64_json`",
        ),
        (image(json!({"b64_json": 7})), Media, "invalid type"),
        (
            image(json!({"b64_json": "no base64!"})),
            Media,
            "not base64",
        ),
        (image(json!({"b64_json": ""})), Media, "no bytes"),
        (image(json!({"b64_json": html})), Media, "no known type"),
        (
            image(json!({"b64_json": "R0lGODlh"})),
            Media,
            "no known type",
        ),
        (image(json!({"url": ""})), Media, "not an address"),
        (image(json!({"url": "/a.png"})), Media, "not an address"),
        (
            image(json!({"url": "file:///etc/passwd"})),
            Media,
            "only http and https",
        ),
        (
            image(json!({"url": "data:text/html,x"})),
            Media,
            "only http and https",
        ),
        (
            image(json!({"url": "https://a:b@c.example/"})),
            Media,
            "user name",
        ),
        (
            image(json!({"url": format!("https://a.example/{long}")})),
            Media,
            "too long",
        ),
    ] {
        let failure = answered(200, &body, wanted).unwrap_err();
        let message = &failure.message;
        assert!(message.contains(expected), "{message}, expected {expected}");
        assert!(message.chars().count() < 1000, "{} bytes", message.len());
        assert_ne!(failure.class, Class::Retryable, "{message}");
    }
    for status in [201, 204, 302] {
        let failure = answered(status, "{}", Text).unwrap_err();
        assert!(
            failure.message.contains("nonsense: status"),
            "{}",
            failure.message
        );
    }
}

#[test]
fn rl3_an_answer_that_breaks_off_is_told() {
    let whole = r#"{"choices":[{"message":{"content":"é"},"finish_reason":"stop"}],"usage":null}"#;
    assert!(answered(200, whole, Wanted::Text).is_ok());
    for end in 0..whole.len() {
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let cut = parse_submit(status, &headers, &whole.as_bytes()[..end], Wanted::Text);
        assert_eq!(cut.unwrap_err().class, Class::Terminal, "{end} bytes");
    }
}
