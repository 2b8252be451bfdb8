//! The registry: backend servers register here, are watched, and get work while they are well
//! (RG1–RG5). Which server is well is decided by the fleet crate; who gets which task is the
//! tasks component's business.

mod access;
mod check;
mod handlers;
mod view;

use guest::{Request, Response, store_failed};
use http::Method;
use problem::{Problem, Slug};

#[guest::http_service]
async fn handle(request: Request) -> Response {
    guest::this_is("registry");
    guest::answer(route(request)).await
}

/// The route table.
async fn route(request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let segments = guest::path_segments(&path);
    match (&method, segments.as_slice()) {
        (&Method::POST, ["api", "servers"]) => handlers::register::post(request).await,
        (&Method::GET, ["api", "servers"]) => handlers::read::list(request).await,
        (&Method::POST, ["api", "servers", "cleanup"]) => handlers::cleanup::post(request).await,
        (&Method::GET, ["api", "servers", id]) => handlers::read::get(request, id).await,
        (&Method::DELETE, ["api", "servers", id]) => handlers::delete::delete(request, id).await,
        (&Method::POST, ["api", "servers", id, "heartbeat"]) => {
            handlers::heartbeat::post(request, id).await
        }
        (_, ["api", "servers"]) => Err(not_allowed("GET, POST")),
        (_, ["api", "servers", "cleanup"] | ["api", "servers", _, "heartbeat"]) => {
            Err(not_allowed("POST"))
        }
        (_, ["api", "servers", _]) => Err(not_allowed("GET, DELETE")),
        (&Method::GET, ["internal", "v1", "health"]) => handlers::health::get(request).await,
        (&Method::POST, ["internal", "v1", "tick"]) => handlers::tick::post(request).await,
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

/// Servers may have become free: the tasks that wait are looked at now, best effort.
fn dispatch_soon() {
    guest::spawn(async {
        let body = serde_json::json!({});
        let answer =
            guest::call_component("tasks", Method::POST, "/internal/v1/dispatch", &body).await;
        if let Err(error) = answer {
            guest::log_error("dispatch", &error);
        }
    });
}
