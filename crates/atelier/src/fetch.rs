//! Inputs from the platform, bounded in size and time.

use crate::error::JobError;
use crate::request::{Input, Kind};
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// One picture.
const MAX_IMAGE: usize = 32 << 20;
/// One clip: half a minute takes some 20 MB.
const MAX_VIDEO: usize = 128 << 20;
/// All clips of one film together.
const MAX_TOTAL: usize = 512 << 20;

/// No redirects are followed: an input is where the platform says it is.
pub fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(120))
        .no_proxy()
        .user_agent(concat!("atelier/", env!("CARGO_PKG_VERSION")))
        .build()
}

pub async fn inputs(
    client: &reqwest::Client,
    kind: Kind,
    inputs: &[Input],
) -> Result<Vec<Bytes>, JobError> {
    let limit = match kind {
        Kind::VideoGen | Kind::ImageDesc => MAX_IMAGE,
        Kind::VideoDesc | Kind::Assemble => MAX_VIDEO,
        Kind::ImageGen | Kind::TextGen => 0,
    };
    let mut total = 0;
    let mut fetched = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let data = one(client, index, input, limit.min(MAX_TOTAL - total)).await?;
        total += data.len();
        fetched.push(data);
    }
    Ok(fetched)
}

async fn one(
    client: &reqwest::Client,
    index: usize,
    input: &Input,
    limit: usize,
) -> Result<Bytes, JobError> {
    let lost = |error: reqwest::Error| {
        JobError::retryable(format!(
            "input {index} cannot be fetched: {}",
            error.without_url()
        ))
    };
    let mut response = client.get(input.url.clone()).send().await.map_err(lost)?;
    let status = response.status();
    if !status.is_success() {
        let message = format!("input {index} answers {status}");
        // A link may have run out; a new attempt brings a new one. What is gone stays gone.
        let gone = matches!(status.as_u16(), 404 | 410) || status.is_redirection();
        return Err(if gone {
            JobError::Terminal(message)
        } else {
            JobError::Retryable(message)
        });
    }
    let too_large = || JobError::terminal(format!("input {index} is larger than {limit} bytes"));
    if response
        .content_length()
        .is_some_and(|length| length > limit as u64)
    {
        return Err(too_large());
    }
    let mut data = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if data.len() + chunk.len() > limit {
            return Err(too_large());
        }
        data.extend_from_slice(&chunk);
    }
    if data.is_empty() {
        return Err(JobError::terminal(format!("input {index} is empty")));
    }
    Ok(data.freeze())
}
