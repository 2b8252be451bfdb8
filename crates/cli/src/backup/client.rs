//! The HTTP side: JSON, and files that are streamed both ways.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;
use url::Url;

use super::archive::Asset;
use crate::credentials::TokenSource;
use crate::failure::{Failure, Outcome};

/// Between two pieces of an answer, and until its beginning: a large document takes a while.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// A backup without its assets: twice what a platform takes back.
const JSON_BYTES: usize = 128 * 1024 * 1024;
/// An error's text is shown to a person; more would not be read.
const ERROR_CHARS: usize = 300;
/// Larger files go in pieces of this size: one request carries at most 256 MiB.
const PIECE_BYTES: u64 = 128 * 1024 * 1024;

pub struct Client {
    base: Url,
    http: reqwest::Client,
    token: TokenSource,
}

impl Client {
    pub fn new(base: Url, token: TokenSource) -> Outcome<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(READ_TIMEOUT)
            .user_agent(concat!("clash/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { base, http, token })
    }

    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A JSON answer.
    pub async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Outcome<T> {
        let request = self.request(Method::GET, path)?;
        let bytes = self.call(request).await?;
        known(path, &bytes)
    }

    /// Makes a project. False when there is one with this id that the token may see.
    pub async fn make_project(&self, id: &str, name: &str) -> Outcome<bool> {
        let request = self.request(Method::POST, "/api/projects")?;
        let request = request.json(&json!({ "id": id, "name": name }));
        let response = self.send(request).await?;
        if response.status() != StatusCode::CONFLICT {
            return self.answer(response).await.map(|_| true);
        }
        let request = self.request(Method::GET, &format!("/api/projects/{id}"))?;
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Err(Failure::failed(format!(
                "the project id {id} belongs to somebody else"
            ))
            .help("choose another one with --project")),
            _ => self.answer(response).await.map(|_| false),
        }
    }

    pub async fn delete_project(&self, id: &str) -> Outcome {
        let request = self.request(Method::DELETE, &format!("/api/projects/{id}"))?;
        self.call(request).await.map(drop)
    }

    pub async fn restore<T: serde::Serialize>(&self, id: &str, body: &T) -> Outcome<Value> {
        let path = format!("/api/projects/{id}/restore");
        let request = self.request(Method::POST, &path)?.json(body);
        let bytes = self.call(request).await?;
        known(&path, &bytes)
    }

    /// Downloads an asset into a file, and checks that its bytes are those that its id names.
    pub async fn download(&self, project: &str, asset: &Asset, to: std::fs::File) -> Outcome {
        let path = format!("/assets/{}?project={project}", asset.id);
        let response = self.send(self.request(Method::GET, &path)?).await?;
        if !response.status().is_success() {
            return self.answer(response).await.map(drop);
        }
        let mut file = tokio::fs::File::from_std(to);
        let (mut hash, mut size) = (Sha256::new(), 0u64);
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.unreachable(error))?;
            size += piece.len() as u64;
            if size > asset.size {
                break;
            }
            hash.update(&piece);
            file.write_all(&piece).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        if size != asset.size || hex::encode(hash.finalize()) != asset.id {
            return Err(
                Failure::failed(format!("asset {} arrived damaged", asset.id)).help(
                    "run the command again; if it stays so, `clash doctor` checks the database",
                ),
            );
        }
        Ok(())
    }

    /// Uploads `size` bytes of a file from `at` on, and checks that they became the asset.
    pub async fn upload(
        &self,
        project: &str,
        id: &str,
        from: &Path,
        at: u64,
        size: u64,
    ) -> Outcome {
        let made = if size <= PIECE_BYTES {
            let path = format!("/api/assets?project={project}");
            let request = self
                .request(Method::POST, &path)?
                .header("content-type", "application/octet-stream")
                .header("content-length", size)
                .body(piece(from, at, size).await?);
            let asset: Value = known(&path, &self.call(request).await?)?;
            asset["id"].as_str().map(str::to_owned)
        } else {
            self.upload_in_pieces(project, from, at, size).await?
        };
        match made.as_deref() == Some(id) {
            true => Ok(()),
            false => Err(Failure::failed(format!("asset {id} arrived damaged"))
                .help("run the command again")),
        }
    }

    /// By tus 1.0; gives the id that the platform found.
    async fn upload_in_pieces(
        &self,
        project: &str,
        from: &Path,
        at: u64,
        size: u64,
    ) -> Outcome<Option<String>> {
        let tus = |request: RequestBuilder| request.header("tus-resumable", "1.0.0");
        let request = tus(self.request(Method::POST, "/api/uploads")?)
            .header("upload-length", size)
            .header(
                "upload-metadata",
                format!("project {}", STANDARD.encode(project)),
            );
        let response = self.checked(request).await?;
        let location = response.headers().get("location");
        let upload = location
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| Failure::failed("the platform does not say where to upload"))?
            .to_owned();
        let mut offset = 0;
        loop {
            let length = PIECE_BYTES.min(size - offset);
            let request = tus(self.request(Method::PATCH, &upload)?)
                .header("upload-offset", offset)
                .header("content-type", "application/offset+octet-stream")
                .header("content-length", length)
                .body(piece(from, at + offset, length).await?);
            let response = self.checked(request).await?;
            offset += length;
            if offset == size {
                let id = response.headers().get("asset-id");
                return Ok(id.and_then(|id| id.to_str().ok()).map(str::to_owned));
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> Outcome<RequestBuilder> {
        let url = self.base.join(path);
        let url = url.map_err(|error| Failure::failed(format!("{path}: {error}")))?;
        // The token is for the platform alone, wherever it says to go on.
        if url.origin() != self.base.origin() {
            return Err(Failure::failed(format!(
                "{path} is not of {}",
                self.address()
            )));
        }
        let token = (self.token)().map_err(Failure::failed)?;
        Ok(self.http.request(method, url).bearer_auth(token))
    }

    async fn send(&self, request: RequestBuilder) -> Outcome<Response> {
        request
            .send()
            .await
            .map_err(|error| self.unreachable(error))
    }

    async fn call(&self, request: RequestBuilder) -> Outcome<Vec<u8>> {
        let response = self.send(request).await?;
        self.answer(response).await
    }

    /// The answer before its body, when it is a good one.
    async fn checked(&self, request: RequestBuilder) -> Outcome<Response> {
        let response = self.send(request).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(match self.answer(response).await {
                Ok(_) => Failure::failed("the platform gave no answer"),
                Err(failure) => failure,
            }),
        }
    }

    async fn answer(&self, response: Response) -> Outcome<Vec<u8>> {
        let status = response.status();
        let mut bytes = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.unreachable(error))?;
            if bytes.len() + piece.len() > JSON_BYTES {
                return Err(Failure::failed(format!(
                    "an answer is over {JSON_BYTES} bytes"
                )));
            }
            bytes.extend_from_slice(&piece);
        }
        match status.is_success() {
            true => Ok(bytes),
            false => Err(refusal(status, &bytes)),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let base = self.address();
        let what = match error.is_connect() {
            true => format!("nothing answers at {base}"),
            false => format!("{base} cannot be asked: {}", error.without_url()),
        };
        Failure::failed(what)
            .help("start the stack with `clash up`, or name another address with --url")
    }
}

/// A part of a file as a body.
async fn piece(from: &Path, at: u64, size: u64) -> Outcome<Body> {
    let opened = tokio::fs::File::open(from).await;
    let mut file = opened.map_err(disk)?;
    file.seek(SeekFrom::Start(at)).await.map_err(disk)?;
    Ok(Body::wrap_stream(ReaderStream::new(file.take(size))))
}

fn known<T: for<'de> Deserialize<'de>>(path: &str, bytes: &[u8]) -> Outcome<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::failed(format!("{path}: the answer is not known: {error}")))
}

pub fn disk(error: std::io::Error) -> Failure {
    Failure::failed(format!("the file cannot be read or written: {error}"))
}

/// Says what the platform said.
fn refusal(status: StatusCode, bytes: &[u8]) -> Failure {
    let said = match serde_json::from_slice::<Value>(bytes) {
        Ok(problem) => problem["detail"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let said: String = said.trim().chars().take(ERROR_CHARS).collect();
    let failure = Failure::failed(format!("the platform says {status}: {said}"));
    match status {
        StatusCode::UNAUTHORIZED => failure.help(
            "the token is not of this stack; name the stack's directory with --state-dir, or give a token with --token",
        ),
        StatusCode::FORBIDDEN => failure.help("the token needs the role admin in the project"),
        _ => failure,
    }
}
