//! TK7, TK8: what Kling's failures mean, and what is made of answers that are none.

use http::{HeaderMap, StatusCode};
use providers::kling::{
    Endpoint, may_have_begun, parse_callback, parse_lookup, parse_poll, parse_submit,
};
use providers::{Begun, CallFailure, Class, Report};
use serde_json::{Value, json};

use Class::{Busy, Moderation, OutOfCredit, RateLimited, Retryable, Terminal, Unauthorized};

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

/// The failure of every reader of answers, which is the same.
fn failure(http: u16, headers: &HeaderMap, body: &[u8]) -> CallFailure {
    let of_submit = parse_submit(Endpoint::Tasks, status(http), headers, body).unwrap_err();
    let of_poll = parse_poll("images:7", status(http), headers, body).unwrap_err();
    assert_eq!(of_submit, of_poll);
    of_submit
}

#[test]
fn tk7_every_code_of_kling_has_a_class() {
    // Status, code, class, whether the submission may have begun.
    let table = [
        (401, 1000, Unauthorized, false),
        (401, 1001, Unauthorized, false),
        (401, 1002, Unauthorized, false),
        (401, 1003, Terminal, false),
        (401, 1004, Retryable, false),
        (429, 1100, Unauthorized, false),
        (429, 1101, OutOfCredit, false),
        (429, 1102, OutOfCredit, false),
        (403, 1103, Unauthorized, false),
        (400, 1200, Terminal, false),
        (400, 1201, Terminal, false),
        (404, 1202, Terminal, false),
        (404, 1203, Terminal, false),
        (400, 1300, Moderation, false),
        (400, 1301, Moderation, false),
        (429, 1302, RateLimited, false),
        (429, 1303, Busy, false),
        (429, 1304, Unauthorized, false),
        (500, 5000, Retryable, true),
        (503, 5001, Retryable, true),
        (504, 5002, Retryable, true),
        // Not in the list.
        (400, 1299, Terminal, false),
        (429, 1399, RateLimited, false),
        (500, 5999, Retryable, true),
        (400, -1, Terminal, false),
    ];
    let headers = HeaderMap::new();
    for (http, code, class, begun) in table {
        let body = json!({"code": code, "message": "their words", "request_id": "r"}).to_string();
        let found = failure(http, &headers, body.as_bytes());
        assert_eq!(found.class, class, "{http} {code}");
        assert!(found.message.starts_with("Kling: "), "{found}");
        assert!(
            found.message.ends_with(&format!("({code}: their words)")),
            "{found}"
        );
        assert_eq!(
            may_have_begun(status(http), body.as_bytes()),
            begun,
            "{code}"
        );
        // A code is a failure whatever the status says.
        if (1000..=5002).contains(&code) && ![1299, 1399].contains(&code) {
            assert_eq!(
                failure(200, &headers, body.as_bytes()).class,
                class,
                "{code}"
            );
        }
    }
}

#[test]
fn tk7_a_status_of_kling_without_a_code_has_a_class() {
    let zero = json!({"code": 0, "message": "SUCCEED", "data": {}}).to_string();
    for (http, body, class, begun) in [
        (400, "<html>", Terminal, false),
        (401, "", Terminal, false),
        (403, "{}", Terminal, false),
        (404, "[]", Terminal, false),
        (408, "", Retryable, true),
        (429, "", RateLimited, false),
        (429, r#"{"code":"1303"}"#, RateLimited, false),
        (500, "", Retryable, true),
        (500, &zero, Retryable, true),
        (502, "<html>", Retryable, true),
        (503, "", Retryable, true),
        (504, "null", Retryable, true),
        (302, "", Terminal, true),
        (200, "", Terminal, true),
        (200, r#"{"code":0,"data":{"task_id""#, Terminal, true),
    ] {
        let found = failure(http, &HeaderMap::new(), body.as_bytes());
        assert_eq!(found.class, class, "{http} {body}");
        assert!(!found.message.is_empty());
        assert_eq!(
            may_have_begun(status(http), body.as_bytes()),
            begun,
            "{http} {body}"
        );
    }
}

#[test]
fn tk7_an_id_of_ours_that_is_taken_was_received_before() {
    for (words, begun) in [
        ("external_task_id must be unique", true),
        ("duration is out of range", false),
    ] {
        let body = json!({"code": 1201, "message": words}).to_string();
        assert_eq!(
            may_have_begun(status(400), body.as_bytes()),
            begun,
            "{words}"
        );
    }
}

#[test]
fn tk7_kling_says_when_to_come_back() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "7".parse().unwrap());
    for body in [&br#"{"code":1302,"message":"too many"}"#[..], b""] {
        assert_eq!(failure(429, &headers, body).retry_after_ms, Some(7_000));
    }
}

#[test]
fn tk7_a_failed_task_of_kling_says_why() {
    for (words, class, said) in [
        (
            json!("Image pixel is invalid"),
            Terminal,
            "Kling failed: Image pixel is invalid",
        ),
        (
            json!("Failure to pass the risk control system"),
            Moderation,
            "Kling failed: Failure to pass the risk control system",
        ),
        (json!(""), Terminal, "Kling failed without saying why"),
        (Value::Null, Terminal, "Kling failed without saying why"),
        (json!(["x"]), Terminal, "Kling failed without saying why"),
    ] {
        let legacy = json!({"task_id": "7", "task_status": "failed", "task_status_msg": words,
                            "task_info": {}, "task_result": {}});
        let new = json!({"id": "7", "status": "failed", "message": words, "outputs": []});
        let expected = Report::Failed(CallFailure {
            class,
            message: said.into(),
            retry_after_ms: None,
        });
        let wrapped =
            |data: Value| json!({"code": 0, "message": "SUCCEED", "data": data}).to_string();
        for (id, body) in [
            ("text2video:7", wrapped(legacy.clone())),
            ("tasks:7", wrapped(json!([new.clone()]))),
        ] {
            let told = parse_poll(id, StatusCode::OK, &HeaderMap::new(), body.as_bytes());
            assert_eq!(told.unwrap().report, expected);
        }
        for (endpoint, task) in [(Endpoint::Images, legacy), (Endpoint::Tasks, new)] {
            let called = parse_callback(task.to_string().as_bytes()).unwrap();
            assert_eq!(called.told.report, expected);
            let body = wrapped(task);
            let begun = parse_submit(endpoint, StatusCode::OK, &HeaderMap::new(), body.as_bytes());
            assert_eq!(begun, Ok(Begun::Ended(expected.clone())));
        }
    }
}

fn read(result: &Value) -> Result<Report, CallFailure> {
    let body = json!({"code": 0, "data": {"task_id": "7", "task_status": "succeed",
                      "task_result": result}});
    let body = body.to_string();
    parse_poll(
        "images:7",
        StatusCode::OK,
        &HeaderMap::new(),
        body.as_bytes(),
    )
    .map(|told| told.report)
}

#[test]
fn tk8_a_success_of_kling_without_a_result_is_none() {
    let long = format!("https://a/{}", "a".repeat(5000));
    for (result, said) in [
        (Value::Null, "a success without `task_result`"),
        (json!([]), "`task_result` is not an object"),
        (json!("x"), "`task_result` is not an object"),
        (json!({}), "a success without a video or a picture"),
        (
            json!({"images": []}),
            "a success without a video or a picture",
        ),
        (
            json!({"images": null, "videos": null}),
            "a success without a video or a picture",
        ),
        (json!({"images": {"0": 1}}), "`images` is not a list"),
        (json!({"videos": 7}), "`videos` is not a list"),
        (json!({"images": [7]}), "a result without `url`"),
        (json!({"images": [{}]}), "a result without `url`"),
        (
            json!({"images": [{"url": 7}]}),
            "`url` of a result is not a string",
        ),
        (
            json!({"images": [{"url": ""}]}),
            "`url` of a result: not an address",
        ),
        (
            json!({"images": [{"url": "/a.png"}]}),
            "`url` of a result: not an address",
        ),
        (
            json!({"images": [{"url": long}]}),
            "`url` of a result: not an address: too long",
        ),
        (
            json!({"images": [{"url": "file:///etc/passwd"}]}),
            "only http and https",
        ),
        (
            json!({"images": [{"url": "https://a:b@c/"}]}),
            "must not carry a user name",
        ),
    ] {
        let failure = read(&result).unwrap_err();
        assert_eq!(failure.class, Terminal);
        assert!(
            failure.message.contains(said),
            "{result}: {failure}, not {said}"
        );
    }
    // What is but an ornament may be odd.
    for duration in [
        json!("x"),
        json!("inf"),
        json!("-5"),
        json!([]),
        json!(true),
    ] {
        let result = json!({"videos": [{"url": "https://a/b.mp4", "duration": duration}]});
        match read(&result) {
            Ok(Report::Finished(product)) => assert_eq!(product.duration_s, None),
            other => panic!("{other:?}"),
        }
    }
    let many: Vec<_> = (0..1000)
        .map(|at| json!({"index": at, "url": "https://a/b.png"}))
        .collect();
    assert!(read(&json!({"images": many})).is_ok());
}

#[test]
fn tk8_hostile_answers_of_kling_become_sentences() {
    let huge = "x".repeat(100_000);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let with_id = |id: &str| {
        json!({"code": 0, "data": {"task_id": id, "id": id,
        "task_status": "submitted", "status": "submitted"}})
    };
    let bodies = [
        String::new(),
        "\u{0}".into(),
        "null".into(),
        "[]".into(),
        "7".into(),
        r#""text""#.into(),
        "{}".into(),
        deep,
        huge.clone(),
        json!({"code": "0", "data": {}}).to_string(),
        json!({"code": null, "data": {}}).to_string(),
        json!({"code": 0}).to_string(),
        json!({"code": 0, "data": null}).to_string(),
        json!({"code": 0, "data": 7}).to_string(),
        json!({"code": 0, "data": "x"}).to_string(),
        json!({"code": 0, "data": {}}).to_string(),
        json!({"code": 0, "data": [[]]}).to_string(),
        json!({"code": 0, "data": [null]}).to_string(),
        json!({"code": 0, "data": {"task_id": 7, "id": 7}}).to_string(),
        json!({"code": 0, "data": {"task_id": {}, "id": {}}}).to_string(),
        json!({"code": 1301, "message": huge}).to_string(),
        json!({"code": 1301, "message": {"a": 1}}).to_string(),
        with_id("").to_string(),
        with_id("../../account").to_string(),
        with_id("..").to_string(),
        with_id("1,2").to_string(),
        with_id("1\r\n2").to_string(),
        with_id(&huge).to_string(),
    ];
    let headers = HeaderMap::new();
    for body in &bodies {
        let bytes = body.as_bytes();
        let shown: String = body.chars().take(80).collect();
        for endpoint in [Endpoint::TextToVideo, Endpoint::Images, Endpoint::Tasks] {
            let failures = [
                parse_submit(endpoint, StatusCode::OK, &headers, bytes).unwrap_err(),
                parse_lookup(endpoint, "k", StatusCode::OK, &headers, bytes).unwrap_err(),
                parse_callback(bytes).unwrap_err(),
            ];
            for failure in failures {
                let length = failure.message.chars().count();
                assert!((10..600).contains(&length), "{shown}: {failure}");
            }
        }
        for id in ["text2video:7", "tasks:7"] {
            let failure = parse_poll(id, StatusCode::OK, &headers, bytes).unwrap_err();
            assert!(failure.message.chars().count() < 600, "{shown}: {failure}");
        }
    }
}

#[test]
fn tk8_an_answer_of_kling_cut_anywhere_is_no_panic_and_no_success() {
    let whole = json!({"code": 0, "data": {"task_id": "7", "task_status": "succeed",
        "task_info": {"external_task_id": "é"},
        "task_result": {"videos": [{"url": "https://a/b.mp4", "duration": "5"}]}}})
    .to_string();
    let headers = HeaderMap::new();
    for end in 0..whole.len() {
        let cut = &whole.as_bytes()[..end];
        assert!(parse_poll("text2video:7", StatusCode::OK, &headers, cut).is_err());
        assert!(parse_submit(Endpoint::TextToVideo, StatusCode::OK, &headers, cut).is_err());
        assert!(parse_lookup(Endpoint::TextToVideo, "é", StatusCode::OK, &headers, cut).is_err());
        assert!(parse_callback(cut).is_err());
    }
}

#[test]
fn tk8_an_answer_about_another_task_of_kling_is_not_believed() {
    let headers = HeaderMap::new();
    for (id, body) in [
        (
            "text2video:7",
            r#"{"code":0,"data":{"task_id":"8","task_status":"submitted"}}"#,
        ),
        (
            "text2video:7",
            r#"{"code":0,"data":{"task_status":"submitted"}}"#,
        ),
        (
            "tasks:7",
            r#"{"code":0,"data":[{"id":"8","status":"submitted"}]}"#,
        ),
        ("tasks:7", r#"{"code":0,"data":[]}"#),
    ] {
        assert!(
            parse_poll(id, StatusCode::OK, &headers, body.as_bytes()).is_err(),
            "{body}"
        );
    }
    for body in [
        r#"{"id":"7","task_id":"7","status":"submitted","task_status":"submitted"}"#,
        r#"{"status":"submitted"}"#,
        r#"{"id":"7","status":"paused"}"#,
        r#"{"id":"7","status":7}"#,
        r#"{"id":"7"}"#,
    ] {
        assert!(parse_callback(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn tk8_a_callback_of_kling_cannot_name_a_hostile_id() {
    let huge = "x".repeat(600);
    for id in [
        "",
        "..",
        "../../account",
        "1,2",
        "a b",
        "1\r\n2",
        "é",
        &huge,
    ] {
        for body in [
            json!({"id": id, "status": "submitted"}),
            json!({"task_id": id, "task_status": "submitted"}),
        ] {
            let failure = parse_callback(body.to_string().as_bytes()).unwrap_err();
            assert!(failure.message.contains("is not an id"), "{id}: {failure}");
        }
    }
}
