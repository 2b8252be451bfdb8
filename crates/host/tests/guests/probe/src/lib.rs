//! One component with a path for everything that a host gives to components.

mod script;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use futures::SinkExt;
use http_body_util::BodyExt;
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{
    BoxBody, EmptyBody, FullBody, IntoResponse, Method, Request, Response, StatusCode, box_body, send,
};
use spin_sdk::http_service;

/// Requests that this instance has served.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    REQUESTS.fetch_add(1, Ordering::Relaxed);
    match answer(request).await {
        Ok(response) => response,
        Err(error) => {
            let mut response = full(format!("{error:#}"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    }
}

fn full(text: impl Into<Bytes>) -> Response<BoxBody> {
    Response::new(box_body(FullBody::new(text.into())))
}

/// Takes the path that chaining or a route leaves, and does what its first word says.
async fn answer(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let path = match request.headers().get("spin-path-info") {
        Some(path) => path.to_str()?.to_owned(),
        None => request.uri().path().to_owned(),
    };
    let words: Vec<&str> = path.trim_start_matches('/').splitn(3, '/').collect();
    match words[..] {
        ["health"] => Ok(full("ok")),
        ["request"] => Ok(full(describe(&request)?)),
        ["echo"] => echo(request).await,
        ["count"] => Ok(full(REQUESTS.load(Ordering::Relaxed).to_string())),
        ["variable", name] => Ok(full(match spin_sdk::variables::get(name).await {
            Ok(value) => value,
            Err(error) => format!("{error:?}"),
        })),
        ["env", name] => Ok(full(std::env::var(name).context("not set")?)),
        ["file", path] => Ok(full(std::fs::read(format!("/{path}"))?)),
        ["file", path, rest] => Ok(full(std::fs::read(format!("/{path}/{rest}"))?)),
        ["write", path] => {
            std::fs::write(format!("/{path}"), "written")?;
            Ok(full("written"))
        }
        ["log", line] => {
            println!("{line}");
            eprintln!("{line}!");
            Ok(full("logged"))
        }
        ["sql"] => script::sql(&request.into_body().bytes().await?).await,
        ["many", rows] => script::many_rows(rows.parse()?).await,
        ["kv"] => script::key_value(&request.into_body().bytes().await?).await,
        ["fetch", ..] => fetch(request).await,
        ["stream", count, milliseconds] => Ok(stream(count.parse()?, milliseconds.parse()?)),
        ["sleep", milliseconds] => {
            spin_sdk::time::sleep(Duration::from_millis(milliseconds.parse()?)).await;
            Ok(full("slept"))
        }
        ["trap"] => panic!("as asked"),
        ["busy"] => loop {
            std::hint::black_box(());
        },
        ["allocate", megabytes] => {
            let memory = vec![1_u8; megabytes.parse::<usize>()? << 20];
            Ok(full(std::hint::black_box(memory).len().to_string()))
        }
        _ => bail!("no such path: {path}"),
    }
}

fn describe(request: &Request) -> anyhow::Result<String> {
    let headers: serde_json::Map<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    Ok(serde_json::json!({
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "headers": headers,
    })
    .to_string())
}

/// Sends each piece of the request back as it arrives.
async fn echo(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let (mut pieces, body) = spin_sdk::http::body::stream::<Bytes>();
    let mut incoming = request.into_body();
    spin_sdk::wasip3::spawn(async move {
        while let Some(Ok(frame)) = incoming.frame().await {
            if let Ok(piece) = frame.into_data()
                && pieces.send(piece).await.is_err()
            {
                break;
            }
        }
    });
    Ok(Response::new(box_body(body)))
}

/// Passes the request on to the address in its query, and the answer back.
async fn fetch(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let target = request.uri().query().context("the address belongs in the query")?.to_owned();
    let method = request.method().clone();
    let builder = spin_sdk_request(method, &target);
    let body = request.into_body().bytes().await?;
    let outgoing = if body.is_empty() {
        builder.body(box_body(EmptyBody::new()))?
    } else {
        builder.body(box_body(FullBody::new(body)))?
    };
    match send(outgoing).await {
        Ok(response) => {
            let status = response.status();
            let location = response.headers().get("location").cloned();
            let body = response.into_body().bytes().await.map_err(|code| anyhow!("body: {code:?}"))?;
            let mut response = full(body);
            *response.status_mut() = status;
            if let Some(location) = location {
                response.headers_mut().insert("location", location);
            }
            Ok(response)
        }
        Err(code) => bail!("{code:?}"),
    }
}

fn spin_sdk_request(method: Method, target: &str) -> RequestBuilder {
    let mut request = Request::<()>::new(());
    *request.method_mut() = method;
    RequestBuilder { request, target: target.to_owned() }
}

/// `http::request::Builder`, which the SDK does not show.
struct RequestBuilder {
    request: Request<()>,
    target: String,
}

impl RequestBuilder {
    fn body(self, body: BoxBody) -> anyhow::Result<Request<BoxBody>> {
        let mut request = self.request.map(|()| body);
        *request.uri_mut() = self.target.parse()?;
        Ok(request)
    }
}

fn stream(count: u32, milliseconds: u64) -> Response<BoxBody> {
    let (mut pieces, body) = spin_sdk::http::body::stream::<String>();
    spin_sdk::wasip3::spawn(async move {
        for number in 0..count {
            if pieces.send(format!("{number}\n")).await.is_err() {
                break;
            }
            spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
        }
    });
    Response::new(box_body(body))
}
