//! The sync component: rooms. A shell around the crate `rooms`: it parses, authorises, lends a
//! database connection and the instance's warm documents, and answers. What must follow an answer
//! (a hint to the edge, a nudge to tasks) is tried once at the end; the tick is the net under it.

mod after;
mod handlers;
mod outside;
mod state;

use guest::{Request, Response};
use http::Method;
use problem::{Problem, Slug};
use rooms::RoomsError;

#[guest::http_service]
async fn handle(request: Request) -> Response {
    guest::this_is("sync");
    guest::answer(route(request)).await
}

/// The route table.
async fn route(request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let segments = guest::path_segments(&path);
    match (&method, segments.as_slice()) {
        (&Method::POST, ["internal", "v1", "turn"]) => handlers::turn::post(request).await,
        (&Method::POST, ["internal", "v1", "wake"]) => handlers::wake::post(request).await,
        (&Method::POST, ["internal", "v1", "poke"]) => handlers::poke::post(request).await,
        (&Method::POST, ["internal", "v1", "tick"]) => handlers::tick::post(request).await,
        (&Method::GET, ["internal", "v1", "health"]) => handlers::health::get().await,
        (&Method::GET, ["api", "projects", id, "document"]) => {
            handlers::document::get(request, id).await
        }
        (_, ["internal", "v1", "turn" | "wake" | "poke" | "tick"]) => Err(not_allowed("POST")),
        (_, ["internal", "v1", "health"] | ["api", "projects", _, "document"]) => {
            Err(not_allowed("GET"))
        }
        _ => Err(Problem::new(
            Slug::NotFound,
            format!("there is no {method} {path}"),
        )),
    }
}

fn not_allowed(allow: &'static str) -> Problem {
    Problem::new(Slug::MethodNotAllowed, format!("this route takes {allow}"))
        .with_header("allow", allow)
}

/// What a caller may know of a fault; the cause goes to the log once.
fn rooms_failed(error: RoomsError) -> Problem {
    if !matches!(error, RoomsError::Store(_)) {
        guest::log_error("rooms", &error);
    }
    match error {
        RoomsError::Store(error) => guest::store_failed(error),
        RoomsError::DuplicateRoom(_) => Problem::new(Slug::BadRequest, error.to_string()),
        RoomsError::Contended => Problem::new(Slug::Unavailable, error.to_string()),
        RoomsError::Gap(_) | RoomsError::Document(_) | RoomsError::Export(_) => {
            Problem::new(Slug::Internal, "the room could not be read")
        }
    }
}
