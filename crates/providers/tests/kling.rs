//! TK8: Kling's published examples, both ways.

use http::{HeaderMap, Request, StatusCode};
use providers::kling::{
    Endpoint, lookup, parse_callback, parse_lookup, parse_poll, parse_submit, poll, submit,
};
use providers::{Account, Begun, Cost, InputLink, Job, Key, Product, Report, Unfit};
use serde_json::{Value, json};

const NOW_S: i64 = 1_800_000_000;

const LEGACY: Account = Account {
    url: "https://api-singapore.klingai.com",
    model: "kling-v2-6",
    key: Key::Pair {
        access: "the-access-key",
        secret: "the-secret-key",
    },
};

const NEW: Account = Account {
    url: "https://api-singapore.klingai.com",
    model: "kling-3.0",
    key: Key::Plain("sk-plain"),
};

const GIRL: &str = "A girl sat on the train, looking out the window with a melancholic expression, her head swaying with the train.";
const FRAME: &str =
    "https://p2-kling.klingai.com/kcdn/cdn-kcdn112452/kling-tob-release_note/image_25.png";

fn job<'a>(kind: &'a str, prompt: &'a str, params: &'a Value, inputs: &'a [InputLink]) -> Job<'a> {
    Job {
        key: "t_1.2",
        kind,
        prompt,
        params,
        inputs,
        callback_url: Some("https://xxx/callback"),
    }
}

fn input(role: &str, url: &str) -> InputLink {
    InputLink {
        role: role.into(),
        url: url.into(),
        media_type: None,
    }
}

fn body(request: &Request<Vec<u8>>) -> Value {
    assert_eq!(request.headers()["content-type"], "application/json");
    serde_json::from_slice(request.body()).unwrap()
}

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
fn tk8_kling_text_to_video_of_the_older_api() {
    let params = json!({"negative_prompt": "people, buildings, cars, text, watermark, blur",
        "sound": "on", "cfg_scale": 0.5, "mode": "pro", "aspect_ratio": "16:9", "duration": 10,
        "camera_control": {"type": "simple", "config": {"horizontal": 0, "zoom": 5}},
        "seed": 7, "resolution": "720p"});
    let job = job("video_gen", "A majestic eagle", &params, &[]);
    let request = submit(&job, &LEGACY, NOW_S).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(
        request.uri(),
        "https://api-singapore.klingai.com/v1/videos/text2video"
    );
    assert_eq!(
        body(&request),
        json!({"model_name": "kling-v2-6", "prompt": "A majestic eagle",
            "negative_prompt": "people, buildings, cars, text, watermark, blur",
            "sound": "on", "cfg_scale": 0.5, "mode": "pro", "aspect_ratio": "16:9",
            "duration": "10",
            "camera_control": {"type": "simple", "config": {"horizontal": 0, "zoom": 5}},
            "callback_url": "https://xxx/callback", "external_task_id": "t_1.2"})
    );
}

#[test]
fn tk8_kling_image_to_video_of_the_older_api() {
    let inputs = [
        input("style", "https://example.com/style.jpg"),
        input("image", "https://example.com/start.jpg"),
        input("image_tail", "data:image/png;base64,iVBORw0KGgo="),
        input("image", "https://example.com/another.jpg"),
    ];
    let params = json!({"mode": "pro", "duration": "5", "aspect_ratio": "9:16"});
    let walking = "Person walking from left to right";
    let job = job("video_gen", walking, &params, &inputs);
    let request = submit(&job, &LEGACY, NOW_S).unwrap();
    assert_eq!(request.uri().path(), "/v1/videos/image2video");
    assert_eq!(
        body(&request),
        json!({"model_name": "kling-v2-6", "image": "https://example.com/start.jpg",
            "image_tail": "iVBORw0KGgo=", "prompt": walking, "mode": "pro", "duration": "5",
            "callback_url": "https://xxx/callback", "external_task_id": "t_1.2"})
    );
}

#[test]
fn tk8_kling_pictures() {
    let inputs = [input("image", "https://example.com/face.jpg")];
    let params = json!({"n": 4, "aspect_ratio": "3:4", "resolution": "2K",
                        "image_reference": "face", "negative_prompt": "blur"});
    let portrait = "Portrait in Renaissance painting style";
    let job = Job {
        callback_url: None,
        ..job("image_gen", portrait, &params, &inputs)
    };
    let request = submit(&job, &LEGACY, NOW_S).unwrap();
    assert_eq!(request.uri().path(), "/v1/images/generations");
    assert_eq!(
        body(&request),
        json!({"model_name": "kling-v2-6", "prompt": portrait, "negative_prompt": "blur",
            "image": "https://example.com/face.jpg", "image_reference": "face",
            "n": 4, "aspect_ratio": "3:4", "resolution": "2k", "external_task_id": "t_1.2"})
    );
}

#[test]
fn tk8_kling_videos_of_the_newer_api() {
    let params = json!({"resolution": "4k", "aspect_ratio": "16:9", "duration": 15,
                        "audio": "off", "multi_shot": true, "watermark": false});
    let from_text = job("video_gen", GIRL, &params, &[]);
    let request = submit(&from_text, &NEW, NOW_S).unwrap();
    assert_eq!(
        request.uri(),
        "https://api-singapore.klingai.com/text-to-video/kling-3.0"
    );
    assert_eq!(request.headers()["authorization"], "Bearer sk-plain");
    assert_eq!(
        body(&request),
        json!({"prompt": GIRL,
            "settings": {"resolution": "4k", "aspect_ratio": "16:9", "duration": 15,
                         "audio": "off", "multi_shot": true},
            "options": {"callback_url": "https://xxx/callback", "external_task_id": "t_1.2",
                        "watermark_info": {"enabled": false}}})
    );

    let inputs = [input("last_frame", FRAME), input("image", FRAME)];
    let params = json!({"resolution": "1080p", "duration": "10", "sound": true,
                        "multi_shot": false, "watermark": true, "aspect_ratio": "16:9"});
    let from_image = job("video_gen", GIRL, &params, &inputs);
    let turbo = Account {
        model: "kling-3.0-turbo",
        ..NEW
    };
    let request = submit(&from_image, &turbo, NOW_S).unwrap();
    assert_eq!(request.uri().path(), "/image-to-video/kling-3.0-turbo");
    assert_eq!(
        body(&request),
        json!({"contents": [{"type": "prompt", "text": GIRL},
                            {"type": "first_frame", "url": FRAME},
                            {"type": "last_frame", "url": FRAME}],
            "settings": {"resolution": "1080p", "duration": 10, "audio": "native",
                         "multi_shot": false},
            "options": {"callback_url": "https://xxx/callback", "external_task_id": "t_1.2",
                        "watermark_info": {"enabled": true}}})
    );
}

#[test]
fn tk8_kling_tokens_are_made_as_published() {
    let request = poll("images:1", &LEGACY, NOW_S).unwrap();
    let bearer = request.headers()["authorization"].to_str().unwrap();
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let part = |at: usize| -> Value {
        use base64::Engine;
        let part = token.split('.').nth(at).unwrap();
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
        serde_json::from_slice(&json.unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({"alg": "HS256", "typ": "JWT"}));
    let claims = json!({"iss": "the-access-key", "exp": NOW_S + 1800, "nbf": NOW_S - 5});
    assert_eq!(part(1), claims);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let is_signed = |secret: &[u8]| {
        let key = jsonwebtoken::DecodingKey::from_secret(secret);
        let algorithm = jsonwebtoken::Algorithm::HS256;
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap()
    };
    assert!(is_signed(b"the-secret-key"));
    assert!(!is_signed(b"another-key"));
}

#[test]
fn tk8_kling_is_asked_where_the_task_is() {
    for (external_id, endpoint, by_id, by_key) in [
        (
            "text2video:867283741759111202",
            Endpoint::TextToVideo,
            "/v1/videos/text2video/867283741759111202",
            "/v1/videos/text2video/t_1.2",
        ),
        (
            "image2video:867283741759111202",
            Endpoint::ImageToVideo,
            "/v1/videos/image2video/867283741759111202",
            "/v1/videos/image2video/t_1.2",
        ),
        (
            "images:867283741759111202",
            Endpoint::Images,
            "/v1/images/generations/867283741759111202",
            "/v1/images/generations/t_1.2",
        ),
        (
            "tasks:893605946402811985",
            Endpoint::Tasks,
            "/tasks?task_ids=893605946402811985",
            "/tasks?external_task_ids=t_1.2",
        ),
    ] {
        let request = poll(external_id, &NEW, NOW_S).unwrap();
        assert_eq!(request.method(), "GET");
        assert_eq!(request.uri().path_and_query().unwrap(), by_id);
        let request = lookup(endpoint, "t_1.2", &NEW, NOW_S).unwrap();
        assert_eq!(request.method(), "GET");
        assert_eq!(request.uri().path_and_query().unwrap(), by_key);
        assert!(request.body().is_empty());
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

#[test]
fn tk8_what_kling_would_refuse_is_refused_here() {
    let none: [InputLink; 0] = [];
    let tail = [input("image_tail", FRAME)];
    let long = "ü".repeat(2501);
    let pair = Account {
        model: "kling-3.0",
        ..LEGACY
    };
    let elsewhere = Account {
        model: "../admin",
        ..NEW
    };
    let keyless = Account {
        key: Key::Plain("two words\n"),
        ..NEW
    };
    let nowhere = Account {
        url: "not an address",
        ..NEW
    };
    // Account, kind, prompt, params, inputs, said.
    let table: [(Account, &str, &str, Value, &[InputLink], &str); 30] = [
        (LEGACY, "text_gen", "p", json!({}), &none, "not text_gen"),
        (
            NEW,
            "image_gen",
            "p",
            json!({}),
            &none,
            "kling-3.0 makes videos",
        ),
        (pair, "video_gen", "p", json!({}), &none, "needs an API key"),
        (
            elsewhere,
            "video_gen",
            "p",
            json!({}),
            &none,
            "not the name of a model",
        ),
        (keyless, "video_gen", "p", json!({}), &none, "no key has"),
        (
            nowhere,
            "video_gen",
            "p",
            json!({}),
            &none,
            "provider's address",
        ),
        (
            LEGACY,
            "video_gen",
            &long,
            json!({}),
            &none,
            "2501 characters",
        ),
        (NEW, "video_gen", &long, json!({}), &none, "2501 characters"),
        (
            LEGACY,
            "image_gen",
            &long,
            json!({}),
            &none,
            "2501 characters",
        ),
        (LEGACY, "video_gen", " ", json!({}), &none, "needs a prompt"),
        (NEW, "video_gen", "", json!({}), &none, "needs a prompt"),
        (LEGACY, "image_gen", "", json!({}), &none, "needs a prompt"),
        (
            LEGACY,
            "video_gen",
            "p",
            json!([]),
            &none,
            "`params` is not an object",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({}),
            &tail,
            "last frame needs a first",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"negative_prompt": long}),
            &none,
            "`negative_prompt` has",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"negative_prompt": 1}),
            &none,
            "a text",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"duration": 7}),
            &none,
            "5 or 10 for Kling, not 7",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"duration": "x"}),
            &none,
            "5 or 10",
        ),
        (
            NEW,
            "video_gen",
            "p",
            json!({"duration": 2}),
            &none,
            "from 3 to 15",
        ),
        (
            NEW,
            "video_gen",
            "p",
            json!({"duration": 3.5}),
            &none,
            "from 3 to 15",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"cfg_scale": 1.1}),
            &none,
            "from 0 to 1",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"cfg_scale": "0.5"}),
            &none,
            "from 0 to 1",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"mode": "best"}),
            &none,
            "std, pro",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"aspect_ratio": "4:3"}),
            &none,
            "16:9, 9:16, 1:1",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"sound": 1}),
            &none,
            "on or off",
        ),
        (
            LEGACY,
            "video_gen",
            "p",
            json!({"camera_control": {"type": "spin"}}),
            &none,
            "named movement",
        ),
        (
            LEGACY,
            "image_gen",
            "p",
            json!({"n": 10}),
            &none,
            "from 1 to 9",
        ),
        (
            LEGACY,
            "image_gen",
            "p",
            json!({"n": 0}),
            &none,
            "from 1 to 9",
        ),
        (
            LEGACY,
            "image_gen",
            "p",
            json!({"image_reference": "face"}),
            &none,
            "needs an input",
        ),
        (
            NEW,
            "video_gen",
            "p",
            json!({"resolution": "8k"}),
            &none,
            "720p, 1080p, 4k",
        ),
    ];
    for (account, kind, prompt, params, inputs, said) in table {
        let job = job(kind, prompt, &params, inputs);
        let unfit = submit(&job, &account, NOW_S).unwrap_err().to_string();
        assert!(unfit.contains(said), "{kind} {params}: {unfit}, not {said}");
        assert!(unfit.chars().count() < 600, "{unfit}");
    }
    // Exactly as long as allowed, counted in characters; nulls are as good as nothing.
    let longest = "ü".repeat(2500);
    let params = json!({"duration": null, "negative_prompt": ""});
    assert!(submit(&job("video_gen", &longest, &params, &[]), &LEGACY, NOW_S).is_ok());
    assert!(submit(&job("video_gen", "p", &Value::Null, &[]), &LEGACY, NOW_S).is_ok());
}

#[test]
fn tk8_ids_cannot_lead_elsewhere() {
    for id in [
        "",
        ":",
        "867283741759111202",
        "tasks:",
        "tasks:1,2",
        "tasks:1&external_task_ids=2",
        "text2video:../../account/costs",
        "text2video:..",
        "text2video:a/b",
        "text2video:é",
        "lipsync:1",
    ] {
        assert!(matches!(poll(id, &NEW, NOW_S), Err(Unfit::Job(_))), "{id}");
        let headers = HeaderMap::new();
        assert!(parse_poll(id, StatusCode::OK, &headers, NEW_VIDEO.as_bytes()).is_err());
    }
    for key in ["", "..", "a,b", "a/b", "?pageNum=1", &"a".repeat(600)] {
        let found = lookup(Endpoint::TextToVideo, key, &NEW, NOW_S);
        assert!(matches!(found, Err(Unfit::Job(_))), "{key}");
        let params = json!({});
        let job = Job {
            key,
            ..job("video_gen", "p", &params, &[])
        };
        assert!(
            matches!(submit(&job, &NEW, NOW_S), Err(Unfit::Job(_))),
            "{key}"
        );
    }
}
