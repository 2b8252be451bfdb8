//! The gateway: the one entrance of the application. It knows who asks, answers projects, assets,
//! health and ticks itself, and hands everything else to the component that owns it.

mod entrance;
mod handlers;

use guest::api::Api;
use guest::{Arrived, Response, store_failed};

use handlers::accounts::{
    enter, log_in, log_out, me, password, refresh, tokens, user_changes, users,
};
use handlers::{assets, health, projects, tick};

thread_local! {
    static API: &'static Api = Box::leak(Box::new(Api::new(guest::routes![
        Public health::{health};
        Bearer projects::{create, list, get, rename, delete};
        Public assets::{asset};
        Service tick::{tick};
        Public log_in::{login};
        Public refresh::{refresh};
        Public log_out::{logout};
        Bearer log_out::{logout_everywhere};
        Bearer me::{me};
        Bearer password::{password};
        Public enter::{enter, page};
        Bearer users::{create, list, get};
        Bearer user_changes::{change, delete, entry_link};
        Bearer tokens::{revoke};
    ])));
}

#[guest::http_service]
async fn handle(request: Arrived) -> Response {
    guest::this_is("gateway");
    entrance::enter(API.with(|api| *api), request).await
}
