//! Files in one request, how they are served, listed, linked, made small and taken away.

use std::time::Duration;

use clash_tests::files::{long, png, png_head};
use clash_tests::{Api, Reply, Setup, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub async fn upload(api: &Api, project: &str, bytes: Vec<u8>) -> Reply {
    let path = format!("/api/assets?project={project}");
    api.send(api.request(Method::POST, &path).body(bytes)).await
}

async fn listed(api: &Api, project: &str) -> Vec<Value> {
    let reply = api.get(&format!("/api/assets?project={project}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["assets"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn as1_a_file_in_one_request_is_stored_once_and_its_type_is_told_by_its_bytes() {
    let stack = Stack::shared().await;
    let project = stack.project("as1-whole").await;
    let api = stack.api("alice", "editor");
    let files = [
        (png(64, 32), "image/png", true),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
            "image/svg+xml",
            false,
        ),
        (
            b"<!doctype html><script>x()</script>".to_vec(),
            "text/html",
            false,
        ),
        (long(9_000_000), "application/octet-stream", false),
    ];
    for (bytes, media_type, is_inline) in files {
        let id = sha256(&bytes);
        // What the uploader says of it is not believed.
        let path = format!("/api/assets?project={project}");
        let request = api
            .request(Method::POST, &path)
            .header("content-type", "image/gif");
        let first = api.send(request.body(bytes.clone())).await;
        assert_eq!(first.status, 201, "{}", first.text());
        let asset = first.json();
        assert_eq!(asset["id"], id);
        assert_eq!(asset["project"], project);
        assert_eq!(asset["media_type"], media_type);
        assert_eq!(asset["size"], bytes.len());
        assert_eq!(asset["src"], format!("/assets/{id}?project={project}"));
        assert!(asset["created_at_ms"].as_i64().is_some_and(|at| at > 0));
        let again = upload(&api, &project, bytes.clone()).await;
        assert_eq!((again.status, again.json()), (200, asset.clone()));
        let served = api.get(asset["src"].as_str().expect("a src")).await;
        assert!(served.status == 200 && served.body == bytes, "{media_type}");
        assert_eq!(served.header("content-type"), media_type);
        assert_eq!(served.header("x-content-type-options"), "nosniff");
        let disposition = if is_inline { "" } else { "attachment" };
        assert_eq!(
            served.header("content-disposition"),
            disposition,
            "{media_type}"
        );
        let described = api
            .get(&format!("/api/assets/{id}?project={project}"))
            .await;
        assert_eq!(described.json(), asset);
    }
    assert_eq!(listed(&api, &project).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn as1_a_form_brings_its_first_file() {
    let stack = Stack::shared().await;
    let project = stack.project("as1-form").await;
    let api = stack.api("alice", "editor");
    let bytes = long(6_000_000);
    let path = format!("/api/assets?project={project}");
    let send = |file: &str| {
        let mut body =
            b"--B\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello\r\n--B\r\n\
            Content-Disposition: form-data; name=\"file\""
                .to_vec();
        body.extend_from_slice(file.as_bytes());
        body.extend_from_slice(b"\r\nContent-Type: text/html\r\n\r\n");
        body.extend_from_slice(&bytes);
        body.extend_from_slice(b"\r\n--B--\r\n");
        let request = api.request(Method::POST, &path);
        api.send(
            request
                .header("content-type", "multipart/form-data; boundary=B")
                .body(body),
        )
    };
    let reply = send("; filename=\"a.bin\"").await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["id"], sha256(&bytes));
    send("").await.problem("a form without a file", 400);
    let request = api
        .request(Method::POST, &path)
        .header("content-type", "multipart/form-data");
    api.send(request.body("x"))
        .await
        .problem("no boundary", 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn as1_refusals_by_a_table() {
    let setup = Setup {
        variables: vec![("max_upload_bytes", "5000000".to_owned())],
        ..Setup::default()
    };
    let stack = Stack::with(setup).await;
    let project = stack.project("as1-refused").await;
    let editor = stack.api("alice", "editor");
    let viewer = stack.api("bob", "viewer");
    let stranger = stack.token_with(&["--sub", "eve", "--role", "admin", "--tenant", "elsewhere"]);
    let stranger = Api::new(&stack.url, Some(stranger));
    let nobody = Api::new(&stack.url, None);
    let kept = upload(&editor, &project, png(8, 8)).await.json();
    upload(&viewer, &project, png(9, 9))
        .await
        .problem("a viewer", 403);
    upload(&stranger, &project, png(9, 9))
        .await
        .problem("another tenant", 404);
    upload(&nobody, &project, png(9, 9))
        .await
        .problem("no token", 401);
    upload(&editor, "nowhere", png(9, 9))
        .await
        .problem("no project", 404);
    upload(&editor, "", png(9, 9)).await.problem("no name", 400);
    upload(&editor, &project, Vec::new())
        .await
        .problem("nothing", 400);
    upload(&editor, &project, long(5_000_001))
        .await
        .problem("too large", 413);
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = long(6_000_000)
        .chunks(100_000)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let path = format!("/api/assets?project={project}");
    let unannounced = editor
        .send(editor.request(Method::POST, &path).body(body))
        .await;
    unannounced.problem("too large, and not announced", 413);
    assert_eq!(upload(&editor, &project, long(5_000_000)).await.status, 201);
    let src = kept["src"].as_str().expect("a src");
    let of_api = src.replacen("/assets/", "/api/assets/", 1);
    assert_eq!(viewer.get(src).await.status, 200);
    for path in [src, &of_api, &format!("/api/assets?project={project}")] {
        stranger.get(path).await.problem("another tenant", 404);
        nobody.get(path).await.problem("no token", 401);
    }
    viewer.delete(&of_api).await.problem("a viewer", 403);
    stranger
        .delete(&of_api)
        .await
        .problem("another tenant", 404);
    let link = of_api.replacen("?", "/link?", 1);
    stranger
        .post(&link, &json!({"ttl_s": 60}))
        .await
        .problem("another tenant", 404);
    editor
        .post(&link, &json!({"ttl_s": 0}))
        .await
        .problem("no time", 400);
    editor
        .get(&src.replacen("/assets/", "/assets/0", 1))
        .await
        .problem("no id", 404);
    let presign = json!({"project": project, "size": 1, "sha256": sha256(b"x"), "media_type": ""});
    editor
        .post("/api/assets/presign", &presign)
        .await
        .problem("no object storage", 422);
    assert_eq!(listed(&editor, &project).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn as2_links_lists_and_removal() {
    let stack = Stack::shared().await;
    let project = stack.project("as2-links").await;
    let api = stack.api("alice", "editor");
    let nobody = Api::new(&stack.url, None);
    for side in 1..=5 {
        assert_eq!(upload(&api, &project, png(side, side)).await.status, 201);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api
            .get(&format!("/api/assets?project={project}&limit=2{cursor}"))
            .await
            .json();
        seen.extend(page["assets"].as_array().expect("a list").clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, listed(&api, &project).await);
    let asset = &seen[0];
    let (id, src) = (
        asset["id"].as_str().expect("an id"),
        asset["src"].as_str().expect("a src"),
    );
    let link = api
        .post(
            &format!("/api/assets/{id}/link?project={project}"),
            &json!({"ttl_s": 1}),
        )
        .await
        .json();
    let url = link["url"].as_str().expect("a link");
    assert_eq!(nobody.get(url).await.status, 200);
    nobody
        .get(&url.replace("sig=", "sig=00"))
        .await
        .problem("another signature", 401);
    let expired = eventually("the link expires", Duration::from_secs(5), || async {
        let reply = nobody.get(url).await;
        (reply.status != 200).then_some(reply)
    });
    expired.await.problem("an expired link", 401);
    let path = format!("/api/assets/{id}?project={project}");
    assert_eq!(api.delete(&path).await.status, 204);
    api.delete(&path).await.problem("it is gone", 404);
    api.get(src).await.problem("it is gone", 404);
    assert_eq!(listed(&api, &project).await.len(), 4);
}

/// The parts of a multipart answer: their Content-Range and bytes.
fn parts(reply: &Reply) -> Vec<(String, Vec<u8>)> {
    let media_type = reply.header("content-type");
    let boundary = media_type
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("several ranges");
    let mark = format!("\r\n--{boundary}");
    let mut body = b"\r\n".to_vec();
    body.extend_from_slice(&reply.body);
    let mut parts = Vec::new();
    let starts: Vec<usize> = body
        .windows(mark.len())
        .enumerate()
        .filter(|(_, window)| *window == mark.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for two in starts.windows(2) {
        let part = &body[two[0] + mark.len()..two[1]];
        let end = part
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head");
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let range = head
            .lines()
            .find_map(|line| line.strip_prefix("content-range: "));
        parts.push((range.expect("a range").to_owned(), part[end + 4..].to_vec()));
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn as2_ranges_of_two_hundred_megabytes_are_the_right_bytes() {
    let stack = Stack::start().await;
    let project = stack.project("as2-large").await;
    let api = stack.api("alice", "editor");
    let size = 200_000_000;
    let bytes = long(size);
    let started = std::time::Instant::now();
    let reply = upload(&api, &project, bytes.clone()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    eprintln!("200 MB uploaded in {:?}", started.elapsed());
    let asset = reply.json();
    assert_eq!(asset["id"], sha256(&bytes));
    let src = asset["src"].as_str().expect("a src").to_owned();
    let ranged = async |range: &str| {
        let request = api
            .request(Method::GET, &src)
            .header("range", range.to_owned());
        api.send(request).await
    };
    let edge = 512 * 1024;
    for (first, last) in [
        (0, 0),
        (edge - 1, edge),
        (edge * 7 - 3, edge * 9 + 3),
        (123_456_789, 133_456_789),
        (size - 1, size - 1),
    ] {
        let started = std::time::Instant::now();
        let reply = ranged(&format!("bytes={first}-{last}")).await;
        assert_eq!(reply.status, 206);
        assert_eq!(
            reply.header("content-range"),
            format!("bytes {first}-{last}/{size}")
        );
        assert!(reply.body == bytes[first..=last], "{first}-{last}");
        eprintln!("{first}-{last} in {:?}", started.elapsed());
    }
    let several = ranged("bytes=300-399,0-9,5-19,-7,190000000-190600000").await;
    assert_eq!(several.status, 206);
    assert_eq!(
        several.header("content-length"),
        several.body.len().to_string()
    );
    let expected = [
        (0, 19),
        (300, 399),
        (190_000_000, 190_600_000),
        (size - 7, size - 1),
    ];
    let found = parts(&several);
    assert_eq!(found.len(), expected.len());
    for ((range, part), (first, last)) in found.iter().zip(expected) {
        assert_eq!(*range, format!("bytes {first}-{last}/{size}"));
        assert!(*part == bytes[first..=last], "{range}");
    }
    let started = std::time::Instant::now();
    assert!(api.get(&src).await.body == bytes, "the whole");
    eprintln!("200 MB downloaded in {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn as4_pictures_have_thumbnails_and_bombs_do_not() {
    let stack = Stack::shared().await;
    let project = stack.project("as4").await;
    let api = stack.api("alice", "editor");
    let asset = upload(&api, &project, png(900, 300)).await.json();
    let src = asset["src"].as_str().expect("a src").to_owned();
    let whole = api.get(&src).await.body.len();
    for side in [128, 256, 512] {
        let reply = eventually("a thumbnail", Duration::from_secs(20), || async {
            let reply = api.get(&format!("{src}&thumb={side}")).await;
            // While another picture is being made smaller.
            (reply.status != 503).then_some(reply)
        })
        .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type"), "image/jpeg");
        assert!(reply.body.starts_with(b"\xff\xd8\xff") && reply.body.len() < whole / 10);
        assert_eq!(
            reply.header("etag"),
            format!("\"{}-{side}\"", asset["id"].as_str().expect("an id"))
        );
        let same = api.request(Method::GET, &format!("{src}&thumb={side}"));
        let same = api
            .send(same.header("if-none-match", reply.header("etag")))
            .await;
        assert_eq!((same.status, same.body.len()), (304, 0));
    }
    for thumb in ["100", "0", "x", "100000"] {
        api.get(&format!("{src}&thumb={thumb}"))
            .await
            .problem(thumb, 400);
    }
    let bombs = [
        png_head(100_000, 100_000),
        png_head(2_000_000_000, 1),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
    ];
    for bomb in bombs {
        let asset = upload(&api, &project, bomb).await;
        assert_eq!(asset.status, 201, "{}", asset.text());
        let src = asset.json()["src"].as_str().expect("a src").to_owned();
        let reply = eventually("an answer", Duration::from_secs(20), || async {
            let reply = api.get(&format!("{src}&thumb=256")).await;
            (reply.status != 503).then_some(reply)
        });
        reply.await.problem("a bomb", 422);
    }
    assert_eq!(api.get("/api/health").await.status, 200);
}
