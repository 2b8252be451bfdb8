//! TK7: what Gemini refuses.

use http::{HeaderMap, StatusCode};
use providers::gemini::{parse_submit, usage};
use providers::{Begun, CallFailure, Class, Wanted};
use serde_json::{Value, json};

fn answered(body: &str, wanted: Wanted) -> Result<Begun, CallFailure> {
    parse_submit(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), wanted)
}

#[test]
fn tk7_reasons_to_finish_without_a_result() {
    for (reason, class, words) in [
        ("SAFETY", Class::Moderation, "withheld the result (SAFETY)"),
        ("IMAGE_SAFETY", Class::Moderation, "(IMAGE_SAFETY)"),
        (
            "PROHIBITED_CONTENT",
            Class::Moderation,
            "(PROHIBITED_CONTENT)",
        ),
        (
            "IMAGE_PROHIBITED_CONTENT",
            Class::Moderation,
            "(IMAGE_PROHIBITED_CONTENT)",
        ),
        ("RECITATION", Class::Moderation, "(RECITATION)"),
        ("IMAGE_RECITATION", Class::Moderation, "(IMAGE_RECITATION)"),
        ("BLOCKLIST", Class::Moderation, "(BLOCKLIST)"),
        ("SPII", Class::Moderation, "(SPII)"),
        ("NO_IMAGE", Class::Terminal, "made no picture"),
        ("MAX_TOKENS", Class::Terminal, "used up its tokens"),
        ("STOP", Class::Terminal, "without a result"),
        ("OTHER", Class::Terminal, "without a result (OTHER)"),
        ("LANGUAGE", Class::Terminal, "without a result (LANGUAGE)"),
        (
            "MALFORMED_FUNCTION_CALL",
            Class::Terminal,
            "without a result",
        ),
        (
            "FINISH_REASON_UNSPECIFIED",
            Class::Terminal,
            "without a result",
        ),
    ] {
        let bare = json!({"candidates": [{"finishReason": reason, "index": 0}]}).to_string();
        let said = json!({"candidates": [
            {"content": {}, "finishReason": reason, "finishMessage": "Try other words."},
        ]});
        for wanted in [Wanted::Media, Wanted::Text] {
            let failure = answered(&bare, wanted).unwrap_err();
            assert_eq!(failure.class, class, "{reason}");
            assert!(failure.message.contains(words), "{}", failure.message);
            let failure = answered(&said.to_string(), wanted).unwrap_err();
            assert!(
                failure.message.ends_with(": Try other words."),
                "{}",
                failure.message
            );
        }
    }
    // A text that breaks off where it became objectionable is not a result.
    let partial =
        r#"{"candidates":[{"content":{"parts":[{"text":"Once"}]},"finishReason":"SAFETY"}]}"#;
    assert_eq!(
        answered(partial, Wanted::Text).unwrap_err().class,
        Class::Moderation
    );
    // The model's own words say why there is no picture.
    let words =
        r#"{"candidates":[{"content":{"parts":[{"text":"I cannot."}]},"finishReason":"STOP"}]}"#;
    let failure = answered(words, Wanted::Media).unwrap_err();
    assert!(
        failure.message.ends_with(": I cannot."),
        "{}",
        failure.message
    );
}

#[test]
fn tk7_a_blocked_prompt_is_moderation_though_the_status_is_200() {
    for reason in [
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
    ] {
        let body = json!({
            "promptFeedback": {"blockReason": reason},
            "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
        });
        let failure = answered(&body.to_string(), Wanted::Media).unwrap_err();
        assert_eq!(failure.class, Class::Moderation);
        assert!(failure.message.contains(reason), "{}", failure.message);
        assert_eq!(
            usage(body.to_string().as_bytes()).unwrap().total_tokens,
            Some(4)
        );
    }
}

fn refused(code: u16, status: &str, message: &str, details: Value) -> CallFailure {
    let body =
        json!({"error": {"code": code, "message": message, "status": status, "details": details}});
    let status = StatusCode::from_u16(code).unwrap();
    let body = body.to_string();
    let of = |status| parse_submit(status, &HeaderMap::new(), body.as_bytes(), Wanted::Media);
    let failure = of(status).unwrap_err();
    assert_eq!(of(StatusCode::OK).unwrap_err(), failure, "with status 200");
    failure
}

#[test]
fn tk7_a_key_that_is_not_valid_is_told_by_its_reason() {
    let told = |details| refused(400, "INVALID_ARGUMENT", "API key not valid.", details).class;
    let info = "type.googleapis.com/google.rpc.ErrorInfo";
    let reason =
        |reason: &str| json!([{"@type": info, "reason": reason, "domain": "googleapis.com"}]);
    assert_eq!(told(reason("API_KEY_INVALID")), Class::Unauthorized);
    assert_eq!(told(reason("SOMETHING_ELSE")), Class::Terminal);
    for nonsense in [
        json!(null),
        json!("API_KEY_INVALID"),
        json!([7]),
        json!([{"reason": 1}]),
    ] {
        assert_eq!(told(nonsense), Class::Terminal);
    }
}

#[test]
fn tk7_errors_by_their_status() {
    for (code, status, message, class) in [
        (
            400,
            "INVALID_ARGUMENT",
            "API key not valid.",
            Class::Terminal,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "Not available in your country.",
            Class::Terminal,
        ),
        (
            401,
            "UNAUTHENTICATED",
            "No credentials.",
            Class::Unauthorized,
        ),
        (
            403,
            "PERMISSION_DENIED",
            "No permission.",
            Class::Unauthorized,
        ),
        (404, "NOT_FOUND", "models/x is not found.", Class::Terminal),
        (409, "ABORTED", "Concurrency conflict.", Class::Terminal),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Resource has been exhausted.",
            Class::Retryable,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details. Quota: GenerateRequestsPerDayPerProject",
            Class::Retryable,
        ),
        (500, "INTERNAL", "An internal error.", Class::Retryable),
        (502, "UNKNOWN", "Bad gateway.", Class::Retryable),
        (
            503,
            "UNAVAILABLE",
            "The model is overloaded.",
            Class::Retryable,
        ),
        (
            504,
            "DEADLINE_EXCEEDED",
            "Deadline expired.",
            Class::Retryable,
        ),
    ] {
        let failure = refused(code, status, message, json!(null));
        assert_eq!(failure.class, class, "{code} {status}");
        assert!(failure.message.ends_with(message), "{}", failure.message);
        assert_eq!(failure.retry_after_ms, None);
    }
}

#[test]
fn tk7_a_retry_delay_among_the_details_is_honoured() {
    for (delay, expected) in [
        (json!("37s"), Some(37_000)),
        (json!("3.5s"), Some(3_500)),
        (json!("0.0001s"), Some(1)),
        (json!("37"), None),
        (json!("-1s"), None),
        (json!("infs"), None),
        (json!("1e9s"), None),
        (json!("99999999999s"), None),
        (json!("s"), None),
        (json!(37), None),
        (json!(null), None),
    ] {
        let details = json!([
            7,
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
        ]);
        let failure = refused(429, "RESOURCE_EXHAUSTED", "Slow down.", details);
        assert_eq!(failure.retry_after_ms, expected, "{delay}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "60".parse().unwrap());
    let body = br#"{"error":{"details":[{"@type":"google.rpc.RetryInfo","retryDelay":"5s"}]}}"#;
    let status = StatusCode::TOO_MANY_REQUESTS;
    let failure = parse_submit(status, &headers, body, Wanted::Media).unwrap_err();
    assert_eq!(failure.retry_after_ms, Some(60_000), "the later of the two");
}
