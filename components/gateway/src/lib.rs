//! The gateway: the one entrance of the application. It knows who asks, answers projects, health
//! and ticks itself, and hands everything else to the component that owns it.

mod entrance;
mod handlers;

use guest::api::Api;
use guest::{Arrived, Response, store_failed};

use handlers::{health, projects, tick};

thread_local! {
    static API: &'static Api = Box::leak(Box::new(Api::new(guest::routes![
        Public health::{health};
        Bearer projects::{create, list, get, rename, delete};
        Service tick::{tick};
    ])));
}

#[guest::http_service]
async fn handle(request: Arrived) -> Response {
    entrance::enter(API.with(|api| *api), request).await
}
