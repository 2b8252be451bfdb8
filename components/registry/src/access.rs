//! Who may see and change which server (GW3).

use guest::access::{allow, unknown};
use identity::{Action, Claims, Object, Role, may};
use problem::{Problem, Slug};
use store::servers::ServerRow;
use store::{Database, servers};

use crate::store_failed;

/// Refuses those who have nothing to do with servers at all.
pub fn require_any(claims: &Claims) -> Result<(), Problem> {
    match may(
        claims,
        Action::ManageOwnServer,
        Object::Tenant(&claims.tenant),
    ) {
        Ok(()) => Ok(()),
        Err(_) => Err(Problem::new(
            Slug::Forbidden,
            "only admins and servers may do this",
        )),
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
    let server = found.ok_or_else(|| unknown(format!("server {id}")))?;
    let object = Object::Server {
        tenant: &server.tenant,
        owner: &server.owner,
    };
    allow(claims, Action::ManageOwnServer, object, || {
        format!("server {id}")
    })?;
    Ok(server)
}

/// What a listing is narrowed to: tenant and owner.
pub fn scope(claims: &Claims) -> (Option<&str>, Option<&str>) {
    let tenant = (claims.role != Role::Service).then_some(claims.tenant.as_str());
    let manages_all = may(
        claims,
        Action::ManageServers,
        Object::Tenant(&claims.tenant),
    )
    .is_ok();
    let owner = (!manages_all).then_some(claims.sub.as_str());
    (tenant, owner)
}
