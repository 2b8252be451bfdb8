//! Registration with the platform: sign up, sign of life, sign off.

use crate::Registration;
use crate::request::Kind;
use crate::service::Service;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const HEARTBEAT_EVERY: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// While the platform starts, look again at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A refusal does not heal by itself; look again now and then.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// At the end nobody waits for a platform that is gone.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Registered {
    id: String,
}

/// Stays registered until the shutdown, then signs off.
pub async fn stay(service: Arc<Service>, registration: Registration) {
    let platform = registration.platform_url.trim_end_matches('/').to_owned();
    let mut current: Option<String> = None;
    let stopped = service.shutdown.clone();
    let course = async {
        loop {
            let id = sign_up(&service, &registration, &platform).await;
            current = Some(id.clone());
            beat(&service, &registration, &platform, &id).await;
            tracing::info!("the platform does not know this server any more; registering again");
        }
    };
    tokio::select! {
        () = course => {}
        () = stopped.cancelled() => {}
    }
    if let Some(id) = current {
        let call = service
            .client
            .delete(format!("{platform}/api/servers/{id}"))
            .timeout(GOODBYE_TIMEOUT)
            .bearer_auth((registration.token)());
        let _ = call.send().await;
    }
}

/// Tries until the platform has taken the registration; answers the server's id.
async fn sign_up(service: &Service, registration: &Registration, platform: &str) -> String {
    let mut pause = FIRST_PAUSE;
    loop {
        let body = json!({
            "name": registration.name,
            "url": service.base_url,
            "kinds": Kind::ALL.map(Kind::name),
            "slots": slots(service.workers),
            "token": service.accept_token,
        });
        let call = service
            .client
            .post(format!("{platform}/api/servers"))
            .timeout(CALL_TIMEOUT)
            .bearer_auth((registration.token)())
            .json(&body);
        match call.send().await {
            Ok(response) if response.status().is_success() => {
                match response.json::<Registered>().await {
                    Ok(registered) => {
                        tracing::info!(id = %registered.id, url = %service.base_url, "registered");
                        return registered.id;
                    }
                    Err(error) => {
                        tracing::warn!(error = %error.without_url(), "the platform's answer to the registration is not understood")
                    }
                }
            }
            Ok(response) => {
                let status = response.status();
                if status.is_client_error() && status.as_u16() != 429 && status.as_u16() != 404 {
                    let why: String = response
                        .text()
                        .await
                        .unwrap_or_default()
                        .chars()
                        .take(300)
                        .collect();
                    tracing::warn!(%status, why, "the platform refuses the registration");
                    pause = REFUSED_PAUSE;
                }
            }
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "the platform does not answer yet")
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE.max(pause));
    }
}

/// A job in work and one waiting for each worker keep them busy.
fn slots(workers: usize) -> usize {
    (workers * 2).max(4)
}

/// Beats until the platform says that it does not know this server.
async fn beat(service: &Service, registration: &Registration, platform: &str, id: &str) {
    let mut pause = HEARTBEAT_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let call = service
            .client
            .post(format!("{platform}/api/servers/{id}/heartbeat"))
            .timeout(CALL_TIMEOUT)
            .bearer_auth((registration.token)());
        pause = match call.send().await.map(|response| response.status().as_u16()) {
            Ok(404 | 410) => return,
            Ok(200..=299) => HEARTBEAT_EVERY,
            Ok(status) => {
                tracing::debug!(status, "heartbeat refused");
                HEARTBEAT_EVERY
            }
            // Perhaps it restarts: be there soon after it is back.
            Err(_) => LONGEST_PAUSE,
        };
    }
}
