//! The sync component: rooms. A shell around the crate `rooms`: it parses, authorises, lends a
//! database connection and the instance's warm documents, and answers. What must follow an answer
//! (a hint to the edge, a nudge to tasks) is tried once at the end; the tick is the net under it.

mod after;
mod encoding;
mod events;
mod handlers;
mod outside;
mod project;
mod state;

use guest::api::Api;
use guest::{Arrived, Response};
use problem::{Problem, Slug};
use rooms::RoomsError;

use handlers::versions::{catalogue, create, look, restore};
use handlers::{
    backup, document, follow, health, history, nodes, operations, poke, retry, tick, turn, updates,
    wake,
};

thread_local! {
    static API: &'static Api = Box::leak(Box::new(Api::new(guest::routes![
        Service turn::{turn};
        Service wake::{wake};
        Service poke::{poke};
        Service retry::{retry};
        Service tick::{tick};
        Service health::{health};
        Bearer document::{document};
        Bearer updates::{import_updates};
        Bearer operations::{operate};
        Bearer nodes::{get_node, put_node, patch_node, delete_node};
        Bearer follow::{follow};
        Bearer create::{create};
        Bearer catalogue::{list, get, rename, delete};
        Bearer look::{document, diff};
        Bearer restore::{restore};
        Bearer history::{list};
        Bearer backup::{give, take};
    ])));
}

#[guest::http_service]
async fn handle(request: Arrived) -> Response {
    guest::this_is("sync");
    API.with(|api| *api).serve(request).await
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
