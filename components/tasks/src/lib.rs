//! The tasks component: takes tasks, gives them to providers, follows them, and hands their
//! results to the room (TK2–TK7). The rules and the steps are in the dispatch and pipeline
//! crates; here are the routes and the component's side of the world.

mod access;
mod background;
mod handlers;
mod view;
mod world;

use guest::{Request, Response, store_failed};
use http::Method;
use problem::{Problem, Slug};

#[guest::http_service]
async fn handle(request: Request) -> Response {
    guest::this_is("tasks");
    guest::answer(route(request)).await
}

/// The route table.
async fn route(request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let segments = guest::path_segments(&path);
    match (&method, segments.as_slice()) {
        (&Method::POST, ["api", "tasks", "submit"] | ["api", "task"]) => {
            handlers::submit::post(request).await
        }
        (&Method::GET, ["api", "tasks"]) => handlers::read::list(request).await,
        (&Method::GET, ["api", "tasks" | "task", id]) => handlers::read::get(request, id).await,
        (&Method::PUT, ["api", "tasks" | "task", id]) => handlers::result::put(request, id).await,
        (&Method::DELETE, ["api", "tasks" | "task", id]) => {
            handlers::cancel::delete(request, id).await
        }
        (&Method::POST, ["api", "tasks", id, "cancel"]) => {
            handlers::cancel::post(request, id).await
        }
        (&Method::POST, ["api", "tasks", id, "heartbeat"]) => {
            handlers::heartbeat::post(request, id).await
        }
        (&Method::POST, ["update-node"]) => handlers::update_node::post(request).await,
        (&Method::POST, ["internal", "v1", "dispatch"]) => handlers::dispatch::post(request).await,
        (&Method::POST, ["internal", "v1", "tick"]) => handlers::tick::post(request).await,
        (&Method::GET, ["internal", "v1", "health"]) => handlers::health::get(request).await,
        (_, ["api", "tasks"]) => Err(not_allowed("GET")),
        (_, ["api", "task"] | ["api", "tasks", "submit"] | ["update-node"]) => {
            Err(not_allowed("POST"))
        }
        (_, ["api", "tasks", _, "cancel" | "heartbeat"]) => Err(not_allowed("POST")),
        (_, ["api", "tasks" | "task", _]) => Err(not_allowed("GET, PUT, DELETE")),
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

fn pipeline_failed(error: pipeline::Error) -> Problem {
    match error {
        pipeline::Error::Store(error) => store_failed(error),
        pipeline::Error::Contention(_) => {
            guest::log_error("pipeline", &error);
            Problem::new(Slug::Unavailable, error.to_string())
        }
    }
}
