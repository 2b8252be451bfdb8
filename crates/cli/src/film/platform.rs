//! The HTTP side of a platform: projects and assets.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use crate::credentials::TokenSource;
use crate::failure::{Failure, Outcome};

/// For a whole answer that is not a download.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two pieces of a download.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// An error's text is shown to a person; more would not be read.
const ERROR_CHARS: usize = 300;
/// A film of an hour at a high rate fits; a server that never stops sending does not.
const DOWNLOAD_BYTES: usize = 2 * 1024 * 1024 * 1024;
/// An answer's JSON.
const JSON_BYTES: usize = 1024 * 1024;

pub struct Platform {
    base: Url,
    http: Client,
    token: TokenSource,
}

/// What became of a request to make a project.
#[derive(Debug, PartialEq, Eq)]
pub enum Made {
    New,
    /// There is one with this id that the token may see.
    Exists,
    /// The id belongs to somebody else.
    Taken,
}

/// The parts of problem+json that a person wants to read.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

pub struct Download {
    pub bytes: Vec<u8>,
    pub media_type: String,
    pub sha256: String,
}

impl Platform {
    pub fn new(base: Url, token: TokenSource) -> Outcome<Self> {
        if base.scheme() != "http" {
            return Err(
                Failure::input(format!("{base}: only http:// addresses are supported"))
                    .help("put a proxy that ends TLS on this machine, or connect over a tunnel"),
            );
        }
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5));
        let client = client
            .read_timeout(READ_TIMEOUT)
            .user_agent(concat!("clash/", env!("CARGO_PKG_VERSION")));
        let http = client
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { base, http, token })
    }

    /// Without a slash at its end.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub fn token(&self) -> TokenSource {
        self.token.clone()
    }

    /// Where the room of a project is.
    pub fn room_url(&self, project: &str) -> Outcome<Url> {
        let mut url = self.url(&format!("/sync/{project}"))?;
        let set = url.set_scheme("ws");
        set.map_err(|()| Failure::input(format!("{} is no address of a platform", self.base)))?;
        Ok(url)
    }

    pub async fn make_project(&self, id: &str, name: &str) -> Outcome<Made> {
        let request = self
            .request(Method::POST, "/api/projects")?
            .timeout(CALL_TIMEOUT);
        let response = self
            .send(request.json(&json!({ "id": id, "name": name })))
            .await?;
        match response.status() {
            StatusCode::CREATED => Ok(Made::New),
            StatusCode::CONFLICT => self.find_project(id).await,
            _ => Err(refusal("the project cannot be made", response).await),
        }
    }

    async fn find_project(&self, id: &str) -> Outcome<Made> {
        let request = self
            .request(Method::GET, &format!("/api/projects/{id}"))?
            .timeout(CALL_TIMEOUT);
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok(Made::Exists),
            StatusCode::NOT_FOUND => Ok(Made::Taken),
            _ => Err(refusal("the project cannot be read", response).await),
        }
    }

    /// Fetches what a node's `src` names, whole and checked against its name when that is a digest.
    pub async fn download(&self, src: &str) -> Outcome<Download> {
        let url = self.url(src)?;
        let mut request = self.http.get(url.clone());
        // The token is for the platform alone, not for wherever a node may point.
        if url.origin() == self.base.origin() {
            request = request.bearer_auth(self.bearer()?);
        }
        let response = self.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(&format!("{src} cannot be downloaded"), response).await);
        }
        let media_type = response.headers().get(http::header::CONTENT_TYPE);
        let media_type = media_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let bytes = read_body(response, DOWNLOAD_BYTES).await?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        match asset_id(&url) {
            Some(id) if id != sha256 => Err(Failure::failed(format!(
                "{src} arrived damaged: its digest is {sha256}"
            ))
            .help("run the command again; if it stays so, `clash doctor` checks the database")),
            _ => Ok(Download {
                bytes,
                media_type,
                sha256,
            }),
        }
    }

    fn url(&self, path: &str) -> Outcome<Url> {
        self.base
            .join(path)
            .map_err(|error| Failure::failed(format!("{path} is no address: {error}")))
    }

    fn bearer(&self) -> Outcome<String> {
        (self.token)().map_err(Failure::failed)
    }

    fn request(&self, method: Method, path: &str) -> Outcome<RequestBuilder> {
        Ok(self
            .http
            .request(method, self.url(path)?)
            .bearer_auth(self.bearer()?))
    }

    async fn send(&self, request: RequestBuilder) -> Outcome<Response> {
        request.send().await.map_err(|error| {
            let base = self.address();
            if error.is_connect() {
                Failure::failed(format!("nothing answers at {base}"))
                    .help("start the stack with `clash up` (or `make up`), or name another address with --url")
            } else if error.is_timeout() {
                Failure::failed(format!("{base} takes too long to answer"))
                    .help("`clash doctor` looks for the reason")
            } else {
                Failure::failed(format!("{base} cannot be asked: {}", root_cause(&error)))
            }
        })
    }
}

/// The 64 hexadecimal digits of `/assets/<sha256>`.
pub fn asset_id(url: &Url) -> Option<&str> {
    let id = url.path().strip_prefix("/assets/")?;
    let is_digest = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then_some(id)
}

async fn read_body(mut response: Response, most: usize) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > most => {
                return Err(Failure::failed(format!(
                    "an answer is larger than {most} bytes"
                )));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes),
            Err(error) => {
                let reason = root_cause(&error);
                return Err(Failure::failed(format!("an answer broke off: {reason}"))
                    .help("run the command again; finished nodes stay finished"));
            }
        }
    }
}

/// Says what the platform said.
async fn refusal(what: &str, response: Response) -> Failure {
    let status = response.status();
    let body = read_body(response, JSON_BYTES).await.unwrap_or_default();
    let said = match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => problem.detail.or(problem.title).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    let said: String = said.trim().chars().take(ERROR_CHARS).collect();
    let separator = if said.is_empty() { "" } else { ": " };
    let failure = Failure::failed(format!("{what}: {status}{separator}{said}"));
    match status {
        StatusCode::UNAUTHORIZED => failure.help(
            "the token is not of this stack; name the stack's directory with --state-dir, or give a token with --token",
        ),
        StatusCode::FORBIDDEN => failure.help("the token needs the role editor or admin"),
        StatusCode::SERVICE_UNAVAILABLE => failure.help("the stack is busy or still starting; try again in a moment"),
        _ => failure,
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as2_only_a_digest_is_checked_as_one() {
        let digest = "a".repeat(64);
        for (url, id) in [
            (
                format!("http://h/assets/{digest}?project=p"),
                Some(digest.as_str()),
            ),
            ("http://h/assets/short".into(), None),
            (format!("http://h/other/{digest}"), None),
        ] {
            assert_eq!(asset_id(&Url::parse(&url).expect("a url")), id, "{url}");
        }
    }
}
