//! TK7, TK8, RL3: Veo's operations, which are polled.

use http::{HeaderMap, StatusCode};
use providers::gemini::{download, parse_poll, parse_submit, poll, submit};
use providers::{
    Account, Begun, CallFailure, Class, Inline, Job, Key, Product, Report, Unfit, Wanted,
};
use serde_json::{Value, json};

const ACCOUNT: Account = Account {
    url: "https://generativelanguage.googleapis.com/v1beta",
    model: "veo-3.0-generate-001",
    key: Key::Plain("AIza-secret"),
};
const NAME: &str = "models/veo-3.0-generate-001/operations/a1b2-c3";

fn asked(params: &Value, inline: &[Inline]) -> Result<http::Request<Vec<u8>>, Unfit> {
    let job = Job {
        key: "t_1.1",
        kind: "video_gen",
        prompt: "a boat sails away",
        params,
        inputs: &[],
        callback_url: None,
    };
    submit(&job, inline, &ACCOUNT)
}

fn polled(status: u16, body: &str) -> Result<Report, CallFailure> {
    let status = StatusCode::from_u16(status).unwrap();
    parse_poll(status, &HeaderMap::new(), body.as_bytes(), &ACCOUNT)
}

#[test]
fn tk8_a_video_is_asked_for_as_published() {
    let png = Inline {
        media_type: "image/png",
        bytes: b"\x89PNG\r\n\x1a\n",
    };
    let params = json!({"aspect_ratio": "16:9", "resolution": "720p", "duration": 8});
    let request = asked(&params, &[png]).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(
        request.uri(),
        "https://generativelanguage.googleapis.com/v1beta/models/veo-3.0-generate-001:predictLongRunning"
    );
    assert_eq!(request.headers()["x-goog-api-key"], "AIza-secret");
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(
        body,
        json!({
            "instances": [{
                "prompt": "a boat sails away",
                "image": {"bytesBase64Encoded": "iVBORw0KGgo=", "mimeType": "image/png"},
            }],
            "parameters": {"aspectRatio": "16:9", "resolution": "720p", "durationSeconds": 8},
        })
    );
    let plain = asked(&json!({"duration": "6"}), &[]).unwrap();
    let body: Value = serde_json::from_slice(plain.body()).unwrap();
    assert_eq!(body["parameters"], json!({"durationSeconds": 6}));
    assert!(asked(&json!({}), &[png, png]).is_err());
}

#[test]
fn tk8_an_operation_begins_and_is_polled() {
    let body = json!({"name": NAME}).to_string();
    let of = |wanted| {
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        parse_submit(status, &headers, body.as_bytes(), wanted)
    };
    let external_id = NAME.to_owned();
    assert_eq!(of(Wanted::Media), Ok(Begun::Accepted { external_id }));
    assert!(of(Wanted::Text).is_err());
    let request = poll(NAME, &ACCOUNT).unwrap();
    assert_eq!(request.method(), "GET");
    assert_eq!(
        request.uri().to_string(),
        format!("https://generativelanguage.googleapis.com/v1beta/{NAME}")
    );
    assert_eq!(request.headers()["x-goog-api-key"], "AIza-secret");
}

#[test]
fn tk8_a_published_operation_from_beginning_to_end() {
    for body in [json!({"name": NAME}), json!({"name": NAME, "done": false})] {
        let report = polled(200, &body.to_string()).unwrap();
        assert_eq!(report, Report::Working { progress: None });
    }
    let uri = "https://generativelanguage.googleapis.com/v1beta/files/f1:download?alt=media";
    let done = json!({
        "name": NAME,
        "done": true,
        "response": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse",
            "generateVideoResponse": {"generatedSamples": [{"video": {"uri": uri}}]},
        },
    });
    let finished = Report::Finished(Product {
        url: Some(uri.into()),
        media_type: Some("video/mp4".into()),
        ..Product::default()
    });
    assert_eq!(polled(200, &done.to_string()), Ok(finished));
    let request = download(uri, &ACCOUNT).unwrap();
    assert_eq!(request.uri(), uri);
    assert_eq!(request.headers()["x-goog-api-key"], "AIza-secret");
}

#[test]
fn tk7_a_video_that_was_filtered_is_moderation() {
    let done = json!({"done": true, "response": {"generateVideoResponse": {
        "raiMediaFilteredCount": 1,
        "raiMediaFilteredReasons": ["It may show a person.", "Ask for another one."],
    }}});
    match polled(200, &done.to_string()) {
        Ok(Report::Failed(failure)) => {
            assert_eq!(failure.class, Class::Moderation);
            let words = "withheld the video: It may show a person. Ask for another one.";
            assert!(failure.message.ends_with(words), "{}", failure.message);
        }
        other => panic!("{other:?}"),
    }
    // One of two is enough.
    let one = json!({"done": true, "response": {"generateVideoResponse": {
        "generatedSamples": [{"video": {"uri": "/v1beta/files/f"}}], "raiMediaFilteredCount": 1,
    }}});
    assert!(matches!(
        polled(200, &one.to_string()),
        Ok(Report::Finished(_))
    ));
}

#[test]
fn tk7_errors_of_operations_by_their_code() {
    for (code, class) in [
        (1, Class::Terminal),
        (2, Class::Terminal),
        (3, Class::Terminal),
        (4, Class::Retryable),
        (5, Class::Terminal),
        (6, Class::Terminal),
        (7, Class::Terminal),
        (8, Class::Retryable),
        (9, Class::Terminal),
        (10, Class::Terminal),
        (11, Class::Terminal),
        (12, Class::Terminal),
        (13, Class::Retryable),
        (14, Class::Retryable),
        (15, Class::Terminal),
        (16, Class::Terminal),
    ] {
        let body = json!({"done": true, "error": {"code": code, "message": "So it is."}});
        match polled(200, &body.to_string()) {
            Ok(Report::Failed(failure)) => {
                assert_eq!(failure.class, class, "{code}");
                assert!(
                    failure.message.ends_with("So it is."),
                    "{}",
                    failure.message
                );
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn tk7_refused_polls() {
    for (status, class) in [
        (400, Class::Terminal),
        (401, Class::Unauthorized),
        (403, Class::Unauthorized),
        (429, Class::Retryable),
        (500, Class::Retryable),
        (503, Class::Retryable),
        (504, Class::Retryable),
    ] {
        assert_eq!(polled(status, "{}").unwrap_err().class, class, "{status}");
    }
    // An operation that is gone may have been paid for: not made again.
    for status in [404, 410] {
        match polled(status, "{}") {
            Ok(Report::Failed(failure)) => assert_eq!(failure.class, Class::Terminal),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rl3_names_of_operations_cannot_leave_their_path() {
    let long = format!("operations/{}", "a".repeat(300));
    for (name, is_one) in [
        (NAME, true),
        ("operations/x", true),
        ("", false),
        ("operations", false),
        ("operations/", false),
        ("operations/..", false),
        ("../operations/x", false),
        ("models/../operations/x", false),
        ("models/m/operations/x?alt=media", false),
        ("models/m/operations/x#", false),
        ("models/m/operations/%2e%2e", false),
        ("models/m/operations/x\\y", false),
        ("models/m/operations/x y", false),
        ("models/m/operations/x\r\nhost: evil", false),
        ("models/m/operations/x/y", false),
        ("models/m", false),
        ("files/m/operations/x", false),
        ("/operations/x", false),
        ("//evil.example/operations/x", false),
        ("@evil.example/operations/x", false),
        ("https://evil.example/operations/x", false),
        (&long, false),
    ] {
        assert_eq!(poll(name, &ACCOUNT).is_ok(), is_one, "{name}");
        let body = json!({"name": name}).to_string();
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let begun = parse_submit(status, &headers, body.as_bytes(), Wanted::Media);
        assert_eq!(begun.is_ok(), is_one, "{name}");
    }
}

#[test]
fn rl3_hostile_operations_become_sentences() {
    let video = |uri: &str| {
        json!({"done": true, "response": {"generateVideoResponse": {
            "generatedSamples": [{"video": {"uri": uri}}],
        }}})
        .to_string()
    };
    let long = "a".repeat(10_000);
    for (body, expected) in [
        (String::new(), "empty body"),
        (r#"{"done":tru"#.into(), "not JSON"),
        (r#"{"done":"yes"}"#.into(), "invalid type"),
        (r#"{"done":true}"#.into(), "without a response"),
        (r#"{"done":true,"response":null}"#.into(), "without a response"),
        (r#"{"done":true,"response":7}"#.into(), "invalid type"),
        (r#"{"done":true,"response":{}}"#.into(), "without a response"),
        (
            r#"{"done":true,"response":{"generateVideoResponse":{"generatedSamples":[]}}}"#.into(),
            "without a video",
        ),
        (
            r#"{"done":true,"response":{"generateVideoResponse":{"generatedSamples":[{"video":null}],"raiMediaFilteredCount":0}}}"#.into(),
            "without a video",
        ),
        (
            r#"{"done":true,"response":{"generateVideoResponse":{"raiMediaFilteredCount":-1}}}"#.into(),
            "invalid value",
        ),
        (video("https://evil.example/v"), "evil.example"),
        (video("https://generativelanguage.googleapis.com.evil.example/v"), "evil.example"),
        (video("https://generativelanguage.googleapis.com@evil.example/v"), "user name"),
        (video("http://generativelanguage.googleapis.com/v"), "host"),
        (video("file:///etc/passwd"), "video.uri"),
        (video("gs://bucket/v.mp4"), "video.uri"),
        (video(&long), "too long"),
    ] {
        let failure = polled(200, &body).unwrap_err();
        assert!(failure.message.contains(expected), "{}, expected {expected}", failure.message);
        assert_eq!(failure.class, Class::Terminal);
    }
    for url in ["https://evil.example/v", "//evil.example/v", "data:,x"] {
        assert!(download(url, &ACCOUNT).is_err(), "{url}");
    }
}
