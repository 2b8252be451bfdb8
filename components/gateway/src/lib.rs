//! The gateway: the one entrance of the application. It knows who asks, answers projects, health
//! and ticks itself, and hands everything else to the component that owns it.

mod entrance;
mod handlers;

use guest::api::{Api, Document};
use guest::{Arrived, Response, store_failed};

use handlers::accounts::{
    enter, log_in, log_out, me, password, refresh, tokens, user_changes, users,
};
use handlers::{
    audit, description, health, invitations, members, metrics, projects, tenants, tick,
};

thread_local! {
    static API: &'static Api = Box::leak(Box::new(Api::new(guest::routes![
        Public health::{health};
        Bearer projects::{create, list, get, rename, delete};
        Bearer members::{list_of_project, put_in_project, remove_from_project};
        Bearer members::{list_of_tenant, put_in_tenant, remove_from_tenant};
        Bearer invitations::{create, list, delete, accept};
        Bearer tenants::{create, list};
        Bearer audit::{list};
        Bearer metrics::{metrics};
        Public description::{openapi, docs, script, style};
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

/// The gateway's own part of the API's description.
fn describe() -> Document {
    API.with(|api| api.describe())
}
