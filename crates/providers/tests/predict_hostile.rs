//! RL3: what backends that speak `predict` should never answer.

use http::{HeaderMap, StatusCode};
use providers::predict::parse_submit;
use providers::{Begun, CallFailure, Class, Server, Wanted};
use serde_json::json;

const SERVER: Server = Server {
    url: "http://127.0.0.1:9000/base/",
    token: Some("secret"),
};

fn answered(status: u16, body: &str, wanted: Wanted) -> Result<Begun, CallFailure> {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = HeaderMap::new();
    parse_submit(status, &headers, body.as_bytes(), wanted, "t_1", SERVER)
}

#[test]
fn rl3_hostile_answers_become_sentences() {
    use Wanted::{Media, Text};
    let long = "a".repeat(10 * 1024 * 1024);
    let url = |url: &str| json!({"result": {"url": url}}).to_string();
    for (status, body, wanted, expected) in [
        (200, String::new(), Media, "empty body"),
        (200, "{}".into(), Media, "`task_id` is missing"),
        (200, "[]".into(), Media, "not an object"),
        (202, "[]".into(), Media, "not an object"),
        (202, "null".into(), Media, "not an object"),
        (202, r#"{"task_id":"x"#.into(), Media, "not JSON"),
        (202, r#"{"task_id":7}"#.into(), Media, "not a string"),
        (202, r#"{"task_id":""}"#.into(), Media, "is empty"),
        (
            202,
            json!({"task_id": long}).to_string(),
            Media,
            "is longer than",
        ),
        (
            200,
            r#"{"state":7}"#.into(),
            Media,
            "`state` is not a string",
        ),
        (
            200,
            json!({"state": long}).to_string(),
            Media,
            "unknown state",
        ),
        (
            200,
            r#"{"state":"FINISHED"}"#.into(),
            Media,
            "without `result`",
        ),
        (
            200,
            r#"{"state":"PROCESSING"}"#.into(),
            Media,
            "`task_id` is missing",
        ),
        (200, r#"{"result":7}"#.into(), Media, "`result`: "),
        (
            200,
            json!({"result": long}).to_string(),
            Media,
            "`result`: ",
        ),
        (
            200,
            r#"{"result":{}}"#.into(),
            Media,
            "without `result.url`",
        ),
        (200, r#"{"result":{"url":7}}"#.into(), Media, "`result`: "),
        (
            200,
            r#"{"result":{"text":"x"}}"#.into(),
            Media,
            "without `result.url`",
        ),
        (
            200,
            r#"{"result":{"url":"/a"}}"#.into(),
            Text,
            "without `result.text`",
        ),
        (
            200,
            json!({"result": {"text": long}}).to_string(),
            Text,
            "is longer than",
        ),
        (200, url("http://evil.example/a"), Media, "evil.example"),
        (200, url("//evil.example/a"), Media, "evil.example"),
        (200, url("https://127.0.0.1:9001/a"), Media, "9001"),
        (200, url("file:///etc/passwd"), Media, "result.url"),
        (200, url(&long), Media, "too long"),
        (200, url("data:"), Media, "data:"),
        (200, url("data:image/png,abc"), Media, "base64"),
        (
            200,
            url("data:image/png;base64,no base64!"),
            Media,
            "not base64",
        ),
        (200, url("data:image/png;base64,"), Media, "no bytes"),
        (200, url("data:text/html;base64,AAAA"), Media, "text/html"),
        (200, url("data:image/svg+xml;base64,AAAA"), Media, "svg"),
        (
            200,
            url(&format!("data:{long};base64,AAAA")),
            Media,
            "of type",
        ),
        (204, String::new(), Media, "status 204"),
        (302, String::new(), Media, "status 302"),
    ] {
        let failure = answered(status, &body, wanted).unwrap_err();
        let message = &failure.message;
        assert!(message.contains(expected), "{message}, expected {expected}");
        assert!(message.chars().count() < 1000, "{} bytes", message.len());
        assert_eq!(failure.class, Class::Terminal, "{message}");
    }
}

#[test]
fn rl3_an_answer_that_breaks_off_is_told() {
    let whole = r#"{"task_id":"x1","state":"FINISHED","result":{"url":"/a","width":2}}"#;
    for end in 0..whole.len() {
        let failure = answered(200, &whole[..end], Wanted::Media).unwrap_err();
        assert_eq!(failure.class, Class::Terminal, "{}", &whole[..end]);
    }
}
