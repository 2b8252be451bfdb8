//! The HTTP side of `clash user`.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::credentials::TokenSource;
use crate::failure::{Failure, Outcome};

/// Hashing a password takes a moment.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Pages of a list are no longer.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Pages of 1,000 accounts: beyond that a person looks for something else.
const PAGES: usize = 100;
/// An error's text is shown to a person; more would not be read.
const ERROR_CHARS: usize = 300;

pub struct People {
    base: Url,
    http: Client,
    token: TokenSource,
}

#[derive(Serialize)]
pub struct NewUser {
    pub login: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

#[derive(Deserialize)]
pub struct User {
    pub id: String,
    pub login: String,
    pub name: String,
    pub role: Option<String>,
    pub is_disabled: bool,
}

#[derive(Deserialize)]
struct UserList {
    users: Vec<User>,
    next_cursor: Option<String>,
}

impl People {
    pub fn new(base: Url, token: TokenSource) -> Outcome<Self> {
        let http = Client::builder()
            .no_proxy()
            .timeout(CALL_TIMEOUT)
            .user_agent(concat!("clash/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { base, http, token })
    }

    /// Makes an account and gives its id.
    pub async fn add(&self, user: &NewUser) -> Outcome<String> {
        let body = serde_json::to_value(user).unwrap_or_default();
        let made: User = self.ask(Method::POST, "/api/users", Some(&body)).await?;
        Ok(made.id)
    }

    pub async fn all(&self) -> Outcome<Vec<User>> {
        let mut all = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let after = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let path = format!("/api/users?limit=1000{after}");
            let page: UserList = self.ask(Method::GET, &path, None).await?;
            all.extend(page.users);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// The id of an account that is named by its login or its id.
    pub async fn id_of(&self, named: &str) -> Outcome<String> {
        let all = self.all().await?;
        let found = all
            .into_iter()
            .find(|user| user.id == named || user.login.eq_ignore_ascii_case(named));
        found.map(|user| user.id).ok_or_else(|| {
            Failure::failed(format!("there is no user {named}"))
                .help("`clash user list` names them all")
        })
    }

    /// A link that lets somebody in once.
    pub async fn link(&self, id: &str) -> Outcome<String> {
        #[derive(Deserialize)]
        struct Link {
            url: String,
        }
        let path = format!("/api/users/{id}/entry-link");
        let link: Link = self.ask(Method::POST, &path, Some(&json!({}))).await?;
        Ok(link.url)
    }

    pub async fn disable(&self, id: &str) -> Outcome {
        let body = json!({"is_disabled": true});
        let path = format!("/api/users/{id}");
        self.ask::<User>(Method::PATCH, &path, Some(&body))
            .await
            .map(drop)
    }

    pub async fn revoke(&self, jti: Option<String>, sub: Option<String>) -> Outcome {
        let body = match jti {
            Some(jti) => json!({ "jti": jti }),
            None => json!({ "sub": sub }),
        };
        let path = "/api/tokens/revoke";
        self.call(Method::POST, path, Some(&body)).await.map(drop)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<T> {
        let bytes = self.call(method, path, body).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::failed(format!("{path}: the answer is not known: {error}")))
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Vec<u8>> {
        let base = self.base.as_str().trim_end_matches('/');
        let url = self.base.join(path);
        let url = url.map_err(|error| Failure::failed(format!("{path}: {error}")))?;
        let token = (self.token)().map_err(Failure::failed)?;
        let mut request = self.http.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            let failure = match error.is_connect() {
                true => format!("nothing answers at {base}"),
                false => format!("{base} cannot be asked: {}", error.without_url()),
            };
            Failure::failed(failure)
                .help("start the stack with `clash up`, or name another address with --url")
        })?;
        let status = response.status();
        let bytes = read(response).await?;
        match status.is_success() {
            true => Ok(bytes),
            false => Err(refusal(status, &bytes)),
        }
    }
}

async fn read(mut response: Response) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > ANSWER_BYTES => {
                return Err(Failure::failed("the answer is too large"));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes),
            Err(error) => {
                let error = error.without_url();
                return Err(Failure::failed(format!("the answer broke off: {error}")));
            }
        }
    }
}

/// Says what the platform said.
fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = problem["detail"].as_str().unwrap_or_default();
    let said: String = said.chars().take(ERROR_CHARS).collect();
    let failure = match said.is_empty() {
        true => Failure::failed(format!("the stack answered {status}")),
        false => Failure::failed(said),
    };
    match status {
        StatusCode::UNAUTHORIZED => {
            failure.help("the secret is not of this stack; name its directory with --state-dir")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            failure.help("the stack is busy or still starting; try again in a moment")
        }
        _ => failure,
    }
}
