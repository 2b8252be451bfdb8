//! An application in a folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use host::{Application, Body, LoadError, Options};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tempfile::TempDir;

use crate::guests;

const CLIENT: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
    4711,
);

/// How long a test waits for what must happen. Only a failing test waits that long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: nothing after {PATIENCE:?}"))
}

/// A body that is all there.
pub fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// One component under every path.
pub const ONE: &str = r#"
[[trigger.http]]
route = "/..."
component = "probe"
[component.probe]
source = "PROBE"
sqlite_databases = ["default"]
key_value_stores = ["default"]
"#;

pub struct App {
    pub application: Arc<Application>,
    pub folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// Writes a manifest into a folder and describes how to load it.
pub fn options(folder: &Path, manifest: &str) -> Options {
    let built = |name: &str| guests::directory().join(name).display().to_string();
    let text = format!("spin_manifest_version = 2\n[application]\nname = \"test\"\n{manifest}")
        .replace("PROBE", &built("probe.wasm"))
        .replace("LEGACY", &built("legacy.wasm"))
        .replace("TICKER", &built("ticker.wasm"));
    let path = folder.join("spin.toml");
    std::fs::write(&path, text).expect("the manifest is written");
    let mut options = Options::new(path, folder.join("state"));
    options.cache_dir = Some(guests::compiled());
    options.limits.instances = 64;
    options
}

impl App {
    pub async fn new(manifest: &str) -> Self {
        Self::with(manifest, |_| {}).await
    }

    pub async fn with(manifest: &str, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::within(folder, manifest, change)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn within(
        folder: TempDir,
        manifest: &str,
        change: impl FnOnce(&mut Options),
    ) -> Result<Self, LoadError> {
        let mut options = options(folder.path(), manifest);
        change(&mut options);
        Ok(Self {
            application: Application::load(options).await?,
            folder,
        })
    }

    /// Sends a request with a body, and reads the answer whole.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let body: Bytes = body.into();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "app.test")
            .body(whole(body))
            .expect("a request");
        self.request(request).await
    }

    /// Sends a request and returns when the answer begins.
    pub async fn begin(&self, method: Method, path: &str, body: Body) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "app.test")
            .body(body)
            .expect("a request");
        self.application.handle(request, CLIENT).await
    }

    /// Sends a request with one more header.
    pub async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        let request = Request::get(path)
            .header("host", "app.test")
            .header(name, value)
            .body(whole(""))
            .expect("a request");
        self.request(request).await
    }

    pub async fn request(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.application.handle(request, CLIENT).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    /// Runs steps of SQL in one request.
    pub async fn sql(&self, steps: Value) -> Value {
        self.send(Method::POST, "/sql", steps.to_string())
            .await
            .json()
    }
}
