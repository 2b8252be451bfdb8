//! TK8: OpenAI's API, by its published examples.

use http::{HeaderMap, Request, StatusCode};
use providers::openai::{parse_submit, submit, usage};
use providers::{Account, Begun, Inline, Job, Key, Product, Report, Unfit, Usage, Wanted};
use serde_json::{Value, json};

const ACCOUNT: Account = Account {
    url: "https://api.openai.com/v1",
    model: "dall-e-3",
    key: Key::Plain("sk-secret"),
};
const PNG: Inline = Inline {
    media_type: "image/png",
    bytes: b"\x89PNG\r\n\x1a\n",
};

fn asked(
    kind: &str,
    params: &Value,
    inline: &[Inline],
    account: &Account,
) -> Result<Request<Vec<u8>>, Unfit> {
    let job = Job {
        key: "t_1.1",
        kind,
        prompt: "a boat",
        params,
        inputs: &[],
        callback_url: None,
    };
    submit(&job, inline, account)
}

fn body(request: &Request<Vec<u8>>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

fn product(body: &Value, wanted: Wanted) -> Product {
    let body = body.to_string();
    let begun = parse_submit(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), wanted);
    match begun {
        Ok(Begun::Ended(Report::Finished(product))) => product,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tk8_a_picture_is_asked_for_as_published() {
    let params = json!({"size": "1024x1024", "seed": 7});
    let request = asked("image_gen", &params, &[], &ACCOUNT).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(
        request.uri(),
        "https://api.openai.com/v1/images/generations"
    );
    assert_eq!(request.headers()["authorization"], "Bearer sk-secret");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(!format!("{request:?}").contains("secret"));
    assert_eq!(
        body(&request),
        json!({"model": "dall-e-3", "prompt": "a boat", "n": 1, "size": "1024x1024",
               "response_format": "b64_json"})
    );
    // These always answer in base64 and refuse the parameter.
    let account = Account {
        model: "gpt-image-1",
        ..ACCOUNT
    };
    let request = asked("image_gen", &Value::Null, &[], &account).unwrap();
    assert_eq!(
        body(&request),
        json!({"model": "gpt-image-1", "prompt": "a boat", "n": 1})
    );
}

#[test]
fn tk8_a_description_is_asked_for_as_published() {
    let account = Account {
        url: "https://api.siliconflow.cn/v1/",
        model: "Qwen/Qwen2.5-VL-72B-Instruct",
        ..ACCOUNT
    };
    let request = asked("image_desc", &json!({}), &[PNG], &account).unwrap();
    assert_eq!(
        request.uri(),
        "https://api.siliconflow.cn/v1/chat/completions"
    );
    let body = body(&request);
    assert_eq!(body["model"], "Qwen/Qwen2.5-VL-72B-Instruct");
    assert_eq!(body["stream"], false);
    let parts = body["messages"][0]["content"].as_array().unwrap();
    assert_eq!(parts[0]["type"], "text");
    let asks = parts[0]["text"].as_str().unwrap();
    assert!(asks.contains("in one paragraph") && asks.ends_with("a boat"));
    assert_eq!(
        parts[1],
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}})
    );
}

#[test]
fn tk8_a_text_is_asked_for_as_published() {
    let request = asked("text_gen", &json!({}), &[], &ACCOUNT).unwrap();
    assert_eq!(
        body(&request),
        json!({"model": "dall-e-3", "messages": [{"role": "user", "content": "a boat"}],
               "stream": false})
    );
}

#[test]
fn tk8_what_cannot_be_asked() {
    let odd = Inline {
        media_type: "image/png,<script>",
        bytes: b"x",
    };
    let pair = Key::Pair {
        access: "a",
        secret: "s",
    };
    for (kind, params, inline, key, expected) in [
        (
            "video_gen",
            json!({}),
            &[][..],
            ACCOUNT.key,
            "does no video_gen",
        ),
        (
            "video_desc",
            json!({}),
            &[PNG],
            ACCOUNT.key,
            "does no video_desc",
        ),
        (
            "image_gen",
            json!({}),
            &[PNG],
            ACCOUNT.key,
            "from words alone",
        ),
        (
            "image_gen",
            json!({"size": "big"}),
            &[],
            ACCOUNT.key,
            "`size`",
        ),
        (
            "image_gen",
            json!({"size": [1]}),
            &[],
            ACCOUNT.key,
            "`size`",
        ),
        (
            "image_desc",
            json!({}),
            &[],
            ACCOUNT.key,
            "no image to describe",
        ),
        ("image_desc", json!({}), &[odd], ACCOUNT.key, "only images"),
        ("text_gen", json!({}), &[], pair, "one key"),
        ("text_gen", json!({}), &[], Key::Plain("a\nb"), "header"),
    ] {
        let account = Account { key, ..ACCOUNT };
        let unfit = asked(kind, &params, inline, &account)
            .unwrap_err()
            .to_string();
        assert!(unfit.contains(expected), "{unfit}, expected {expected}");
    }
}

#[test]
fn tk8_published_answers_with_a_picture() {
    for (base64, media_type) in [
        ("iVBORw0KGgo=", "image/png"),
        ("/9j/4AAQ", "image/jpeg"),
        ("UklGRgAAAABXRUJQVlA4IA==", "image/webp"),
    ] {
        let answer = json!({
            "created": 1713833628,
            "data": [{"b64_json": base64, "revised_prompt": "A boat at sea."}],
            "usage": {"total_tokens": 100, "input_tokens": 50, "output_tokens": 50,
                      "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}},
        });
        let product = product(&answer, Wanted::Media);
        assert_eq!(
            product.url,
            Some(format!("data:{media_type};base64,{base64}"))
        );
        assert_eq!(product.media_type.as_deref(), Some(media_type));
        let counted = usage(answer.to_string().as_bytes()).unwrap();
        assert_eq!(counted.prompt_tokens, Some(50));
        assert_eq!(counted.answer_tokens, Some(50));
        assert_eq!(counted.total_tokens, Some(100));
    }
    let answer =
        json!({"created": 1589478378, "data": [{"url": "https://cdn.example/a.png?sig=1"}]});
    let product = product(&answer, Wanted::Media);
    assert_eq!(
        product.url.as_deref(),
        Some("https://cdn.example/a.png?sig=1")
    );
    assert_eq!(usage(answer.to_string().as_bytes()), None);
}

#[test]
fn tk8_a_published_answer_of_chat() {
    let answer = json!({
        "id": "chatcmpl-123", "object": "chat.completion", "created": 1677652288,
        "model": "gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "\n\nHello there.", "refusal": null,
                        "reasoning_content": "They said hello."},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "error": null,
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21,
                  "completion_tokens_details": {"reasoning_tokens": 5}},
    });
    assert_eq!(
        product(&answer, Wanted::Text).text.as_deref(),
        Some("Hello there.")
    );
    assert_eq!(
        usage(answer.to_string().as_bytes()),
        Some(Usage {
            prompt_tokens: Some(9),
            answer_tokens: Some(12),
            thought_tokens: Some(5),
            total_tokens: Some(21),
        })
    );
    for nothing in [r#"{"usage":null}"#, r#"{"usage":"x"}"#, "{}", "", "[1]"] {
        assert_eq!(usage(nothing.as_bytes()), None, "{nothing}");
    }
    // A text that breaks off at the limit is still one.
    let cut = json!({"choices": [{"message": {"content": "Once"}, "finish_reason": "length"}]});
    assert_eq!(product(&cut, Wanted::Text).text.as_deref(), Some("Once"));
}
