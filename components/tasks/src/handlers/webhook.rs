//! `POST /webhooks/{provider}/{token}`: a provider tells that a task has got on (TK5, TK9).
//!
//! The address alone opens it, and says of which attempt it speaks. With a secret in the
//! registration the signature must be right, and then the body is believed; without one the
//! provider is asked how the task stands.

use guest::{Answer, Call};
use http::StatusCode;
use pipeline::Reported;
use problem::{Problem, Slug};
use providers::{ANSWER_BYTES, Interface, kling, webhook};
use store::{servers, tasks, webhooks};

use crate::world::Platform;
use crate::{background, pipeline_failed, store_failed};

/// Report on a task as its provider does
#[utoipa::path(post, path = "/webhooks/{provider}/{token}", operation_id = "receiveWebhook", tag = "providers",
    params(
        ("provider" = String, Path, description = "`kling`"),
        ("token" = String, Path, description = "From the `callback_url` of a submission")),
    request_body(content = Object, description = "The provider's own words", content_type = "application/json"),
    responses(
        (status = 204, description = "Taken, known already, or to be asked for"),
        (status = 401, description = "The signature is not right, or too old"),
        (status = 404, description = "There is no such address"),
        (status = 422, description = "It cannot be understood, or is about another task")))]
pub async fn receive(call: Call) -> Answer {
    let unknown = || Problem::new(Slug::NotFound, "there is no such webhook");
    let provider = call.param("provider").to_owned();
    let token = call.param("token").to_owned();
    let secret = guest::secret().await?;
    let (task_id, attempt) =
        identity::webhook_link::read(&secret, &provider, &token).ok_or_else(unknown)?;
    let headers = call.request.headers().clone();
    let body = guest::read_body(call.request, ANSWER_BYTES).await?;

    let platform = Platform::open().await?;
    let database = &platform.database;
    let found = tasks::find(database, task_id).await.map_err(store_failed)?;
    let row = found.ok_or_else(unknown)?;
    let done = || Ok(guest::empty(StatusCode::NO_CONTENT));
    // What has ended, or is in other hands, does not change by this.
    let Some(server_id) = row.server_id.as_deref() else {
        return done();
    };
    if row.attempt != i64::from(attempt) {
        return done();
    }
    let server = servers::find(database, server_id)
        .await
        .map_err(store_failed)?;
    let Some(server) = server else { return done() };
    if Interface::parse(&server.interface) != Some(Interface::Kling)
        || provider != Interface::Kling.as_str()
    {
        return Err(unknown());
    }

    let Some(signed_with) = server.webhook_secret.as_deref() else {
        let now_ms = guest::now_ms();
        if tasks::hurry(database, &row.id, now_ms)
            .await
            .map_err(store_failed)?
        {
            background::tick();
        }
        return done();
    };
    let now_ms = guest::now_ms();
    let id = webhook::verify(&headers, &body, &[signed_with], now_ms / 1000)
        .map_err(|bad| Problem::new(Slug::Unauthorized, bad.to_string()))?;
    let id = format!("{server_id}:{id}");
    if webhooks::is_known(database, &id, now_ms)
        .await
        .map_err(store_failed)?
    {
        return done();
    }
    let callback = kling::parse_callback(&body)
        .map_err(|failure| Problem::new(Slug::Unprocessable, failure.message))?;
    let key = format!("{}.{attempt}", row.id);
    let is_ours = match (&callback.key, row.external_id.as_deref()) {
        (Some(told), _) => *told == key,
        (None, Some(external_id)) => callback.is_of(external_id),
        // Before the answer to the submission only the address says whose it is.
        (None, None) => true,
    };
    if !is_ours {
        let detail = "the webhook is about another task than its address";
        return Err(Problem::new(Slug::Unprocessable, detail));
    }
    let reported = platform
        .pipeline()
        .take_report(row, Some(attempt), callback.told.report)
        .await
        .map_err(pipeline_failed)?;
    // Whoever is killed before this gets it again, and it changes nothing.
    let expires_at_ms = now_ms + 2 * webhook::TOLERANCE_S * 1000;
    webhooks::remember(database, &id, expires_at_ms, now_ms)
        .await
        .map_err(store_failed)?;
    match reported {
        Reported::Settle(row) => background::settle(*row),
        Reported::Done { slot_freed: true } => background::dispatch(),
        // Late, or out of order: the provider need not send it again.
        Reported::Done { slot_freed: false } | Reported::Repeated | Reported::Refused(_) => {}
    }
    done()
}
