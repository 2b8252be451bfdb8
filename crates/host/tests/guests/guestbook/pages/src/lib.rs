//! Serves files, and counts who looks at them: all visits in one store, pages in another.

use anyhow::Context;
use spin_sdk::http::{BoxBody, FullBody, IntoResponse, Request, Response, StatusCode, box_body};
use spin_sdk::http_service;
use spin_sdk::key_value::Store;

#[http_service]
async fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
    let path = request.uri().path().to_owned();
    if path == "/visits" {
        return visits().await;
    }
    let file = match path.as_str() {
        "/" => "/web/index.html".to_owned(),
        "/about" => "/about/notes.txt".to_owned(),
        path => format!("/web{path}"),
    };
    match std::fs::read(&file) {
        Ok(bytes) => {
            count("default", "all").await?;
            count("visits", &path).await?;
            Ok(answer(StatusCode::OK, bytes))
        }
        Err(error) => Ok(answer(StatusCode::NOT_FOUND, format!("{file}: {error}").into_bytes())),
    }
}

async fn count(label: &str, key: &str) -> anyhow::Result<()> {
    let store = Store::open(label).await.context("open")?;
    let before = store.get(key).await?.and_then(|value| String::from_utf8(value).ok()?.parse().ok());
    let after = before.unwrap_or(0_u64) + 1;
    store.set(key, after.to_string()).await.context("set")
}

/// The title, and every page with its visits.
async fn visits() -> anyhow::Result<Response<BoxBody>> {
    let title = spin_sdk::variables::get("title").await.context("title")?;
    let store = Store::open("visits").await?;
    let mut pages = serde_json::Map::new();
    let mut keys = store.get_keys().await;
    while let Some(key) = keys.next().await {
        let value = store.get(&key).await?.unwrap_or_default();
        pages.insert(key, String::from_utf8_lossy(&value).into());
    }
    let all = Store::open_default().await?.get("all").await?.unwrap_or_default();
    let all = String::from_utf8_lossy(&all).into_owned();
    let summary = serde_json::json!({ "title": title, "all": all, "pages": pages });
    Ok(answer(StatusCode::OK, summary.to_string().into_bytes()))
}

fn answer(status: StatusCode, bytes: Vec<u8>) -> Response<BoxBody> {
    let mut response = Response::new(box_body(FullBody::new(bytes.into())));
    *response.status_mut() = status;
    response
}
