//! One component with a path for everything that a host gives to components.

mod misdeeds;
mod outbound;
mod script;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use futures::SinkExt;
use http_body_util::BodyExt;
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{
    BoxBody, FullBody, IntoResponse, Request, Response, StatusCode, box_body,
};
use spin_sdk::http_service;

/// Requests that this instance has served.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    let mut response = answer(request).await.unwrap_or_else(|error| {
        let mut response = full(format!("{error:#}"));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    });
    // Which of its instance's requests this one was.
    response.headers_mut().insert("x-number", number.into());
    response
}

fn full(text: impl Into<Bytes>) -> Response<BoxBody> {
    Response::new(box_body(FullBody::new(text.into())))
}

/// Takes the path that chaining or a route leaves, and does what its first word says.
async fn answer(request: Request) -> anyhow::Result<Response<BoxBody>> {
    // `x-do` says what to do under a route that leaves no path.
    let headers = request.headers();
    let path = match headers.get("x-do").or_else(|| headers.get("spin-path-info")) {
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
        ["blob", bytes] => script::blob(bytes.parse()?).await,
        ["abandon", rows] => script::abandon_rows(rows.parse()?).await,
        ["kv"] => script::key_value(&request.into_body().bytes().await?).await,
        ["fetch", ..] => outbound::fetch(request).await,
        ["pipe"] => outbound::pipe(request).await,
        ["fetches", count] => outbound::many(request, count.parse()?).await,
        ["stream", count, milliseconds] => Ok(stream(count.parse()?, milliseconds.parse()?)),
        ["sleep", milliseconds] => {
            spin_sdk::time::sleep(Duration::from_millis(milliseconds.parse()?)).await;
            Ok(full("slept"))
        }
        ["later", milliseconds] => Ok(later(milliseconds.parse()?)),
        ["misdeed", name] => misdeeds::commit(name, request).await,
        ["misdeed", name, detail] => misdeeds::commit(&format!("{name}/{detail}"), request).await,
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

/// Answers at once, and writes a line to the database some time after that.
fn later(milliseconds: u64) -> Response<BoxBody> {
    spin_sdk::wasip3::spawn(async move {
        spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
        if let Err(error) = script::note("later").await {
            eprintln!("later: {error:#}");
        }
    });
    full("now")
}
