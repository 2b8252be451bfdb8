//! TK8: what Kling answers, by its published examples.

use http::{HeaderMap, StatusCode};
use providers::kling::{Endpoint, parse_callback, parse_lookup, parse_poll, parse_submit};
use providers::{Begun, Cost, Product, Report};

fn ok<T>(parse: impl FnOnce(StatusCode, &HeaderMap) -> T) -> T {
    parse(StatusCode::OK, &HeaderMap::new())
}

fn product(url: &str, duration_s: Option<f64>) -> Product {
    Product {
        url: Some(url.into()),
        media_type: None,
        width: None,
        height: None,
        duration_s,
        text: None,
    }
}

#[test]
fn tk8_kling_accepts() {
    let legacy =
        br#"{"code":0,"message":"SUCCEED","request_id":"c0656403-1e6e-4b7e-b8f8-2cdd2595f2b9",
        "data":{"task_id":"867283741759111202","task_status":"submitted",
        "task_info":{"external_task_id":"t_1.2"},
        "created_at":1722769557708,"updated_at":1722769557708}}"#;
    let new =
        br#"{"code":0,"message":"SUCCEED","request_id":"ed6ce13d-7c9b-48cc-ba5c-e4ba5c260a60",
        "data":{"id":"901930004609634393","status":"submitted",
        "create_time":1781080778802,"update_time":1781080794151,"external_id":"t_1.2"}}"#;
    for (endpoint, body, expected) in [
        (
            Endpoint::TextToVideo,
            &legacy[..],
            "text2video:867283741759111202",
        ),
        (
            Endpoint::ImageToVideo,
            legacy,
            "image2video:867283741759111202",
        ),
        (Endpoint::Images, legacy, "images:867283741759111202"),
        (Endpoint::Tasks, new, "tasks:901930004609634393"),
    ] {
        let begun = ok(|status, headers| parse_submit(endpoint, status, headers, body));
        let external_id = expected.to_owned();
        assert_eq!(begun, Ok(Begun::Accepted { external_id }));
    }
}

const LEGACY_VIDEO: &str = r#"{"code":0,"message":"SUCCEED","request_id":"r","data":{
    "task_id":"867283741759111202","task_status":"succeed","task_status_msg":"",
    "task_info":{"external_task_id":"t_1.2"},
    "task_result":{"videos":[{"id":"v1","url":"https://cdn.klingai.com/a.mp4","duration":"5"}]},
    "final_unit_deduction":"1","created_at":1722769557708,"updated_at":1722769557708}}"#;

const NEW_VIDEO: &str = r#"{"code":0,"message":"SUCCEED","request_id":"r","data":[
    {"id":"1","status":"processing","message":"","external_id":"t_9.1","outputs":[],"billing":[]},
    {"id":"893605946402811985","status":"succeeded","message":"",
     "create_time":1781080778802,"update_time":1781080794151,"external_id":"t_1.2",
     "outputs":[{"type":"audio","id":"a1","mp3_url":"https://cdn.klingai.com/a.mp3"},
                {"type":"video","id":"v1","url":"https://cdn.klingai.com/b.mp4",
                 "watermark_url":"https://cdn.klingai.com/w.mp4","duration":"5.042"}],
     "billing":[{"charge_type":"unit","amount":"3.5","package_type":"video"},
                {"charge_type":"cash","cash_type":"balance","amount":"0.35","currency":"USD",
                 "list_price":"0.50"}]}]}"#;

#[test]
fn tk8_kling_videos_are_found_with_what_they_cost() {
    let id = "text2video:867283741759111202";
    let told = ok(|status, headers| parse_poll(id, status, headers, LEGACY_VIDEO.as_bytes()));
    let told = told.unwrap();
    let video = product("https://cdn.klingai.com/a.mp4", Some(5.0));
    assert_eq!(told.report, Report::Finished(video.clone()));
    assert_eq!(told.more, []);
    assert_eq!(told.costs, [Cost::Units { micros: 1_000_000 }]);

    // Either API may use the other's spelling.
    let other = LEGACY_VIDEO.replace("\"succeed\"", "\"succeeded\"");
    let told = ok(|status, headers| parse_poll(id, status, headers, other.as_bytes())).unwrap();
    assert_eq!(told.report, Report::Finished(video));

    let id = "tasks:893605946402811985";
    for body in [
        NEW_VIDEO,
        &NEW_VIDEO.replace("\"succeeded\"", "\"succeed\""),
    ] {
        let told = ok(|status, headers| parse_poll(id, status, headers, body.as_bytes())).unwrap();
        let video = product("https://cdn.klingai.com/b.mp4", Some(5.042));
        assert_eq!(told.report, Report::Finished(video));
        let cash = Cost::Money {
            micros: 350_000,
            currency: "USD".into(),
        };
        assert_eq!(told.costs, [Cost::Units { micros: 3_500_000 }, cash]);
    }
}

#[test]
fn tk8_kling_pictures_come_in_their_order() {
    let body = br#"{"code":0,"message":"SUCCEED","request_id":"r","data":{
        "task_id":"7","task_status":"succeed","task_status_msg":"","final_unit_deduction":"8",
        "task_result":{"images":[{"index":1,"url":"https://cdn.klingai.com/1.png"},
                                 {"index":0,"url":"https://cdn.klingai.com/0.png"}]},
        "created_at":1722769557708,"updated_at":1722769557708}}"#;
    let told = ok(|status, headers| parse_poll("images:7", status, headers, body)).unwrap();
    let first = product("https://cdn.klingai.com/0.png", None);
    assert_eq!(told.report, Report::Finished(first));
    assert_eq!(told.more, [product("https://cdn.klingai.com/1.png", None)]);
}

#[test]
fn tk8_kling_works_until_it_is_done() {
    for status_word in ["submitted", "processing"] {
        let working = Report::Working { progress: None };
        let legacy = format!(
            r#"{{"code":0,"data":{{"task_id":"7","task_status":"{status_word}","task_result":{{}}}}}}"#
        );
        let told = ok(|status, headers| parse_poll("images:7", status, headers, legacy.as_bytes()));
        assert_eq!(told.unwrap().report, working);
        let new = format!(r#"{{"code":0,"data":[{{"id":"7","status":"{status_word}"}}]}}"#);
        let told = ok(|status, headers| parse_poll("tasks:7", status, headers, new.as_bytes()));
        assert_eq!(told.unwrap().report, working);
    }
}

#[test]
fn tk8_a_lost_submission_to_kling_is_found_again() {
    let find = |endpoint, body: &str| {
        ok(|status, headers| parse_lookup(endpoint, "t_1.2", status, headers, body.as_bytes()))
    };
    let (id, told) = find(Endpoint::TextToVideo, LEGACY_VIDEO).unwrap().unwrap();
    assert_eq!(id, "text2video:867283741759111202");
    assert!(matches!(told.report, Report::Finished(_)));
    let (id, told) = find(Endpoint::Tasks, NEW_VIDEO).unwrap().unwrap();
    assert_eq!(id, "tasks:893605946402811985");
    assert!(matches!(told.report, Report::Finished(_)));

    // Never heard of.
    let none = r#"{"code":0,"message":"SUCCEED","request_id":"r","data":[]}"#;
    assert_eq!(find(Endpoint::Tasks, none), Ok(None));
    let none = br#"{"code":1203,"message":"task not found","request_id":"r"}"#;
    for endpoint in [Endpoint::Images, Endpoint::Tasks] {
        let headers = HeaderMap::new();
        let found = parse_lookup(endpoint, "t_1.2", StatusCode::NOT_FOUND, &headers, none);
        assert_eq!(found, Ok(None));
    }

    // Whatever leaves doubt is not "never": that would be paid for twice.
    let missing = |body: &str| body.replace("t_1.2", "t_1.3");
    for (endpoint, body) in [
        (Endpoint::TextToVideo, missing(LEGACY_VIDEO)),
        (Endpoint::Tasks, missing(NEW_VIDEO)),
        (Endpoint::Tasks, r#"{"code":0,"data":null}"#.into()),
        (Endpoint::Tasks, r#"{"code":0,"data":{}}"#.into()),
        (Endpoint::Images, r#"{"code":0,"data":[]}"#.into()),
        (Endpoint::Images, r#"{"code":1201,"message":"no"}"#.into()),
        (Endpoint::Images, "{".into()),
    ] {
        assert!(find(endpoint, &body).is_err(), "{body}");
    }
    let headers = HeaderMap::new();
    let page = parse_lookup(
        Endpoint::Images,
        "k",
        StatusCode::NOT_FOUND,
        &headers,
        b"<html>",
    );
    assert!(page.is_err());
}

#[test]
fn tk8_kling_calls_back_with_the_bare_task() {
    let legacy = r#"{"task_id":"867283741759111202","task_status":"succeed","task_status_msg":"",
        "created_at":1722769557708,"updated_at":1722769557708,"final_unit_deduction":"3.5",
        "task_info":{"external_task_id":"t_1.2"},
        "task_result":{"images":[],"videos":[{"id":"v1","url":"https://cdn.klingai.com/a.mp4",
        "duration":"5"}]}}"#;
    let callback = parse_callback(legacy.as_bytes()).unwrap();
    assert_eq!(callback.task_id, "867283741759111202");
    assert_eq!(callback.key.as_deref(), Some("t_1.2"));
    let video = product("https://cdn.klingai.com/a.mp4", Some(5.0));
    assert_eq!(callback.told.report, Report::Finished(video));
    assert_eq!(callback.told.costs, [Cost::Units { micros: 3_500_000 }]);
    for (external_id, is_of) in [
        ("text2video:867283741759111202", true),
        ("image2video:867283741759111202", true),
        ("text2video:8", false),
        ("867283741759111202", false),
    ] {
        assert_eq!(callback.is_of(external_id), is_of, "{external_id}");
    }

    // The published test callback of the newer API.
    let new = br#"{"id":"1234567890","status":"submitted","outputs":[],"message":"",
        "create_time":1781080778802,"update_time":1781080794151}"#;
    let callback = parse_callback(new).unwrap();
    assert_eq!(callback.task_id, "1234567890");
    assert_eq!(callback.key, None);
    assert_eq!(callback.told.report, Report::Working { progress: None });
}
