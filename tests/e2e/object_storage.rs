//! AS3: a real S3-compatible server. `make test-s3` installs it and names it in CLASH_S3_SERVER.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clash_tests::files::{long, png};
use clash_tests::{Api, Setup, Stack, eventually};
use reqwest::Method;
use serde_json::json;

use super::assets::{sha256, upload};

const KEY: &str = "clash";
const SECRET: &str = "a secret of the object storage";
/// Longer than a job is held for a worker that was lost.
const LIMIT: Duration = Duration::from_secs(120);

/// The server as a process, with one bucket in a folder.
struct ObjectServer {
    process: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl ObjectServer {
    async fn start() -> Self {
        let path = std::env::var_os("CLASH_S3_SERVER").map(PathBuf::from);
        let path = path.expect("CLASH_S3_SERVER names the server: use `make test-s3`");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("clash-bucket")).expect("a bucket");
        // Another process may take the port first; then the server ends at once.
        for _ in 0..5 {
            let port = std::net::TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .expect("a free port")
                .port();
            let mut command = Command::new(&path);
            command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--access-key", KEY, "--secret-key", SECRET]);
            command
                .arg(folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut process = command.spawn().expect("the server starts");
            if listens(&mut process, port).await {
                return Self {
                    process,
                    url: format!("http://127.0.0.1:{port}"),
                    folder,
                };
            }
        }
        panic!("the server does not listen");
    }

    fn bucket(&self) -> PathBuf {
        self.folder.path().join("clash-bucket")
    }

    async fn stack(&self, presign: &str) -> Stack {
        let variables = [
            ("s3_endpoint", self.url.as_str()),
            ("s3_hosts", &self.url),
            ("s3_bucket", "clash-bucket"),
            ("s3_access_key", KEY),
            ("s3_secret_key", SECRET),
            ("s3_presign", presign),
            ("asset_grace_s", "0"),
        ];
        let variables = variables
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec();
        Stack::with(Setup {
            variables,
            ..Setup::default()
        })
        .await
    }
}

/// False when it has ended.
async fn listens(process: &mut Child, port: u16) -> bool {
    let process = std::cell::RefCell::new(process);
    eventually("the server listens", LIMIT, || async {
        let answers = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        let ended = process.borrow_mut().try_wait().expect("its status");
        match (ended, answers) {
            (Some(_), _) => Some(false),
            (None, Ok(_)) => Some(true),
            (None, Err(_)) => None,
        }
    })
    .await
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn file_with(path: &Path, bytes: &[u8]) {
    eventually("the object is there", LIMIT, || async {
        (std::fs::read(path).ok().as_deref() == Some(bytes)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3-compatible server: make test-s3"]
async fn as3_bytes_go_to_the_object_storage_and_come_back_in_ranges() {
    let server = ObjectServer::start().await;
    let stack = server.stack("false").await;
    let project = stack.project("as3").await;
    let api = stack.api("alice", "editor");
    // One in one piece, one in parts; a picture, so that its thumbnail is made of the object.
    for bytes in [png(300, 200), long(20_000_000)] {
        let asset = upload(&api, &project, bytes.clone()).await;
        assert_eq!(asset.status, 201, "{}", asset.text());
        let object = server.bucket().join("default").join(sha256(&bytes));
        file_with(&object, &bytes).await;
        let src = asset.json()["src"].as_str().expect("a src").to_owned();
        assert!(
            api.get(&src).await.body == bytes,
            "read through the application"
        );
        let size = bytes.len();
        for (range, expected) in [
            ("bytes=0-99".to_owned(), 0..100),
            (format!("bytes={}-", size - 1000), size - 1000..size),
        ] {
            let reply = api
                .send(api.request(Method::GET, &src).header("range", range))
                .await;
            assert!(reply.status == 206 && reply.body == bytes[expected]);
        }
        let several = api
            .request(Method::GET, &src)
            .header("range", "bytes=0-9,5000-5009");
        let several = api.send(several).await;
        assert!(
            several.status == 206
                && several
                    .body
                    .windows(10)
                    .any(|ten| ten == &bytes[5000..5010])
        );
        let again = upload(&api, &project, bytes.clone()).await;
        assert_eq!(again.status, 200);
        let path = format!("/api/assets/{}?project={project}", sha256(&bytes));
        assert_eq!(api.delete(&path).await.status, 204);
        eventually("the object is removed", LIMIT, || async {
            (!object.exists()).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3-compatible server: make test-s3"]
async fn as3_clients_read_and_write_the_object_storage_directly() {
    let server = ObjectServer::start().await;
    let stack = server.stack("true").await;
    let project = stack.project("as3-direct").await;
    let api = stack.api("alice", "editor");
    let bytes = png(640, 480);
    let promise = |bytes: &[u8], size: usize| json!({"project": project, "size": size, "sha256": sha256(bytes), "media_type": "text/html"});
    let presigned = api
        .post("/api/assets/presign", &promise(&bytes, bytes.len()))
        .await;
    assert_eq!(presigned.status, 201, "{}", presigned.text());
    let presigned = presigned.json();
    let complete = json!({"upload": presigned["upload"]});
    api.post("/api/assets/complete", &complete)
        .await
        .problem("nothing is there", 409);
    let put = async |presigned: &serde_json::Value, bytes: &[u8]| {
        let mut request = reqwest::Client::new().put(presigned["url"].as_str().expect("a link"));
        for (name, value) in presigned["headers"].as_object().expect("headers") {
            request = request.header(name, value.as_str().expect("a value"));
        }
        request
            .body(bytes.to_vec())
            .send()
            .await
            .expect("an answer")
            .status()
    };
    assert!(
        !put(&presigned, b"other bytes").await.is_success(),
        "the storage compares"
    );
    assert!(put(&presigned, &bytes).await.is_success());
    let stranger = stack.api("carol", "editor");
    stranger
        .post("/api/assets/complete", &complete)
        .await
        .problem("somebody else's", 404);
    let asset = api.post("/api/assets/complete", &complete).await;
    assert_eq!(asset.status, 201, "{}", asset.text());
    let asset = asset.json();
    assert_eq!(asset["media_type"], "image/png");
    assert_eq!(
        api.post("/api/assets/complete", &complete).await.status,
        200
    );
    // The bytes come from the storage itself.
    let src = asset["src"].as_str().expect("a src");
    let still = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let still = still.build().expect("a client");
    let redirected = still
        .get(format!("{}{src}", stack.url))
        .bearer_auth(api.token.clone().expect("a token"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(redirected.status(), 307);
    let link = redirected.headers()["location"]
        .to_str()
        .expect("a link")
        .to_owned();
    assert!(link.starts_with(&server.url), "{link}");
    let direct = Api::new(&stack.url, None).get(&link).await;
    assert!(direct.status == 200 && direct.body == bytes);
    assert_eq!(direct.header("content-type"), "image/png");
    let thumb = api.get(&format!("{src}&thumb=256")).await;
    assert_eq!(
        (thumb.status, thumb.header("content-type")),
        (200, "image/jpeg")
    );
    // What is not what was promised is no asset.
    let other = long(1000);
    let wrong = api
        .post("/api/assets/presign", &promise(&other, 999))
        .await
        .json();
    assert!(put(&wrong, &other).await.is_success());
    let complete = json!({"upload": wrong["upload"]});
    api.post("/api/assets/complete", &complete)
        .await
        .problem("another size", 422);
}
