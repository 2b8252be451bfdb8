//! An S3-compatible object storage (AS3). Requests are signed in their address, so what is sent is
//! plain HTTP; buckets are named in the path, which every server understands.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use guest::{CallError, Streamed};
use http::{Method, Response, StatusCode};
use media::range::Range;
use problem::{Problem, Slug};
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

/// How long a signature of our own requests is good.
const SIGNED: Duration = Duration::from_secs(300);
/// Answers beside objects are small documents.
const ANSWER_BYTES: usize = 64 * 1024;
/// A part of 8 MiB goes over a slow line in this time.
const CALL_MS: u64 = 30_000;
/// To put many parts together takes a while.
const COMPLETE_MS: u64 = 120_000;

#[derive(Clone)]
pub struct ObjectStorage {
    pub(super) bucket: Bucket,
    pub(super) credentials: Credentials,
    /// Whether clients read from it directly.
    pub is_presigning: bool,
}

/// Why the object storage did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("{what} was answered {status}: {text}")]
    Status {
        what: &'static str,
        status: StatusCode,
        text: String,
    },
    #[error("{0} was answered with what is no answer to it")]
    Nonsense(&'static str),
}

impl Failed {
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::NOT_FOUND)
    }
}

/// What is known of an object.
pub struct Facts {
    pub size: u64,
    pub etag: String,
    /// The sha256 that the storage itself has found, in base64.
    pub sha256: Option<String>,
}

impl ObjectStorage {
    /// `None` when no endpoint is set.
    pub async fn from_variables() -> Result<Option<Self>, Problem> {
        let endpoint = guest::variable("s3_endpoint").await?;
        if endpoint.trim().is_empty() {
            return Ok(None);
        }
        let wrong = |what: &str| {
            guest::log_error("s3", &what);
            Problem::new(Slug::Internal, format!("the object storage: {what}"))
        };
        let url = endpoint
            .trim()
            .parse()
            .map_err(|_| wrong("s3_endpoint is no address"))?;
        let name = guest::variable("s3_bucket").await?;
        let region = guest::variable("s3_region").await?;
        let bucket = Bucket::new(url, UrlStyle::Path, name, region)
            .map_err(|error| wrong(&error.to_string()))?;
        let (key, secret) = (
            guest::variable("s3_access_key").await?,
            guest::variable("s3_secret_key").await?,
        );
        Ok(Some(Self {
            bucket,
            credentials: Credentials::new(key, secret),
            is_presigning: guest::variable("s3_presign").await?.trim() == "true",
        }))
    }

    /// `<tenant>/<sha256>`.
    pub fn key(&self, tenant: &str, id: &str) -> String {
        format!("{}/{id}", folder(tenant))
    }

    /// Where a client puts a file before anybody has looked at it.
    pub fn incoming_key(&self, tenant: &str, upload_id: &str) -> String {
        format!("{}/incoming/{upload_id}", folder(tenant))
    }

    pub async fn put(&self, key: &str, bytes: Bytes, sha256: &str) -> Result<(), Failed> {
        let mut action = self.bucket.put_object(Some(&self.credentials), key);
        action.headers_mut().insert(CHECKSUM, sha256.to_owned());
        let request = http::Request::builder()
            .method(Method::PUT)
            .uri(action.sign(SIGNED).as_str())
            .header(CHECKSUM, sha256);
        self.send("putting an object", request, bytes, CALL_MS)
            .await
            .map(drop)
    }

    /// Bytes of an object, as they come.
    pub async fn get(&self, key: &str, range: Range) -> Result<Streamed, Failed> {
        let action = self.bucket.get_object(Some(&self.credentials), key);
        let request = http::Request::builder()
            .uri(action.sign(SIGNED).as_str())
            .header(
                http::header::RANGE,
                format!("bytes={}-{}", range.first, range.end() - 1),
            )
            .body(Bytes::new())
            .map_err(|_| Failed::Nonsense("an address"))?;
        let streamed = guest::call_streaming(request, CALL_MS).await?;
        match streamed.head.status {
            StatusCode::PARTIAL_CONTENT => Ok(streamed),
            StatusCode::OK if range.first == 0 => Ok(streamed),
            status => Err(Failed::Status {
                what: "getting an object",
                status,
                text: String::new(),
            }),
        }
    }

    pub async fn head(&self, key: &str) -> Result<Facts, Failed> {
        let mut action = self.bucket.head_object(Some(&self.credentials), key);
        action
            .headers_mut()
            .insert("x-amz-checksum-mode", "ENABLED");
        let request = http::Request::builder()
            .method(Method::HEAD)
            .uri(action.sign(SIGNED).as_str())
            .header("x-amz-checksum-mode", "ENABLED");
        let what = "looking at an object";
        let response = self.send(what, request, Bytes::new(), CALL_MS).await?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        Ok(Facts {
            size: header("content-length")
                .and_then(|size| size.parse().ok())
                .ok_or(Failed::Nonsense(what))?,
            etag: header("etag").unwrap_or_default(),
            sha256: header(CHECKSUM),
        })
    }

    /// Copies within the bucket what is still as it was looked at.
    pub async fn copy(&self, from: &str, to: &str, etag: &str) -> Result<(), Failed> {
        let source = format!("/{}/{from}", self.bucket.name());
        let mut action = self.bucket.put_object(Some(&self.credentials), to);
        let headers = [
            ("x-amz-copy-source", source.as_str()),
            ("x-amz-copy-source-if-match", etag),
        ];
        let mut request = http::Request::builder().method(Method::PUT);
        for (name, value) in headers {
            action.headers_mut().insert(name, value.to_owned());
            request = request.header(name, value);
        }
        let request = request.uri(action.sign(SIGNED).as_str());
        let what = "copying an object";
        let response = self.send(what, request, Bytes::new(), COMPLETE_MS).await?;
        // It may say 200 first and what went wrong afterwards.
        match String::from_utf8_lossy(response.body()).contains("<Error") {
            true => Err(Failed::Nonsense(what)),
            false => Ok(()),
        }
    }

    /// Removes an object; one that is not there counts as removed.
    pub async fn delete(&self, key: &str) -> Result<(), Failed> {
        let action = self.bucket.delete_object(Some(&self.credentials), key);
        let request = http::Request::builder()
            .method(Method::DELETE)
            .uri(action.sign(SIGNED).as_str());
        let sent = self.send("removing an object", request, Bytes::new(), CALL_MS);
        gone_or(sent.await)
    }

    /// Begins an upload in parts, and gives its id.
    pub async fn create_parts(&self, key: &str) -> Result<String, Failed> {
        let action = self
            .bucket
            .create_multipart_upload(Some(&self.credentials), key);
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(action.sign(SIGNED).as_str());
        let what = "beginning an upload";
        let response = self.send(what, request, Bytes::new(), CALL_MS).await?;
        let text = String::from_utf8_lossy(response.body());
        CreateMultipartUpload::parse_response(&text)
            .map(|parsed| parsed.upload_id().to_owned())
            .map_err(|_| Failed::Nonsense(what))
    }

    /// Puts a part (numbered from 1) and gives its ETag.
    pub async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u16,
        bytes: Bytes,
    ) -> Result<String, Failed> {
        let action = self
            .bucket
            .upload_part(Some(&self.credentials), key, number, upload_id);
        let request = http::Request::builder()
            .method(Method::PUT)
            .uri(action.sign(SIGNED).as_str());
        let what = "putting a part";
        let response = self.send(what, request, bytes, CALL_MS).await?;
        let etag = response
            .headers()
            .get(http::header::ETAG)
            .and_then(|etag| etag.to_str().ok());
        etag.map(str::to_owned).ok_or(Failed::Nonsense(what))
    }

    pub async fn complete_parts(
        &self,
        key: &str,
        upload_id: &str,
        etags: &[String],
    ) -> Result<(), Failed> {
        let etags = etags.iter().map(String::as_str);
        let action =
            self.bucket
                .complete_multipart_upload(Some(&self.credentials), key, upload_id, etags);
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(action.sign(SIGNED).as_str());
        let body = Bytes::from(action.body());
        let what = "completing an upload";
        let response = self.send(what, request, body, COMPLETE_MS).await?;
        let text = String::from_utf8_lossy(response.body());
        CompleteMultipartUploadResponse::parse(&text)
            .map(drop)
            .map_err(|_| Failed::Nonsense(what))
    }

    pub async fn abort(&self, key: &str, upload_id: &str) -> Result<(), Failed> {
        let action = self
            .bucket
            .abort_multipart_upload(Some(&self.credentials), key, upload_id);
        let request = http::Request::builder()
            .method(Method::DELETE)
            .uri(action.sign(SIGNED).as_str());
        let sent = self.send("giving up an upload", request, Bytes::new(), CALL_MS);
        gone_or(sent.await)
    }

    async fn send(
        &self,
        what: &'static str,
        request: http::request::Builder,
        body: Bytes,
        timeout_ms: u64,
    ) -> Result<Response<Bytes>, Failed> {
        let request = request
            .header(http::header::CONTENT_LENGTH, body.len())
            .body(body)
            .map_err(|_| Failed::Nonsense("an address"))?;
        let response = guest::call(request, ANSWER_BYTES, timeout_ms).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = String::from_utf8_lossy(response.body());
        let text = text.chars().take(500).collect();
        Err(Failed::Status { what, status, text })
    }
}

/// The checksum that the storage itself compares with what it gets.
pub(super) const CHECKSUM: &str = "x-amz-checksum-sha256";

fn gone_or(sent: Result<Response<Bytes>, Failed>) -> Result<(), Failed> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The form in which the storage names a sha256.
pub fn base64_of(hex_text: &str) -> String {
    STANDARD.encode(hex::decode(hex_text).unwrap_or_default())
}

/// Tenants' names go into addresses: what could mean something there is written in hex.
fn folder(tenant: &str) -> String {
    let is_plain = !tenant.is_empty()
        && tenant
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match is_plain {
        true => tenant.to_owned(),
        false => format!("x.{}", hex::encode(tenant)),
    }
}
