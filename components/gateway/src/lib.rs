//! The gateway: the one entrance of the application. It answers projects, assets, health and
//! ticks itself and hands everything else to the component that owns it.

mod handlers;

use guest::{Request, Response, store_failed};
use http::Method;
use problem::{Problem, Slug};

#[guest::http_service]
async fn handle(request: Request) -> Response {
    guest::this_is("gateway");
    guest::answer(route(request)).await
}

/// The route table.
async fn route(request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let segments = guest::path_segments(&path);
    match (&method, segments.as_slice()) {
        (&Method::GET | &Method::HEAD, ["api", "health"]) => handlers::health::get().await,

        (&Method::POST, ["api", "projects"]) => handlers::projects::create(request).await,
        (&Method::GET, ["api", "projects"]) => handlers::projects::list(request).await,
        (&Method::GET, ["api", "projects", id]) => handlers::projects::get(request, id).await,
        (&Method::PATCH, ["api", "projects", id]) => handlers::projects::rename(request, id).await,
        (&Method::DELETE, ["api", "projects", id]) => handlers::projects::delete(request, id).await,
        (_, ["api", "projects"]) => Err(not_allowed("GET, POST")),
        (_, ["api", "projects", _]) => Err(not_allowed("GET, PATCH, DELETE")),
        (_, ["api", "projects", _, "document"]) => guest::forward("sync", request).await,

        (_, ["api", "tasks" | "task", ..] | ["update-node"]) => {
            guest::forward("tasks", request).await
        }
        (_, ["api", "servers", ..]) => guest::forward("registry", request).await,

        (&Method::GET | &Method::HEAD, ["assets", id]) => handlers::assets::get(request, id).await,
        (_, ["assets", _]) => Err(not_allowed("GET, HEAD")),

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
