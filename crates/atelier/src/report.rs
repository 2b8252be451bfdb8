//! News for the platform: a callback when a job ends, heartbeats while jobs run. Both are best
//! effort, for the platform polls as well.

use crate::service::Service;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Tries of one callback; polling is the net under it.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The platform's lease is three minutes and wants a sign of life every 30 seconds.
const LEASE_EVERY: Duration = Duration::from_secs(30);

/// `PUT {callback_url}` with the state of a job that ended.
pub async fn job_ended(service: Arc<Service>, id: String) {
    let call = {
        let jobs = service.jobs();
        jobs.get(&id).and_then(|job| {
            job.request
                .callback
                .clone()
                .map(|url| (url, job.answer(&job.request.task_id)))
        })
    };
    let Some((url, body)) = call else { return };
    let mut pause = FIRST_PAUSE;
    for attempt in 1..=TRIES {
        let mut request = service
            .client
            .put(url.clone())
            .timeout(CALL_TIMEOUT)
            .json(&body);
        if let Some(token) = &service.platform_token {
            request = request.bearer_auth(token());
        }
        match request.send().await.map(|response| response.status()) {
            Ok(status) if status.is_success() => return,
            // 409 may mean that the platform has not yet noted our 202.
            Ok(status)
                if status.is_client_error()
                    && !matches!(status.as_u16(), 408 | 409 | 425 | 429) =>
            {
                tracing::warn!(task = %id, %status, "the platform refuses the callback");
                return;
            }
            Ok(status) => tracing::debug!(task = %id, attempt, %status, "callback not taken"),
            Err(error) => {
                tracing::debug!(task = %id, attempt, error = %error.without_url(), "callback not delivered")
            }
        }
        if attempt < TRIES {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = service.shutdown.cancelled() => return,
            }
            pause *= 4;
        }
    }
    tracing::warn!(task = %id, "callback given up; the platform will poll");
}

/// Extends the leases of all live jobs, until the end.
pub async fn keep_leases(service: Arc<Service>, platform: String) {
    let Some(token) = service.platform_token.clone() else {
        return;
    };
    loop {
        tokio::select! {
            () = tokio::time::sleep(LEASE_EVERY) => {}
            () = service.shutdown.cancelled() => return,
        }
        let live = service.jobs().live();
        for (task, progress) in live {
            let Ok(url) = url::Url::parse(&platform).and_then(|base| {
                let mut url = base.join("/api/tasks/")?;
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().push(&task).push("heartbeat");
                }
                Ok(url)
            }) else {
                continue;
            };
            let request = service
                .client
                .post(url)
                .timeout(CALL_TIMEOUT)
                .bearer_auth(token())
                .json(&json!({"progress": progress}));
            if let Err(error) = request.send().await {
                tracing::debug!(%task, error = %error.without_url(), "lease not extended");
            }
        }
    }
}
