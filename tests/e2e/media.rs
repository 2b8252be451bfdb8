//! Real media from atelier, and how they are served.

use std::time::Duration;

use clash_tests::{Api, Member, Stack};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LONG: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn tk14_wf1_atelier_makes_a_picture_a_clip_and_a_film_that_are_served_in_ranges() {
    let stack = Stack::with_atelier().await;
    let project = stack.project("tk14").await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    let prompt = "a white lighthouse above a calm sea at dawn";
    alice
        .set_node("idea", json!({"type": "prompt", "prompt": prompt}))
        .await;
    alice
        .set_edge(
            "1",
            json!({"source": "idea", "target": "pic", "role": "prompt", "order": 0}),
        )
        .await;
    alice
        .set_edge(
            "2",
            json!({"source": "pic", "target": "clip", "role": "image", "order": 0}),
        )
        .await;
    alice
        .set_edge(
            "3",
            json!({"source": "clip", "target": "film", "role": "video", "order": 1}),
        )
        .await;
    alice.set_node("pic", json!({"type": "image", "status": "generating", "params": {"width": 1280, "height": 720}})).await;
    alice.set_node("clip", json!({"type": "video", "status": "generating", "params": {"duration_s": 1.0, "camera_move": "push-in"}})).await;
    alice
        .set_node(
            "film",
            json!({"type": "video", "status": "generating", "params": {"task": "assemble"}}),
        )
        .await;
    let done = alice.until("all fin", LONG, |doc| {
        let status = |node: &str| {
            doc["nodes"][node]["status"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let statuses = ["pic", "clip", "film"].map(status);
        assert!(!statuses.iter().any(|status| status == "failed"), "{doc:#}");
        statuses.iter().all(|status| status == "fin")
    });
    let done = done.await;
    for node in ["pic", "clip", "film"] {
        let words = done["nodes"][node]["description"]
            .as_str()
            .unwrap_or_default();
        assert!(words.len() > 20, "{node} is described: {words:?}");
    }
    let api = Api::new(&stack.url, Some(token));
    let src = |node: &str| {
        done["nodes"][node]["src"]
            .as_str()
            .expect("a src")
            .to_owned()
    };
    let picture = whole(&api, &src("pic"), "image/png").await;
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
    let side = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((side(16), side(20)), (1280, 720));
    for node in ["clip", "film"] {
        let video = whole(&api, &src(node), "video/mp4").await;
        assert_eq!(&video[4..8], b"ftyp", "{node}");
        assert!(
            contains(&video, b"moov") && contains(&video, b"avc1"),
            "{node} is H.264 in MP4"
        );
    }
    ranges(&api, &src("clip")).await;
    conditions(&api, &src("pic"), &done).await;
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// The whole asset, whose id must be its hash.
async fn whole(api: &Api, src: &str, media_type: &str) -> Vec<u8> {
    let reply = api.get(src).await;
    assert_eq!(reply.status, 200, "{src}: {}", reply.text());
    let digest = hex::encode(Sha256::digest(&reply.body));
    assert!(
        src.starts_with(&format!("/assets/{digest}?")),
        "{src} is {digest}"
    );
    assert_eq!(reply.header("etag"), format!("\"{digest}\""));
    assert_eq!(reply.header("content-type"), media_type);
    assert_eq!(reply.header("accept-ranges"), "bytes");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(
        reply.header("cache-control"),
        "private, immutable, max-age=31536000"
    );
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    reply.body
}

/// AS2, RFC 9110 section 14.
async fn ranges(api: &Api, src: &str) {
    let all = api.get(src).await.body;
    let size = all.len();
    let table = [
        ("bytes=0-0".to_owned(), Some(0..1)),
        ("bytes=0-99".to_owned(), Some(0..100)),
        ("bytes=100-".to_owned(), Some(100..size)),
        ("bytes=-7".to_owned(), Some(size - 7..size)),
        (
            format!("bytes={}-{}", size - 3, size + 500),
            Some(size - 3..size),
        ),
        // Over the edge of two stored parts, where the file is that long.
        (
            "bytes=524200-524400".to_owned(),
            (size > 524_400).then_some(524_200..524_401),
        ),
    ];
    for (range, expected) in table {
        let Some(expected) = expected else { continue };
        let reply = api
            .send(api.request(Method::GET, src).header("range", &range))
            .await;
        assert_eq!(reply.status, 206, "{range}: {}", reply.status);
        let named = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(reply.header("content-range"), named, "{range}");
        assert!(reply.body == all[expected], "{range}: the right bytes");
    }
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let reply = api
            .send(api.request(Method::GET, src).header("range", &range))
            .await;
        assert_eq!(
            reply.header("content-range"),
            format!("bytes */{size}"),
            "{range}"
        );
        reply.problem(&range, 416);
    }
}

async fn conditions(api: &Api, src: &str, done: &Value) {
    let etag = api.get(src).await.header("etag").to_owned();
    let send = |name: &'static str, value: &str| {
        api.send(api.request(Method::GET, src).header(name, value.to_owned()))
    };
    let unchanged = send("if-none-match", &etag).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), etag);
    assert_eq!(send("if-none-match", "\"another\"").await.status, 200);
    let ranged = |condition: &str| {
        api.send(
            api.request(Method::GET, src)
                .header("range", "bytes=0-9")
                .header("if-range", condition.to_owned()),
        )
    };
    assert_eq!(ranged(&etag).await.status, 206);
    assert_eq!(ranged("\"another\"").await.status, 200);
    let head = api.send(api.request(Method::HEAD, src)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(
        head.header("content-length")
            .parse::<usize>()
            .is_ok_and(|length| length > 1_000),
        "{:?}",
        head.headers
    );
    let clip = done["nodes"]["clip"]["src"].as_str().expect("a src");
    let elsewhere = clip.replace("project=tk14", "project=tk14-nowhere");
    api.get(&elsewhere)
        .await
        .problem("an asset of no project", 404);
}
