//! The scheduler: a cron trigger calls it every five seconds, and it calls the application's one
//! tick route (OP3). It knows nothing else: what is due is found and claimed there, so that late,
//! repeated and overlapping ticks do no harm.
//!
//! The cron trigger of Spin 4.0 has no WASI 0.3 yet, and gives a cron component neither chaining
//! nor `self`; so this component uses WASI 0.2 alone and calls the application by its address.

mod bindings;
mod post;

use std::time::{SystemTime, UNIX_EPOCH};

use bindings::{Error, Guest, Metadata};
use identity::Keys;

struct Scheduler;

impl Guest for Scheduler {
    async fn handle_cron_event(_metadata: Metadata) -> Result<(), Error> {
        tick().await.map_err(|message| {
            eprintln!("tick: {message}");
            Error::Other(message)
        })
    }
}

bindings::export!(Scheduler with_types_in bindings);

async fn tick() -> Result<(), String> {
    let app_url = variable("app_url").await?;
    let secret = variable("jwt_secret").await?;
    let keys =
        Keys::from_secret(secret.as_bytes()).map_err(|error| format!("jwt_secret: {error}"))?;
    let token = keys
        .sign_service("scheduler", "gateway", now_s())
        .map_err(|error| format!("jwt_secret: {error}"))?;
    let address = format!("{}/internal/v1/tick", app_url.trim_end_matches('/'));
    match post::post(&address, &token)? {
        200..=299 => Ok(()),
        status => Err(format!("{address} answered {status}")),
    }
}

async fn variable(name: &str) -> Result<String, String> {
    bindings::spin::variables::variables::get(name.to_owned())
        .await
        .map_err(|error| format!("the variable {name}: {error:?}"))
}

fn now_s() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
}
