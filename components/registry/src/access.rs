//! Who may see and change which server (GW3).

use identity::{Action, Claims, Role, may};
use problem::{Problem, Slug};
use store::servers::ServerRow;
use store::{Database, servers};

use crate::store_failed;

/// Refuses those who have nothing to do with servers at all.
pub fn require_any(claims: &Claims) -> Result<(), Problem> {
    match may(claims, Action::ManageServers) || may(claims, Action::ManageOwnServer) {
        true => Ok(()),
        false => Err(Problem::new(
            Slug::Forbidden,
            "only admins and servers may do this",
        )),
    }
}

/// Refuses those who do not manage all servers.
pub fn require_manager(claims: &Claims) -> Result<(), Problem> {
    match may(claims, Action::ManageServers) {
        true => Ok(()),
        false => Err(Problem::new(Slug::Forbidden, "only admins may do this")),
    }
}

/// The server, if it exists and is the caller's to manage; another tenant's does not exist.
pub async fn load(
    database: &impl Database,
    claims: &Claims,
    id: &str,
) -> Result<ServerRow, Problem> {
    require_any(claims)?;
    let found = servers::find(database, id).await.map_err(store_failed)?;
    let unknown = || Problem::new(Slug::NotFound, format!("there is no server {id}"));
    let server = found
        .filter(|server| is_visible(claims, server))
        .ok_or_else(unknown)?;
    match may(claims, Action::ManageServers) || server.owner == claims.sub {
        true => Ok(server),
        false => Err(Problem::new(
            Slug::Forbidden,
            "this server is somebody else's",
        )),
    }
}

fn is_visible(claims: &Claims, server: &ServerRow) -> bool {
    claims.role == Role::Service || claims.tenant == server.tenant
}

/// What a listing is narrowed to: tenant and owner.
pub fn scope(claims: &Claims) -> (Option<&str>, Option<&str>) {
    let tenant = (claims.role != Role::Service).then_some(claims.tenant.as_str());
    let owner = (!may(claims, Action::ManageServers)).then_some(claims.sub.as_str());
    (tenant, owner)
}
