//! TK7, TK8: backends that speak `predict`.

use http::{HeaderMap, StatusCode};
use providers::predict::{parse_submit, submit};
use providers::{
    Begun, CallFailure, Class, InputLink, Product, Report, Server, Submission, Wanted,
    submit_request,
};
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

fn finished(url: &str, media_type: Option<&str>) -> Begun {
    Begun::Ended(Report::Finished(Product {
        url: Some(url.into()),
        media_type: media_type.map(str::to_owned),
        ..Product::default()
    }))
}

#[test]
fn tk8_predict_is_asked_as_the_uniform_interface_is() {
    let inputs = [InputLink {
        role: "image".into(),
        url: "http://a/x".into(),
        media_type: Some("image/png".into()),
    }];
    let submission = Submission {
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        task_id: "t_1",
        attempt: 2,
        kind: "image_gen",
        prompt: "a boat",
        params: &json!({"seed": 1}),
        inputs: &inputs,
        callback_url: "http://p/api/task/t_1",
    };
    let request = submit(&submission, SERVER).unwrap();
    let uniform = submit_request(&submission, SERVER).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "http://127.0.0.1:9000/base/predict");
    assert_eq!(request.headers()["idempotency-key"], "t_1.2");
    assert_eq!(request.headers()["authorization"], "Bearer secret");
    assert_eq!(request.headers(), uniform.headers());
    assert_eq!(request.body(), uniform.body());
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(
        body,
        json!({"task_id": "t_1", "kind": "image_gen", "prompt": "a boat", "params": {"seed": 1},
               "inputs": [{"role": "image", "url": "http://a/x", "media_type": "image/png"}],
               "callback_url": "http://p/api/task/t_1"})
    );
    let open = Server {
        token: None,
        ..SERVER
    };
    let request = submit(&submission, open).unwrap();
    assert_eq!(request.headers().get("authorization"), None);
}

#[test]
fn tk8_a_result_at_once() {
    for (body, expected) in [
        (
            r#"{"result":{"url":"/files/a.png"}}"#,
            finished("http://127.0.0.1:9000/files/a.png", None),
        ),
        (
            r#"{"result":{"url":"files/a.png","media_type":"image/png"}}"#,
            finished("http://127.0.0.1:9000/base/files/a.png", Some("image/png")),
        ),
        (
            r#"{"result":{"url":"http://127.0.0.1:9000/a"},"error":null}"#,
            finished("http://127.0.0.1:9000/a", None),
        ),
        (
            r#"{"result":{"url":"data:image/png;base64,iVBORw0KGgo"}}"#,
            finished("data:image/png;base64,iVBORw0KGgo=", Some("image/png")),
        ),
        (
            r#"{"result":{"url":"data:video/mp4;base64,AAAA","media_type":"text/html"}}"#,
            finished("data:video/mp4;base64,AAAA", Some("video/mp4")),
        ),
        (
            r#"{"task_id":"x1","state":"FINISHED","result":{"url":"/a"}}"#,
            finished("http://127.0.0.1:9000/a", None),
        ),
    ] {
        assert_eq!(answered(200, body, Wanted::Media), Ok(expected), "{body}");
    }
    let text = Begun::Ended(Report::Finished(Product {
        text: Some("A boat.".into()),
        ..Product::default()
    }));
    let body = r#"{"result":{"text":"A boat.","url":"http://evil.example/"}}"#;
    assert_eq!(answered(200, body, Wanted::Text), Ok(text));
}

#[test]
fn tk8_a_task_that_is_taken_is_polled_only_by_an_id_of_the_servers_own() {
    let accepted = Begun::Accepted {
        external_id: "x1".into(),
    };
    let unnamed = Begun::Unnamed {
        external_id: "t_1".into(),
    };
    for (status, body, expected) in [
        (202, r#"{"task_id":"x1"}"#, &accepted),
        (200, r#"{"task_id":"x1"}"#, &accepted),
        (201, r#"{"task_id":"x1"}"#, &accepted),
        (200, r#"{"task_id":"x1","state":"WAITING"}"#, &accepted),
        (
            202,
            r#"{"task_id":"x1","state":"PROCESSING","progress":0.1}"#,
            &accepted,
        ),
        (202, "", &unnamed),
        (202, " \n", &unnamed),
        (202, "{}", &unnamed),
        (202, r#"{"task_id":null}"#, &unnamed),
        (202, r#"{"state":"PROCESSING"}"#, &unnamed),
        (202, r#"{"message":"on it"}"#, &unnamed),
        (202, r#"{"task_id":"t_1"}"#, &unnamed),
    ] {
        let found = answered(status, body, Wanted::Media);
        assert_eq!(found.as_ref(), Ok(expected), "{status} {body}");
    }
}

#[test]
fn tk7_failures_at_once() {
    use Class::{Moderation, OutOfCredit, Retryable, Terminal};
    for (body, class, words) in [
        (
            r#"{"error":{"class":"retryable","message":"busy"}}"#,
            Retryable,
            "busy",
        ),
        (
            r#"{"error":{"class":"terminal","message":"no"}}"#,
            Terminal,
            "no",
        ),
        (
            r#"{"error":{"class":"moderation","message":"no"}}"#,
            Moderation,
            "no",
        ),
        (
            r#"{"error":{"class":"out_of_credit","message":"no"}}"#,
            OutOfCredit,
            "no",
        ),
        (
            r#"{"error":{"class":"odd"}}"#,
            Terminal,
            "without saying why",
        ),
        (
            r#"{"error":"it broke","result":{"url":"/a"}}"#,
            Terminal,
            "it broke",
        ),
        (r#"{"error":{}}"#, Terminal, "without saying why"),
        (r#"{"error":7}"#, Terminal, "without saying why"),
        (
            r#"{"state":"FAILED","error":{"class":"moderation","message":"no"}}"#,
            Moderation,
            "no",
        ),
    ] {
        match answered(200, body, Wanted::Media) {
            Ok(Begun::Ended(Report::Failed(failure))) => {
                assert_eq!(failure.class, class, "{body}");
                assert!(failure.message.contains(words), "{}", failure.message);
            }
            other => panic!("{body}: {other:?}"),
        }
    }
    let cancelled = answered(200, r#"{"state":"CANCELLED"}"#, Wanted::Media);
    assert_eq!(cancelled, Ok(Begun::Ended(Report::Cancelled)));
    for (status, body, class) in [
        (400, r#"{"detail":"bad"}"#, Terminal),
        (402, r#"{"error":{"class":"out_of_credit"}}"#, OutOfCredit),
        (404, "", Terminal),
        (408, "", Retryable),
        (422, r#"{"error":{"class":"moderation"}}"#, Moderation),
        (425, "", Retryable),
        (429, "", Retryable),
        (500, "<html>", Retryable),
        (503, "", Retryable),
    ] {
        let failure = answered(status, body, Wanted::Media).unwrap_err();
        assert_eq!(failure.class, class, "{status} {body}");
    }
}
