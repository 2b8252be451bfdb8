//! Is there anybody who makes what nodes ask for?

use identity::Role;
use serde::Deserialize;

use super::Finding;
use super::serving::TIMEOUT;
use crate::credentials;
use crate::state_dir::StateDir;

#[derive(Debug, Deserialize)]
struct Answer {
    servers: Vec<Server>,
}

#[derive(Debug, Deserialize)]
struct Server {
    name: String,
    state: String,
    #[serde(default)]
    last_error: Option<String>,
}

pub async fn look(url: &str, state: &StateDir) -> Finding {
    match ask(url, state).await {
        Ok(answer) => judge(url, &answer.servers),
        Err(why) => Finding::wrong(
            format!("they cannot be listed: {why}"),
            "look into the logs in the state directory, then restart the stack",
        ),
    }
}

async fn ask(url: &str, state: &StateDir) -> Result<Answer, String> {
    let secret = state.secret().map_err(|failure| failure.to_string())?;
    let keys = credentials::keys(&secret, state).map_err(|failure| failure.to_string())?;
    let token = credentials::signing(keys, "doctor", Role::Admin)()?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .build();
    let request = client
        .map_err(|error| error.to_string())?
        .get(format!("{url}/api/servers"))
        .bearer_auth(token);
    let response = request.send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("/api/servers answers {status}"));
    }
    response.json().await.map_err(|error| error.to_string())
}

fn judge(url: &str, servers: &[Server]) -> Finding {
    let online = servers.iter().filter(|server| server.state == "ONLINE");
    let online: Vec<&str> = online.map(|server| server.name.as_str()).collect();
    if !online.is_empty() {
        return Finding::Well(format!("{} at work: {}", online.len(), online.join(", ")));
    }
    match servers.first() {
        None => Finding::wrong(
            "no provider is registered: nothing that nodes ask for is made",
            format!("clash atelier --register {url}, or start the stack without --no-atelier"),
        ),
        Some(first) => Finding::wrong(
            format!(
                "none of {} answers; {}: {}",
                servers.len(),
                first.name,
                first.last_error.as_deref().unwrap_or("not checked yet")
            ),
            format!("start the provider again, or another: clash atelier --register {url}"),
        ),
    }
}
