//! The tasks component: takes tasks, gives them to providers, follows them, and hands their
//! results to the room (TK2–TK7). The rules and the steps are in the dispatch and pipeline
//! crates; here are the routes and the component's side of the world.

mod access;
mod again;
mod background;
mod filters;
mod handlers;
mod view;
mod world;

use guest::api::Api;
use guest::{Arrived, Response, store_failed};
use problem::{Problem, Slug};

use handlers::{
    cancel, dead_letters, dispatch, health, heartbeat, queues, read, result, retry, submit, tick,
    update_node, webhook,
};

thread_local! {
    static API: &'static Api = Box::leak(Box::new(Api::new(guest::routes![
        Bearer submit::{submit};
        Bearer read::{list, get};
        Bearer result::{report};
        Bearer cancel::{cancel, withdraw};
        Bearer retry::{retry};
        Bearer dead_letters::{list, replay};
        Bearer queues::{show};
        Bearer heartbeat::{heartbeat};
        Bearer update_node::{update_node};
        Public webhook::{receive};
        Service dispatch::{dispatch};
        Service tick::{tick};
        Service health::{health};
    ])));
}

#[guest::http_service]
async fn handle(request: Arrived) -> Response {
    guest::this_is("tasks");
    API.with(|api| *api).serve(by_its_name(request)).await
}

/// The uniform interface says `/api/task` where the API says `/api/tasks`.
fn by_its_name(mut request: Arrived) -> Arrived {
    let alias = request.uri().path().strip_prefix("/api/task");
    let path = match alias {
        Some("") => "/api/tasks/submit".to_owned(),
        Some(rest) if rest.starts_with('/') => format!("/api/tasks{rest}"),
        _ => return request,
    };
    let query = request.uri().query();
    let target = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = target.parse().ok();
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
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
