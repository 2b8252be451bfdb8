//! TK8: Gemini's API, by its published examples.

use http::{HeaderMap, Request, StatusCode};
use providers::gemini::{parse_submit, submit, usage};
use providers::{
    Account, Begun, CallFailure, Inline, Job, Key, Product, Report, Unfit, Usage, Wanted,
};
use serde_json::{Value, json};

const ACCOUNT: Account = Account {
    url: "https://generativelanguage.googleapis.com",
    model: "gemini-2.5-flash-image",
    key: Key::Plain("AIza-secret"),
};
/// The first bytes of every PNG, in base64.
const PNG: &str = "iVBORw0KGgo=";

fn asked(
    kind: &str,
    prompt: &str,
    params: &Value,
    inline: &[Inline],
) -> Result<Request<Vec<u8>>, Unfit> {
    let job = Job {
        key: "t_1.1",
        kind,
        prompt,
        params,
        inputs: &[],
        callback_url: None,
    };
    submit(&job, inline, &ACCOUNT)
}

fn body(request: &Request<Vec<u8>>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

fn png() -> [Inline<'static>; 1] {
    [Inline {
        media_type: "image/png",
        bytes: b"\x89PNG\r\n\x1a\n",
    }]
}

fn answered(body: &str, wanted: Wanted) -> Result<Product, CallFailure> {
    let begun = parse_submit(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), wanted)?;
    match begun {
        Begun::Ended(Report::Finished(product)) => Ok(product),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tk8_a_picture_is_asked_for_as_published() {
    let params = json!({"aspect_ratio": "16:9", "image_size": "2k"});
    let request = asked("image_gen", "a boat", &params, &png()).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(
        request.uri(),
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash-image:generateContent"
    );
    assert_eq!(request.headers()["x-goog-api-key"], "AIza-secret");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(
        body(&request),
        json!({
            "contents": [{"role": "user", "parts": [
                {"text": "a boat"},
                {"inlineData": {"mimeType": "image/png", "data": PNG}},
            ]}],
            "generationConfig": {
                "responseModalities": ["TEXT", "IMAGE"],
                "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
            },
        })
    );
    let plain = asked("image_gen", "a boat", &Value::Null, &[]).unwrap();
    assert_eq!(
        body(&plain)["generationConfig"],
        json!({"responseModalities": ["TEXT", "IMAGE"]})
    );
}

#[test]
fn tk8_the_key_is_not_logged() {
    let request = asked("text_gen", "a line", &json!({}), &[]).unwrap();
    assert!(!format!("{request:?}{ACCOUNT:?}").contains("secret"));
}

#[test]
fn tk8_descriptions_and_texts_are_asked_for_as_published() {
    let image = body(&asked("image_desc", "", &json!({}), &png()).unwrap());
    let parts = image["contents"][0]["parts"].as_array().unwrap();
    assert_eq!(
        parts[0],
        json!({"inlineData": {"mimeType": "image/png", "data": PNG}})
    );
    let asks = parts[1]["text"].as_str().unwrap();
    assert!(asks.contains("picture in one paragraph"), "{asks}");
    assert_eq!(image.get("generationConfig"), None);

    let video = [Inline {
        media_type: "video/mp4",
        bytes: b"\0\0\0\x20ftypisom",
    }];
    let video = body(&asked("video_desc", "the hands", &json!({}), &video).unwrap());
    let asks = video["contents"][0]["parts"][1]["text"].as_str().unwrap();
    assert!(asks.contains("video in one paragraph") && asks.ends_with("the hands"));

    let text = body(&asked("text_gen", "a line", &json!({}), &[]).unwrap());
    assert_eq!(
        text,
        json!({"contents": [{"role": "user", "parts": [{"text": "a line"}]}]})
    );
}

#[test]
fn tk8_a_published_answer_with_a_picture() {
    let answer = json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "Let me think of boats.", "thought": true},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": true},
                {"text": "Here is a boat."},
                {"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": "c2ln"},
            ]},
            "finishReason": "STOP",
            "index": 0,
        }],
        "usageMetadata": {
            "promptTokenCount": 8, "candidatesTokenCount": 1290, "thoughtsTokenCount": 12,
            "totalTokenCount": 1310,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
        },
        "modelVersion": "gemini-2.5-flash-image",
        "responseId": "r-1",
    });
    let product = answered(&answer.to_string(), Wanted::Media).unwrap();
    assert_eq!(product.url, Some(format!("data:image/png;base64,{PNG}")));
    assert_eq!(product.media_type.as_deref(), Some("image/png"));
    assert_eq!(product.text, None);
    let text = answered(&answer.to_string(), Wanted::Text).unwrap();
    assert_eq!(text.text.as_deref(), Some("Here is a boat."));
    assert_eq!(
        usage(answer.to_string().as_bytes()),
        Some(Usage {
            prompt_tokens: Some(8),
            answer_tokens: Some(1290),
            thought_tokens: Some(12),
            total_tokens: Some(1310),
        })
    );
    for nothing in [
        "{}",
        r#"{"usageMetadata":null}"#,
        r#"{"usageMetadata":7}"#,
        "<",
    ] {
        assert_eq!(usage(nothing.as_bytes()), None, "{nothing}");
    }
}

#[test]
fn tk8_a_text_of_several_parts_is_one_text_and_may_be_cut() {
    let answer = json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": "One, "}, {"text": "two"}]},
        "finishReason": "MAX_TOKENS",
    }]});
    let product = answered(&answer.to_string(), Wanted::Text).unwrap();
    assert_eq!(product.text.as_deref(), Some("One, two"));
}

#[test]
fn tk8_what_gemini_cannot_be_asked() {
    let png = png();
    let html = [Inline {
        media_type: "text/html",
        bytes: b"<",
    }];
    let large = vec![0; 15 * 1024 * 1024];
    let large = [Inline {
        media_type: "image/png",
        bytes: &large,
    }];
    for (kind, prompt, params, inline, expected) in [
        ("assemble", "x", json!({}), &png[..], "does no assemble"),
        ("image_gen", "  ", json!({}), &png, "no prompt"),
        (
            "image_gen",
            "x",
            json!({"aspect_ratio": "wide"}),
            &png,
            "`aspect_ratio`",
        ),
        (
            "image_gen",
            "x",
            json!({"aspect_ratio": 7}),
            &png,
            "`aspect_ratio`",
        ),
        (
            "image_gen",
            "x",
            json!({"image_size": "huge"}),
            &png,
            "`image_size`",
        ),
        ("image_gen", "x", json!({}), &html, "text/html"),
        ("image_gen", "x", json!({}), &large, "bytes together"),
        ("image_desc", "x", json!({}), &[], "no image to describe"),
        ("video_desc", "x", json!({}), &png, "only videos"),
        (
            "video_gen",
            "x",
            json!({"duration": "long"}),
            &png,
            "`duration`",
        ),
        (
            "video_gen",
            "x",
            json!({"duration": -5}),
            &png,
            "`duration`",
        ),
        (
            "video_gen",
            "x",
            json!({"duration": 1e300}),
            &png,
            "`duration`",
        ),
    ] {
        let unfit = asked(kind, prompt, &params, inline)
            .unwrap_err()
            .to_string();
        assert!(
            unfit.contains(expected),
            "{kind}: {unfit}, expected {expected}"
        );
    }
    let job = Job {
        key: "t_1.1",
        kind: "text_gen",
        prompt: "x",
        params: &Value::Null,
        inputs: &[],
        callback_url: None,
    };
    for (url, model, key, is_fit) in [
        ("https://g.example", "m", Key::Plain("k"), true),
        (
            "https://g.example/v1beta",
            "models/m-1.5",
            Key::Plain("k"),
            true,
        ),
        ("https://g.example", "../../upload", Key::Plain("k"), false),
        ("https://g.example", "m:delete?x=", Key::Plain("k"), false),
        ("https://g.example", "..", Key::Plain("k"), false),
        ("https://g.example", "", Key::Plain("k"), false),
        ("https://g.example", "m", Key::Plain(""), false),
        ("https://g.example", "m", Key::Plain("k\r\nx: y"), false),
        (
            "https://g.example",
            "m",
            Key::Pair {
                access: "a",
                secret: "s",
            },
            false,
        ),
        ("not an address", "m", Key::Plain("k"), false),
    ] {
        let found = submit(&job, &[], &Account { url, model, key });
        assert_eq!(found.is_ok(), is_fit, "{url} {model}");
        if let Ok(request) = found {
            let path = request.uri().path().to_owned();
            assert!(path.starts_with("/v1beta/models/m"), "{path}");
        }
    }
}

#[test]
fn tk8_a_picture_without_padding_is_still_one() {
    let part = json!({"inlineData": {"mimeType": "image/webp", "data": "UklGRg"}});
    let body = json!({"candidates": [{"content": {"parts": [part]}}]}).to_string();
    let product = answered(&body, Wanted::Media).unwrap();
    assert_eq!(
        product.url.as_deref(),
        Some("data:image/webp;base64,UklGRg==")
    );
}
