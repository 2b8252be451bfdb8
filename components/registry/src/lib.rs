//! The registry: backend servers register here, are watched, and get work while they are well
//! (RG1–RG5). Which server is well is decided by the fleet crate; who gets which task is the
//! tasks component's business.

mod access;
mod check;
mod handlers;
mod registration;
mod view;

use guest::api::Api;
use guest::{Arrived, Response, store_failed};
use http::Method;

use handlers::{change, cleanup, delete, health, heartbeat, read, register, tick};

thread_local! {
    static API: &'static Api = Box::leak(Box::new(Api::new(guest::routes![
        Bearer register::{register};
        Bearer read::{list};
        // Before the routes with an id in its place.
        Bearer cleanup::{cleanup};
        Bearer read::{get};
        Bearer change::{change};
        Bearer delete::{delete};
        Bearer heartbeat::{heartbeat};
        Service tick::{tick};
        Service health::{health};
    ])));
}

#[guest::http_service]
async fn handle(request: Arrived) -> Response {
    guest::this_is("registry");
    API.with(|api| *api).serve(request).await
}

/// Accounts at providers are not checked, and send no heartbeats.
fn is_account(server: &store::servers::ServerRow) -> bool {
    providers::Interface::parse(&server.interface).is_some_and(|one| one.is_account())
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
