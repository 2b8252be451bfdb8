//! Resumable uploads (tus 1.0.0): the protocol's errors, cuts, two writers, and a kill.

use std::time::Duration;

use clash_tests::files::long;
use clash_tests::{Api, Reply, Stack, eventually};
use reqwest::{Method, RequestBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::assets::sha256;

const STREAM: &str = "application/offset+octet-stream";

fn tus(api: &Api, method: Method, path: &str) -> RequestBuilder {
    api.request(method, path).header("tus-resumable", "1.0.0")
}

async fn create(api: &Api, project: &str, length: usize) -> String {
    let request = tus(
        api,
        Method::POST,
        &format!("/api/uploads?project={project}"),
    );
    let reply = api.send(request.header("upload-length", length)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.header("tus-resumable"), "1.0.0");
    assert!(reply.header("upload-expires").ends_with("GMT"));
    reply.header("location").to_owned()
}

async fn patch(api: &Api, path: &str, offset: usize, body: &[u8]) -> Reply {
    let request = tus(api, Method::PATCH, path)
        .header("upload-offset", offset)
        .header("content-type", STREAM);
    api.send(request.body(body.to_vec())).await
}

async fn offset(api: &Api, path: &str) -> usize {
    let reply = api.send(tus(api, Method::HEAD, path)).await;
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.header("upload-offset").parse().expect("an offset")
}

#[tokio::test(flavor = "multi_thread")]
async fn as1_tus_from_creation_to_the_asset() {
    let stack = Stack::shared().await;
    let project = stack.project("as1-tus").await;
    let api = stack.api("alice", "editor");
    let abilities = Api::new(&stack.url, None);
    let abilities = abilities
        .send(abilities.request(Method::OPTIONS, "/api/uploads"))
        .await;
    assert_eq!(abilities.status, 204);
    for (name, value) in [
        ("tus-version", "1.0.0"),
        (
            "tus-extension",
            "creation,creation-with-upload,expiration,checksum,termination",
        ),
        ("tus-checksum-algorithm", "sha1,sha256"),
        ("tus-max-size", "536870912"),
    ] {
        assert_eq!(abilities.header(name), value);
    }
    let bytes = long(3_000_000);
    let path = create(&api, &project, bytes.len()).await;
    let mut at = 0;
    for end in [1, 700_000, 700_001, 2_000_000, bytes.len()] {
        let reply = patch(&api, &path, at, &bytes[at..end]).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
        assert_eq!(reply.header("upload-offset"), end.to_string());
        at = end;
        let made = if end == bytes.len() {
            sha256(&bytes)
        } else {
            String::new()
        };
        assert_eq!(reply.header("asset-id"), made);
        assert_eq!(offset(&api, &path).await, end);
    }
    let src = format!("/assets/{}?project={project}", sha256(&bytes));
    assert!(api.get(&src).await.body == bytes);
    // Whoever did not hear the end asks again.
    let again = patch(&api, &path, at, b"").await;
    assert_eq!(
        (again.status, again.header("asset-src")),
        (204, src.as_str())
    );
    // With the first bytes in the creation.
    let request = tus(&api, Method::POST, "/api/uploads").header("upload-length", bytes.len() - 1);
    let request = request
        .header("upload-metadata", "filename YS5iaW4=,project YXMxLXR1cw==")
        .header("content-type", STREAM);
    let reply = api.send(request.body(bytes[1..].to_vec())).await;
    assert_eq!(
        (reply.status, reply.header("asset-id")),
        (201, sha256(&bytes[1..]).as_str())
    );
    // Given up.
    let path = create(&api, &project, 10).await;
    assert_eq!(api.send(tus(&api, Method::DELETE, &path)).await.status, 204);
    api.send(tus(&api, Method::GET, &path))
        .await
        .problem("it is over", 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn as1_tus_errors_by_a_table() {
    let stack = Stack::shared().await;
    let project = stack.project("as1-tus-errors").await;
    let api = stack.api("alice", "editor");
    let collection = format!("/api/uploads?project={project}");
    let create_with = |headers: &[(&'static str, &str)], api: &Api| {
        let mut request = api.request(Method::POST, &collection);
        for (name, value) in headers {
            request = request.header(*name, value.to_string());
        }
        request
    };
    let resumable = ("tus-resumable", "1.0.0");
    let length = ("upload-length", "10");
    type Case<'a> = (&'a str, Vec<(&'static str, &'a str)>, u16);
    let creations: [Case<'_>; 10] = [
        ("no version", vec![length], 412),
        (
            "another version",
            vec![("tus-resumable", "0.2.2"), length],
            412,
        ),
        ("no length", vec![resumable], 400),
        (
            "a length of words",
            vec![resumable, ("upload-length", "ten")],
            400,
        ),
        ("nothing", vec![resumable, ("upload-length", "0")], 400),
        (
            "a deferred length",
            vec![resumable, ("upload-defer-length", "1")],
            400,
        ),
        (
            "too large",
            vec![resumable, ("upload-length", "536870913")],
            413,
        ),
        (
            "metadata",
            vec![resumable, length, ("upload-metadata", "a *")],
            400,
        ),
        (
            "media type",
            vec![resumable, length, ("content-type", "image/png")],
            415,
        ),
        ("all is well", vec![resumable, length], 201),
    ];
    for (what, headers, status) in creations {
        let reply = api.send(create_with(&headers, &api)).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        assert_eq!(reply.header("tus-resumable"), "1.0.0", "{what}");
    }
    let viewer = stack.api("bob", "viewer");
    viewer
        .send(create_with(&[resumable, length], &viewer))
        .await
        .problem("a viewer", 403);
    let path = create(&api, &project, 10).await;
    assert_eq!(patch(&api, &path, 0, b"abc").await.status, 204);
    let colleague = stack.api("carol", "editor");
    let stranger =
        stack.token_with(&["--sub", "alice", "--role", "admin", "--tenant", "elsewhere"]);
    let stranger = Api::new(&stack.url, Some(stranger));
    for other in [&colleague, &stranger] {
        for method in [Method::GET, Method::DELETE] {
            other
                .send(tus(other, method, &path))
                .await
                .problem("somebody else's", 404);
        }
        patch(other, &path, 3, b"x")
            .await
            .problem("somebody else's", 404);
    }
    let elsewhere = patch(&api, &path, 0, b"abc").await;
    assert_eq!(elsewhere.header("upload-offset"), "3");
    elsewhere.problem("another offset", 409);
    patch(&api, &path, 3, b"more than ten bytes")
        .await
        .problem("too long", 413);
    let send = |request: RequestBuilder| api.send(request.body("x"));
    let to = |method: Method| api.request(method, &path).header("upload-offset", 3);
    send(to(Method::PATCH).header("content-type", STREAM))
        .await
        .problem("no version", 412);
    let versioned = || to(Method::PATCH).header("tus-resumable", "1.0.0");
    send(versioned().header("content-type", "text/plain"))
        .await
        .problem("media type", 415);
    send(versioned()).await.problem("no media type", 415);
    for (checksum, status) in [
        ("md5 nUVAHUSjkUh2sI4AjoClpg==", 400),
        ("sha1", 400),
        ("sha1 nUVAHUSjkUh2sI4AjoClpg==", 460),
        ("sha256 ofzkNjhU/4iM/0uOeHXWAMJoI5BBKoz3mzfQsRFIsPo=", 460),
    ] {
        let request = versioned().header("content-type", STREAM);
        let reply = send(request.header("upload-checksum", checksum)).await;
        reply.problem(checksum, status);
        assert_eq!(offset(&api, &path).await, 3, "{checksum}");
    }
    // That of "x".
    let request = versioned().header("content-type", STREAM);
    let right = request.header("upload-checksum", "sha1 EfatjsUqKYSrqv18O1FlA3hcIHI=");
    assert_eq!(send(right).await.status, 204);
    assert_eq!(offset(&api, &path).await, 4);
    api.send(tus(&api, Method::POST, &path))
        .await
        .problem("a POST", 405);
    let disguised = tus(&api, Method::POST, &path).header("x-http-method-override", "DELETE");
    assert_eq!(api.send(disguised).await.status, 204);
}

/// Sends the head of a PATCH and a part of its body, and leaves.
async fn cut(stack: &Stack, token: &str, path: &str, at: usize, announced: usize, body: &[u8]) {
    let mut socket = TcpStream::connect(stack.address)
        .await
        .expect("a connection");
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ntus-resumable: 1.0.0\r\n\
         upload-offset: {at}\r\ncontent-type: {STREAM}\r\ncontent-length: {announced}\r\n\r\n",
        stack.address
    );
    socket.write_all(head.as_bytes()).await.expect("written");
    socket.write_all(body).await.expect("written");
    socket.flush().await.expect("written");
    // As long as it takes until the application has read it.
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as1_what_came_before_a_cut_counts_and_a_kill_leaves_nothing_half() {
    let stack = Stack::start().await;
    let project = stack.project("as1-cut").await;
    let token = stack.token("alice", "editor");
    let api = Api::new(&stack.url, Some(token.clone()));
    let bytes = long(30_000_000);
    let path = create(&api, &project, bytes.len()).await;
    cut(&stack, &token, &path, 0, bytes.len(), &bytes[..6_000_000]).await;
    let first = eventually("the cut is noticed", Duration::from_secs(20), || async {
        let offset = offset(&api, &path).await;
        (offset == 6_000_000).then_some(offset)
    })
    .await;
    // The server dies while it reads.
    let dies = async {
        let mut socket = TcpStream::connect(stack.address)
            .await
            .expect("a connection");
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ntus-resumable: 1.0.0\r\n\
             upload-offset: {first}\r\ncontent-type: {STREAM}\r\ncontent-length: {}\r\n\r\n",
            bytes.len() - first
        );
        socket.write_all(head.as_bytes()).await.expect("written");
        socket
            .write_all(&bytes[first..20_000_000])
            .await
            .expect("written");
        tokio::time::sleep(Duration::from_millis(700)).await;
        stack.kill();
        let _ = socket.read(&mut [0; 1]).await;
    };
    dies.await;
    stack.start_again();
    let list = format!("/api/assets?project={project}");
    assert_eq!(api.get(&list).await.json()["assets"], serde_json::json!([]));
    let second = offset(&api, &path).await;
    eprintln!("after the kill: {second} of 20000000 bytes");
    assert!((first..=20_000_000).contains(&second), "{second}");
    assert!(second > first, "something of it was written");
    let reply = patch(&api, &path, second, &bytes[second..]).await;
    assert_eq!(
        (reply.status, reply.header("asset-id")),
        (204, sha256(&bytes).as_str())
    );
    let src = reply.header("asset-src").to_owned();
    assert!(api.get(&src).await.body == bytes);
    // An upload in one request that is cut off leaves nothing to see.
    let mut socket = TcpStream::connect(stack.address)
        .await
        .expect("a connection");
    let head = format!(
        "POST {list} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 9000000\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("written");
    socket
        .write_all(&bytes[..8_000_000])
        .await
        .expect("written");
    drop(socket);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        api.get(&list).await.json()["assets"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn as1_of_two_patches_at_once_one_wins() {
    let stack = Stack::shared().await;
    let project = stack.project("as1-two").await;
    let api = stack.api("alice", "editor");
    for round in 0..5_usize {
        let bytes = long(5_000_000 + round);
        let path = create(&api, &project, bytes.len()).await;
        let both =
            futures::future::join(patch(&api, &path, 0, &bytes), patch(&api, &path, 0, &bytes));
        let (one, other) = both.await;
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert!(
            matches!(statuses, [204, 409]),
            "{statuses:?} {} {}",
            one.text(),
            other.text()
        );
        let src = format!("/assets/{}?project={project}", sha256(&bytes));
        assert!(api.get(&src).await.body == bytes);
    }
}
