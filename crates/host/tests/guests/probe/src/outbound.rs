//! Requests to others.

use anyhow::{Context, anyhow, bail};
use futures::future::join_all;
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{BoxBody, EmptyBody, FullBody, Request, Response, box_body, send};
use spin_sdk::wasip3::http::types::RequestOptions;
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;

fn target(request: &Request) -> anyhow::Result<String> {
    Ok(request.uri().query().context("the address belongs in the query")?.to_owned())
}

/// A request with the method of another.
fn outgoing(like: &Request, target: &str, body: BoxBody) -> anyhow::Result<Request<BoxBody>> {
    let mut request = Request::<BoxBody>::new(body);
    *request.method_mut() = like.method().clone();
    *request.uri_mut() = target.parse()?;
    if let Some(timeouts) = like.headers().get("x-timeouts") {
        request.extensions_mut().insert(options(timeouts.to_str()?)?);
    }
    Ok(request)
}

/// Milliseconds to connect, to the first byte and between bytes, with commas; `-` is the default.
fn options(timeouts: &str) -> anyhow::Result<RequestOptionsExtension> {
    let options = RequestOptions::new();
    let mut words = timeouts.split(',').map(|word| {
        word.parse::<u64>().ok().map(|milliseconds| milliseconds * 1_000_000)
    });
    let mut next = || words.next().flatten();
    let refused = |error| anyhow!("{error:?}");
    options.set_connect_timeout(next()).map_err(refused)?;
    options.set_first_byte_timeout(next()).map_err(refused)?;
    options.set_between_bytes_timeout(next()).map_err(refused)?;
    Ok(RequestOptionsExtension(options))
}

/// Passes the request on to the address in its query, and the answer back, each of them whole.
pub async fn fetch(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let target = target(&request)?;
    let mut passed = outgoing(&request, &target, box_body(EmptyBody::new()))?;
    let body = request.into_body().bytes().await?;
    if !body.is_empty() {
        *passed.body_mut() = box_body(FullBody::new(body));
    }
    match send(passed).await {
        Ok(response) => {
            let status = response.status();
            let location = response.headers().get("location").cloned();
            let body = response.into_body().bytes().await.map_err(|code| anyhow!("body: {code:?}"))?;
            let mut response = super::full(body);
            *response.status_mut() = status;
            if let Some(location) = location {
                response.headers_mut().insert("location", location);
            }
            Ok(response)
        }
        Err(code) => bail!("{code:?}"),
    }
}

/// As `fetch`, but piece by piece.
pub async fn pipe(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let target = target(&request)?;
    let like = Request::<()>::new(());
    let mut passed = like.map(|()| box_body(EmptyBody::new()));
    *passed.method_mut() = request.method().clone();
    *passed.uri_mut() = target.parse()?;
    *passed.body_mut() = box_body(request.into_body());
    let response = send(passed).await.map_err(|code| anyhow!("{code:?}"))?;
    let status = response.status();
    let mut answer = Response::new(box_body(response.into_body()));
    *answer.status_mut() = status;
    Ok(answer)
}

/// Sends many requests at once, and says how many were answered.
pub async fn many(request: Request, count: usize) -> anyhow::Result<Response<BoxBody>> {
    let target = target(&request)?;
    let answers = join_all((0..count).map(async |_| {
        let request = outgoing(&request, &target, box_body(EmptyBody::new()))?;
        let response = send(request).await.map_err(|code| anyhow!("{code:?}"))?;
        response.into_body().bytes().await.map_err(|code| anyhow!("{code:?}"))
    }))
    .await;
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    Ok(super::full(answered.to_string()))
}
