//! TK8: what is asked of Kling, by its published examples, and what is not asked at all.

use http::{HeaderMap, Request, StatusCode};
use providers::kling::{Endpoint, lookup, parse_poll, poll, submit};
use providers::{Account, InputLink, Job, Key, Unfit};
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
    type Row<'a> = (
        Account<'a>,
        &'a str,
        &'a str,
        Value,
        &'a [InputLink],
        &'a str,
    );
    let table: [Row; 30] = [
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
    let answer = br#"{"code":0,"data":[{"id":"1","status":"submitted"}]}"#;
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
        assert!(parse_poll(id, StatusCode::OK, &headers, answer).is_err());
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
