//! Who starts a stack to try it out wants to come in: the first start makes an account for an admin,
//! and a link that lets its owner in once.

use std::net::{Ipv4Addr, SocketAddr};

use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use identity::{Claims, Keys, Role};
use serde_json::{Value, json};

use crate::credentials;

/// The answers are accounts and links.
const ANSWER_BYTES: usize = 64 * 1024;
/// How long the token lives with which the application is asked.
const TOKEN_S: i64 = 60;

/// The path of the link; `None` when there are accounts already.
pub async fn link(application: &host::Application, keys: &Keys) -> Result<Option<String>, String> {
    let call = async |method: Method, path: &str, body: Value| {
        ask(application, keys, method, path, body).await
    };
    let (_, known) = call(Method::GET, "/api/users?limit=1", Value::Null).await?;
    if known["users"]
        .as_array()
        .is_none_or(|users| !users.is_empty())
    {
        return Ok(None);
    }
    let admin = json!({"login": "admin", "name": "Admin", "role": "admin"});
    let (status, made) = call(Method::POST, "/api/users", admin).await?;
    // Somebody else has made it at this moment.
    if status == StatusCode::CONFLICT {
        return Ok(None);
    }
    let id = made["id"].as_str().ok_or("the account has no id")?;
    let path = format!("/api/users/{id}/entry-link");
    let (_, link) = call(Method::POST, &path, json!({})).await?;
    let path = link["path"].as_str().ok_or("the link has no path")?;
    Ok(Some(path.to_owned()))
}

async fn ask(
    application: &host::Application,
    keys: &Keys,
    method: Method,
    path: &str,
    body: Value,
) -> Result<(StatusCode, Value), String> {
    let claims = Claims::access("clash up", Role::Admin, credentials::now_s(), TOKEN_S);
    let token = keys.sign(&claims).map_err(|error| error.to_string())?;
    let bytes = match body.is_null() {
        true => Vec::new(),
        false => body.to_string().into_bytes(),
    };
    let body = Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://localhost{path}"))
        .header(http::header::AUTHORIZATION, format!("Bearer {token}"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| error.to_string())?;
    let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let response = application.handle(request, client).await;
    let status = response.status();
    let answer = Limited::new(response.into_body(), ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&answer.to_bytes()).unwrap_or_default();
    if status.is_success() || status == StatusCode::CONFLICT {
        return Ok((status, answer));
    }
    let said = answer["detail"].as_str().unwrap_or_default();
    Err(format!("{status} {said}"))
}
