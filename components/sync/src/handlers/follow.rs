//! `GET /api/projects/{id}/events`: changes of the document as Server-Sent Events, for those who
//! have no WebSocket (RM8).

use std::time::Duration;

use futures::channel::mpsc;
use guest::{Answer, Call};
use http::{HeaderValue, Method, StatusCode, header};
use identity::Action;
use problem::{Problem, Slug};
use utoipa::ToSchema;

use crate::events::{Listener, Place, run};
use crate::project::of_call;
use crate::state::Lent;

/// The longest that one answer goes on; then its reader comes again.
const LONGEST: Duration = Duration::from_secs(60);
/// Events that wait for a reader. What changes meanwhile is told together, later.
const WAITING: usize = 1;

/// An event, as readers of `text/event-stream` see it
#[derive(ToSchema)]
#[allow(dead_code, reason = "a description; `crate::events` writes them")]
struct DocumentEvent {
    /// hello, change or reset.
    event: String,
    /// The last entry of the room's log that it tells of.
    id: String,
    /// JSON. Of hello and reset: `head`. Of a change: `seq`, `actor` and `at_ms` of the last entry,
    /// `actors`, and `nodes`, `edges`, `tasks` with the changed ones by id as they are now, null for
    /// one that is gone.
    data: String,
    /// When to come back, in milliseconds; the first event has it.
    retry: Option<u32>,
}

/// Follow a document
///
/// Server-Sent Events: `hello` with the head at the beginning, `change` with what changed, `reset`
/// when that is too much or too long ago, so that the document must be read anew. An event's `id` is
/// the last entry of the room's log that it tells of; `Last-Event-ID` (browsers send it when they
/// come again) goes on after it. The answer ends after a minute.
#[utoipa::path(get, path = "/api/projects/{id}/events", operation_id = "followDocument", tag = "documents",
    params(("id" = String, Path, description = "The project's id"),
        ("after" = Option<i64>, Query, description = "The id of the last event that the caller has"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same; it goes first"),
        ("seconds" = Option<u32>, Query, maximum = 60, description = "How long the answer goes on, at most and without it 60; 0 tells what there is")),
    responses(
        (status = 200, description = "Events until the time is over",
            content_type = "text/event-stream", body = DocumentEvent)))]
pub async fn follow(call: Call) -> Answer {
    let database = Lent::take().await?;
    let head = of_call(&*database, &call, Action::ReadProject).await?;
    database.give_back();
    let after = after(&call)?;
    let longest = longest(&call)?;
    let mut response = http::Response::new(guest::full(""));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // For proxies that collect answers otherwise.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if call.request.method() == Method::HEAD {
        return Ok(response);
    }
    let claims = call.claims()?.clone();
    let listener = Listener {
        claims,
        head,
        after,
        longest,
        place: Place::take().await,
    };
    let (sender, receiver) = mpsc::channel(WAITING);
    guest::spawn(run(listener, sender));
    *response.body_mut() = guest::streaming(receiver);
    Ok(response)
}

fn after(call: &Call) -> Result<Option<i64>, Problem> {
    let header = call.request.headers().get("last-event-id");
    let wrong = |name: &str| {
        let detail = format!("{name}: not the id of an event");
        Problem::new(Slug::BadRequest, detail)
    };
    // A browser that has no id yet sends none, or an empty one.
    if let Some(value) = header.filter(|value| !value.is_empty()) {
        let id = value.to_str().ok().and_then(|text| text.parse().ok());
        return id.map(Some).ok_or_else(|| wrong("Last-Event-ID"));
    }
    let query = call.query("after");
    let id = query.map(|text| text.parse().map_err(|_| wrong("after")));
    id.transpose()
}

fn longest(call: &Call) -> Result<Duration, Problem> {
    let Some(text) = call.query("seconds") else {
        return Ok(LONGEST);
    };
    let seconds = text.parse().ok().map(Duration::from_secs);
    let allowed = seconds.filter(|seconds| *seconds <= LONGEST);
    allowed.ok_or_else(|| {
        let detail = format!("seconds: 0 to {}", LONGEST.as_secs());
        Problem::new(Slug::BadRequest, detail)
    })
}
