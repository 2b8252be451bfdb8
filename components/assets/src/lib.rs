//! The assets component: takes files in, in one request or in many, keeps them in the database or
//! in an object storage, serves them, makes their thumbnails, and removes what nobody needs
//! (AS1–AS4). The rules are in the media crate and the store; here are the routes and the work.

mod after;
mod body;
mod handlers;
mod intake;
mod settings;
mod storage;
mod sweep;
mod thumbnails;
mod view;

use guest::api::Api;
use guest::{Arrived, Response, store_failed};
use problem::{Problem, Slug};

use handlers::{catalogue, direct, health, link, serve, tick, tus, upload};

thread_local! {
    static API: &'static Api = Box::leak(Box::new(Api::new(guest::routes![
        Bearer upload::{upload};
        Bearer catalogue::{list, get, remove};
        Bearer link::{link};
        Bearer direct::{presign, complete};
        Public serve::{asset};
        Public tus::{abilities};
        Bearer tus::{create, look, append, end, disguised};
        Service tick::{tick};
        Service health::{health};
    ])));
}

#[guest::http_service]
async fn handle(request: Arrived) -> Response {
    guest::this_is("assets");
    API.with(|api| *api).serve(request).await
}

fn no_asset(id: &str) -> Problem {
    Problem::new(
        Slug::NotFound,
        format!("there is no asset {id} in this project"),
    )
}
