//! TK3, RG5: the uniform interface from both sides, and what is refused.

use http::{HeaderMap, StatusCode};
use providers::{
    Allowed, BadAddress, Class, InputLink, Report, Server, Submission, Wanted, cancel_request,
    health_request, parse_progress, parse_report, parse_submit, poll_request, result_url,
    server_url, submit_request,
};
use serde_json::json;

const SERVER: Server = Server {
    url: "http://127.0.0.1:9000/base/",
    token: Some("secret"),
};

#[test]
fn tk3_a_submission_is_what_the_specification_shows() {
    let inputs = [InputLink {
        role: "image".into(),
        url: "http://a/x".into(),
        media_type: Some("image/png".into()),
    }];
    let submission = Submission {
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        task_id: "t_1",
        attempt: 2,
        kind: "video_gen",
        prompt: "a boat",
        params: &json!({"seed": 1}),
        inputs: &inputs,
        callback_url: "http://p/api/task/t_1",
    };
    let request = submit_request(&submission, SERVER).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "http://127.0.0.1:9000/base/api/tasks/submit");
    assert_eq!(request.headers()["idempotency-key"], "t_1.2");
    assert_eq!(request.headers()["authorization"], "Bearer secret");
    assert_eq!(
        request.headers()["traceparent"],
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000002-01"
    );
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(
        body,
        json!({"task_id": "t_1", "kind": "video_gen", "prompt": "a boat", "params": {"seed": 1},
               "inputs": [{"role": "image", "url": "http://a/x", "media_type": "image/png"}],
               "callback_url": "http://p/api/task/t_1"})
    );
}

#[test]
fn tk3_a_providers_id_cannot_leave_its_path() {
    for (id, path) in [
        ("abc-1", "/base/api/tasks/abc-1"),
        ("../../admin", "/base/api/tasks/..%2F..%2Fadmin"),
        ("..", "/base/api/tasks/%2E%2E"),
        ("a?b#c", "/base/api/tasks/a%3Fb%23c"),
        ("é", "/base/api/tasks/%C3%A9"),
    ] {
        assert_eq!(poll_request(id, SERVER).unwrap().uri().path(), path);
        assert_eq!(cancel_request(id, SERVER).unwrap().method(), "DELETE");
    }
    assert_eq!(health_request(SERVER).unwrap().uri().path(), "/base/health");
}

#[test]
fn tk3_answers_to_a_submission() {
    let headers = HeaderMap::new();
    let long = format!("{{\"task_id\":\"{}\"}}", "a".repeat(600));
    for (status, body, expected) in [
        (202, r#"{"task_id":"x1"}"#, Ok("x1")),
        (200, r#"{"task_id":"x1","more":true}"#, Ok("x1")),
        (
            202,
            "<html>",
            Err((Class::Terminal, "the provider answered nonsense: not JSON")),
        ),
        (
            202,
            "",
            Err((
                Class::Terminal,
                "the provider answered nonsense: an empty body",
            )),
        ),
        (
            202,
            "[]",
            Err((
                Class::Terminal,
                "the provider answered nonsense: `task_id` is missing",
            )),
        ),
        (
            202,
            "{}",
            Err((
                Class::Terminal,
                "the provider answered nonsense: `task_id` is missing",
            )),
        ),
        (
            202,
            r#"{"task_id":7}"#,
            Err((
                Class::Terminal,
                "the provider answered nonsense: `task_id` is not a string",
            )),
        ),
        (
            202,
            r#"{"task_id":""}"#,
            Err((
                Class::Terminal,
                "the provider answered nonsense: `task_id` is empty",
            )),
        ),
        (
            202,
            &long,
            Err((
                Class::Terminal,
                "the provider answered nonsense: `task_id` is longer",
            )),
        ),
        (
            302,
            "",
            Err((
                Class::Terminal,
                "the provider answered nonsense: status 302",
            )),
        ),
        (
            422,
            r#"{"detail":"bad prompt"}"#,
            Err((
                Class::Terminal,
                "the provider answered 422 Unprocessable Entity: bad prompt",
            )),
        ),
        (
            403,
            r#"{"error":{"class":"moderation","message":"no"}}"#,
            Err((Class::Moderation, "the provider answered 403 Forbidden: no")),
        ),
        (
            402,
            r#"{"error":{"class":"out_of_credit"}}"#,
            Err((Class::OutOfCredit, "the provider answered 402")),
        ),
        (
            408,
            "",
            Err((Class::Retryable, "the provider answered 408")),
        ),
        (
            425,
            "",
            Err((Class::Retryable, "the provider answered 425")),
        ),
        (
            429,
            "",
            Err((Class::Retryable, "the provider answered 429")),
        ),
        (
            503,
            "<html>",
            Err((Class::Retryable, "the provider answered 503")),
        ),
    ] {
        let found = parse_submit(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            body.as_bytes(),
        );
        match (found, expected) {
            (Ok(id), Ok(expected)) => assert_eq!(id, expected),
            (Err(failure), Err((class, begins))) => {
                assert_eq!(failure.class, class, "{status} {body}");
                assert!(
                    failure.message.starts_with(begins),
                    "{} does not begin with {begins}",
                    failure.message
                );
                assert!(failure.message.chars().count() < 500);
            }
            (found, expected) => panic!("{status} {body}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn tk7_retry_after_in_seconds_is_read() {
    for (value, expected) in [
        ("7", Some(7_000)),
        ("-1", None),
        ("soon", None),
        ("99999999999", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", value.parse().unwrap());
        let failure = parse_submit(StatusCode::TOO_MANY_REQUESTS, &headers, b"").unwrap_err();
        assert_eq!(failure.retry_after_ms, expected, "{value}");
    }
}

#[test]
fn tk5_reports_of_polls_and_callbacks() {
    use Wanted::{Media, Text};
    for (body, wanted, expected) in [
        (
            r#"{"state":"WAITING"}"#,
            Media,
            "Working { progress: None }",
        ),
        (
            r#"{"state":"PROCESSING","progress":0.4,"x":1}"#,
            Media,
            "Working { progress: Some(0.4) }",
        ),
        (
            r#"{"state":"PROCESSING","progress":7}"#,
            Media,
            "Working { progress: Some(1.0) }",
        ),
        (
            r#"{"state":"PROCESSING","progress":"7"}"#,
            Media,
            "nonsense: `progress` is not a number",
        ),
        (
            r#"{"state":"FINISHED","result":{"url":"u","width":2}}"#,
            Media,
            "Finished",
        ),
        (
            r#"{"state":"FINISHED","result":{"url":7}}"#,
            Media,
            "nonsense: `result`: ",
        ),
        (
            r#"{"state":"FINISHED","result":{"width":-2,"url":"u"}}"#,
            Media,
            "nonsense: `result`: ",
        ),
        (
            r#"{"state":"FINISHED"}"#,
            Media,
            "nonsense: FINISHED without `result`",
        ),
        (
            r#"{"state":"FINISHED","result":{"text":"t"}}"#,
            Media,
            "nonsense: FINISHED without `result.url`",
        ),
        (
            r#"{"state":"FINISHED","result":{"text":"t"}}"#,
            Text,
            "Finished",
        ),
        (
            r#"{"state":"FINISHED","result":{"text":"  "}}"#,
            Text,
            "nonsense: FINISHED without `result.text`",
        ),
        (
            r#"{"state":"FAILED","error":{"class":"moderation","message":"no"}}"#,
            Media,
            "class: Moderation",
        ),
        (
            r#"{"state":"FAILED","error":{"class":"odd","message":"no"}}"#,
            Media,
            "class: Terminal",
        ),
        (r#"{"state":"FAILED"}"#, Media, "without saying why"),
        (r#"{"state":"CANCELLED"}"#, Media, "Cancelled"),
        (r#"{"state":"DONE"}"#, Media, "nonsense: unknown state"),
        (r#"{"state":7}"#, Media, "nonsense: `state` is not a string"),
        ("{}", Media, "nonsense: `state` is missing"),
        ("[1]", Media, "nonsense: JSON that is not an object"),
        ("\u{0}\u{1}", Media, "nonsense: not JSON"),
    ] {
        let found = match parse_report(body.as_bytes(), wanted) {
            Ok(report) => format!("{report:?}"),
            Err(failure) => failure.message,
        };
        assert!(
            found.contains(expected),
            "{body}: {found}, expected {expected}"
        );
    }
}

#[test]
fn tk5_a_lost_task_is_retryable() {
    let failure =
        parse_progress(StatusCode::NOT_FOUND, &HeaderMap::new(), b"", Wanted::Media).unwrap_err();
    assert_eq!(failure.class, Class::Retryable);
    assert!(matches!(
        parse_progress(
            StatusCode::OK,
            &HeaderMap::new(),
            br#"{"state":"WAITING"}"#,
            Wanted::Media
        ),
        Ok(Report::Working { progress: None })
    ));
}

#[test]
fn rg5_which_addresses_may_register() {
    let allowed = Allowed::parse("http://127.0.0.1:* https://[2001:db8::1]:9000 *://*:*");
    for (text, expected) in [
        ("http://127.0.0.1:8000", Ok("http://127.0.0.1:8000")),
        ("HTTP://Example.COM:80/gpu/", Ok("http://example.com/gpu")),
        (
            "https://[2001:db8::1]:9000",
            Ok("https://[2001:db8::1]:9000"),
        ),
        ("ftp://example.com", Err(BadAddress::Scheme)),
        ("file:///etc/passwd", Err(BadAddress::Scheme)),
        ("http://user:pw@example.com", Err(BadAddress::Credentials)),
        ("http://example.com/?a=b", Err(BadAddress::Tail)),
        (
            "http://sync.spin.internal",
            Err(BadAddress::Host("sync.spin.internal".into())),
        ),
        (
            "http://169.254.169.254",
            Err(BadAddress::Host("169.254.169.254".into())),
        ),
        (
            "http://[::ffff:169.254.169.254]",
            Err(BadAddress::Host("[::ffff:a9fe:a9fe]".into())),
        ),
        ("http://0.0.0.0:80", Err(BadAddress::Host("0.0.0.0".into()))),
        ("http://0x7f000001/", Ok("http://127.0.0.1")),
        (
            "http://192.168.1.7",
            Err(BadAddress::Host("192.168.1.7".into())),
        ),
        ("http://example.com:25", Err(BadAddress::Port(25))),
    ] {
        assert_eq!(
            server_url(text, &allowed),
            expected.map(str::to_owned),
            "{text}"
        );
    }
    assert!(matches!(
        server_url("not a url", &allowed),
        Err(BadAddress::Syntax(_))
    ));
    assert!(matches!(
        server_url(&format!("http://a/{}", "a".repeat(5000)), &allowed),
        Err(BadAddress::Syntax(_))
    ));
}

#[test]
fn rg5_a_result_is_fetched_from_its_own_server_alone() {
    for (server, url, allowed) in [
        (
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9000/files/a.png",
            true,
        ),
        ("http://127.0.0.1:9000/base", "/files/a.png", true),
        ("http://gpu.example", "http://GPU.example:80/a", true),
        ("http://gpu.example", "https://gpu.example/a", false),
        (
            "http://127.0.0.1:9000",
            "http://127.0.0.1:3000/internal/v1/tick",
            false,
        ),
        (
            "http://127.0.0.1:9000",
            "http://169.254.169.254/latest",
            false,
        ),
        ("http://127.0.0.1:9000", "//evil.example/a", false),
        ("http://127.0.0.1:9000", "file:///etc/passwd", false),
        (
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9000@evil.example/",
            false,
        ),
        ("http://127.0.0.1:9000", "http://x@127.0.0.1:9000/", false),
    ] {
        assert_eq!(result_url(server, url).is_ok(), allowed, "{url}");
    }
}

#[test]
fn tk7_how_far_a_call_came_decides_whether_it_may_be_made_elsewhere() {
    use providers::{Reach, reach};
    for (error, expected) in [
        (
            "ErrorCode(ErrorCode::ConnectionRefused)",
            Reach::Unreachable,
        ),
        (
            "ErrorCode(ErrorCode::DnsError(DnsErrorPayload { rcode: None }))",
            Reach::Unreachable,
        ),
        ("ErrorCode(ErrorCode::HttpRequestDenied)", Reach::Forbidden),
        ("ErrorCode(ErrorCode::ConnectionTerminated)", Reach::Unknown),
        ("anything else", Reach::Unknown),
    ] {
        assert_eq!(reach(error).0, expected, "{error}");
    }
}
