//! Reading requests, with bounds.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use problem::{Problem, Slug};
use serde::de::DeserializeOwned;

use crate::Request;

/// The segments of a path: `/api/servers/s1` is `["api", "servers", "s1"]`.
pub fn path_segments(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .collect()
}

/// The first value of a query parameter, percent-decoded.
pub fn query<'a>(uri: &'a http::Uri, name: &str) -> Option<Cow<'a, str>> {
    uri.query()?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| percent_decode(value))
    })
}

/// In a path, `+` is itself.
pub(crate) fn percent_decode_path(segment: &str) -> String {
    percent_decode(&segment.replace('+', "%2B")).into_owned()
}

fn percent_decode(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value);
    }
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match (
            bytes[at],
            hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (b'+', _) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The whole body, refused with 413 as soon as it is longer than `limit` bytes.
pub async fn read_body(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let mut body = request.into_body();
    collect(&mut body, limit)
        .await
        .map_err(|error| match error {
            Collect::TooLong => Problem::new(
                Slug::PayloadTooLarge,
                format!("the body is longer than {limit} bytes"),
            ),
            Collect::Broken(_) => {
                Problem::new(Slug::BadRequest, "the body ended before it was complete")
            }
        })
}

/// Why a body could not be collected.
pub(crate) enum Collect {
    TooLong,
    Broken(String),
}

pub(crate) async fn collect<B>(body: &mut B, limit: usize) -> Result<Bytes, Collect>
where
    B: http_body_util::BodyExt<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    let mut first: Option<Bytes> = None;
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Collect::Broken(format!("{error:?}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let so_far = first.as_ref().map_or(collected.len(), Bytes::len);
        if so_far + data.len() > limit {
            return Err(Collect::TooLong);
        }
        // Most bodies are one frame: it is handed on without a copy.
        match first.take() {
            None if collected.is_empty() => first = Some(data),
            None => collected.extend_from_slice(&data),
            Some(before) => {
                collected.extend_from_slice(&before);
                collected.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| collected.freeze()))
}

/// The body as JSON. Types with `deny_unknown_fields` name the field that is wrong.
pub async fn read_json<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, Problem> {
    let media_type = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or("")
                .trim()
                .to_ascii_lowercase()
        });
    if media_type.as_deref() != Some("application/json") {
        return Err(Problem::new(
            Slug::UnsupportedMediaType,
            "the body must be application/json",
        ));
    }
    let body = read_body(request, limit).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Slug::BadRequest, format!("the body: {error}")))
}
