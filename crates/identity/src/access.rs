//! Who may do what to which thing (GW3, GW9): one pure function, and the table of SPEC section 2.

use crate::{Claims, Role};

/// Something a principal may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    CreateProject,
    /// List and read projects, join their rooms, read their tasks and assets.
    ReadProject,
    /// Write a room; add assets; create, cancel and retry tasks; rename a project.
    WriteProject,
    DeleteProject,
    /// See and change who is a member of a project, and invite to it.
    ManageMembers,
    /// Take a project with all that is known of it, and make one of what was taken.
    BackUpProject,
    /// See and change who is a member of a tenant, its accounts and invitations; revoke tokens.
    ManageTenant,
    ReadAudit,
    /// See the queues of a tenant and what failed in them, and let that begin again.
    OperateTasks,
    ReadMetrics,
    /// Make and remove tenants.
    ManageTenants,
    /// Register, change and delete any server; clean up.
    ManageServers,
    /// The same for a server that the principal owns, and its tasks' results and heartbeats.
    ManageOwnServer,
}

impl Action {
    pub const ALL: [Self; 13] = [
        Self::CreateProject,
        Self::ReadProject,
        Self::WriteProject,
        Self::DeleteProject,
        Self::ManageMembers,
        Self::BackUpProject,
        Self::ManageTenant,
        Self::ReadAudit,
        Self::OperateTasks,
        Self::ReadMetrics,
        Self::ManageTenants,
        Self::ManageServers,
        Self::ManageOwnServer,
    ];

    /// The table of roles, without a look at whose the thing is.
    fn is_for(self, role: Role) -> bool {
        match role {
            Role::Admin | Role::Service => true,
            Role::Editor => matches!(
                self,
                Self::CreateProject | Self::ReadProject | Self::WriteProject | Self::DeleteProject
            ),
            Role::Agent => matches!(self, Self::ReadProject | Self::WriteProject),
            Role::Viewer => matches!(self, Self::ReadProject),
            Role::Server => matches!(self, Self::ManageOwnServer),
        }
    }
}

/// The tenant whose admins run the deployment.
pub const OPERATOR_TENANT: &str = "default";

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object<'a> {
    /// Something of a tenant as a whole: a list, an account, a new project.
    Tenant(&'a str),
    Project {
        id: &'a str,
        tenant: &'a str,
        /// The principal's own role in it, for those whose projects are looked up.
        membership: Option<Role>,
    },
    Server {
        tenant: &'a str,
        owner: &'a str,
    },
    /// The deployment itself.
    Deployment,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The principal does not learn that the thing exists: 404.
    Hidden,
    /// 403.
    Forbidden,
}

/// Whether the principal may do this.
pub fn may(claims: &Claims, action: Action, object: Object<'_>) -> Result<(), Denial> {
    let role = role_in(claims, object).ok_or(Denial::Hidden)?;
    if !action.is_for(role) {
        return Err(Denial::Forbidden);
    }
    match object {
        Object::Server { owner, .. } if role != Role::Admin && role != Role::Service => {
            if owner == claims.sub {
                Ok(())
            } else {
                Err(Denial::Forbidden)
            }
        }
        Object::Deployment if claims.role != Role::Service && claims.tenant != OPERATOR_TENANT => {
            Err(Denial::Forbidden)
        }
        _ => Ok(()),
    }
}

/// The role that counts for a thing; `None` when it is none of the principal's business.
fn role_in(claims: &Claims, object: Object<'_>) -> Option<Role> {
    if claims.role == Role::Service {
        return Some(Role::Service);
    }
    match object {
        Object::Deployment => Some(claims.role),
        Object::Tenant(tenant) | Object::Server { tenant, .. } => {
            (tenant == claims.tenant).then_some(claims.role)
        }
        Object::Project {
            id,
            tenant,
            membership,
        } => {
            let is_listed = claims
                .projects
                .as_ref()
                .is_none_or(|projects| projects.iter().any(|listed| listed == id));
            if tenant != claims.tenant || !is_listed {
                return None;
            }
            // Admins of a tenant are at home in all its projects.
            if claims.member && claims.role != Role::Admin {
                return membership;
            }
            Some(claims.role)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Denial::{Forbidden, Hidden};

    #[test]
    fn gw3_the_matrix_of_roles_and_actions() {
        // In the order of Action::ALL.
        let table = [
            (Role::Admin, "1111 11 1111 111"),
            (Role::Service, "1111 11 1111 111"),
            (Role::Editor, "1111 00 0000 000"),
            (Role::Agent, "0110 00 0000 000"),
            (Role::Viewer, "0100 00 0000 000"),
            (Role::Server, "0000 00 0000 001"),
        ];
        for (role, expected) in table {
            let claims = Claims::access("x", role, 0, 60);
            let expected = expected.bytes().filter(|byte| *byte != b' ');
            for (action, expected) in Action::ALL.into_iter().zip(expected) {
                let found = may(&claims, action, Object::Tenant("default"));
                let expected = if expected == b'1' {
                    Ok(())
                } else {
                    Err(Forbidden)
                };
                assert_eq!(found, expected, "{role:?} {action:?}");
            }
        }
    }

    #[test]
    fn gw3_gw9_whose_project_it_is() {
        let project = |membership| Object::Project {
            id: "p1",
            tenant: "studio",
            membership,
        };
        let claims = |role, tenant: &str, projects: Option<&[&str]>, member| {
            let listed = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
            Claims {
                tenant: tenant.to_owned(),
                projects: projects.map(listed),
                member,
                ..Claims::access("x", role, 0, 60)
            }
        };
        use Action::{DeleteProject, ManageMembers, ManageServers, ReadProject, WriteProject};
        use Role::{Admin, Editor, Server, Service, Viewer};
        let all = None;
        // Role, tenant, listed projects, looked up, membership, action, outcome.
        let table = [
            (Editor, "studio", all, false, None, WriteProject, Ok(())),
            (Editor, "other", all, false, None, ReadProject, Err(Hidden)),
            (Admin, "other", all, false, None, ReadProject, Err(Hidden)),
            (Service, "other", all, false, None, WriteProject, Ok(())),
            (
                Viewer,
                "studio",
                all,
                false,
                None,
                WriteProject,
                Err(Forbidden),
            ),
            (
                Server,
                "studio",
                all,
                false,
                None,
                ReadProject,
                Err(Forbidden),
            ),
            (
                Editor,
                "studio",
                Some(&["p1"][..]),
                false,
                None,
                WriteProject,
                Ok(()),
            ),
            (
                Editor,
                "studio",
                Some(&["p2"][..]),
                false,
                None,
                ReadProject,
                Err(Hidden),
            ),
            (
                Admin,
                "studio",
                Some(&["p2"][..]),
                false,
                None,
                ReadProject,
                Err(Hidden),
            ),
            (
                Editor,
                "studio",
                Some(&[][..]),
                false,
                None,
                ReadProject,
                Err(Hidden),
            ),
            // Members: what counts is the role in the project.
            (Editor, "studio", all, true, None, ReadProject, Err(Hidden)),
            (
                Editor,
                "studio",
                all,
                true,
                Some(Viewer),
                ReadProject,
                Ok(()),
            ),
            (
                Editor,
                "studio",
                all,
                true,
                Some(Viewer),
                WriteProject,
                Err(Forbidden),
            ),
            (
                Viewer,
                "studio",
                all,
                true,
                Some(Editor),
                WriteProject,
                Ok(()),
            ),
            (
                Viewer,
                "studio",
                all,
                true,
                Some(Editor),
                ManageMembers,
                Err(Forbidden),
            ),
            (
                Viewer,
                "studio",
                all,
                true,
                Some(Admin),
                ManageMembers,
                Ok(()),
            ),
            (
                Viewer,
                "studio",
                all,
                true,
                Some(Admin),
                DeleteProject,
                Ok(()),
            ),
            (
                Viewer,
                "other",
                all,
                true,
                Some(Admin),
                ReadProject,
                Err(Hidden),
            ),
            (Admin, "studio", all, true, None, ManageMembers, Ok(())),
        ];
        for (role, tenant, projects, member, membership, action, expected) in table {
            let who = claims(role, tenant, projects, member);
            let found = may(&who, action, project(membership));
            assert_eq!(
                found, expected,
                "{role:?} of {tenant}, {member}, {membership:?}: {action:?}"
            );
        }
        // The admin of a project is nobody outside of it.
        let owner = claims(Viewer, "studio", all, true);
        let found = may(&owner, ManageServers, Object::Tenant("studio"));
        assert_eq!(found, Err(Forbidden));
    }

    #[test]
    fn gw3_whose_server_and_whose_deployment_it_is() {
        let who = |sub: &str, role, tenant: &str| Claims {
            tenant: tenant.to_owned(),
            ..Claims::access(sub, role, 0, 60)
        };
        let server = Object::Server {
            tenant: "studio",
            owner: "gpu-1",
        };
        let table = [
            (who("gpu-1", Role::Server, "studio"), Ok(())),
            (who("gpu-2", Role::Server, "studio"), Err(Forbidden)),
            (who("gpu-1", Role::Server, "other"), Err(Hidden)),
            (who("gpu-1", Role::Editor, "studio"), Err(Forbidden)),
            (who("root", Role::Admin, "studio"), Ok(())),
            (who("root", Role::Admin, "other"), Err(Hidden)),
        ];
        for (claims, expected) in table {
            let found = may(&claims, Action::ManageOwnServer, server);
            assert_eq!(found, expected, "{claims:?}");
        }
        for (tenant, expected) in [("default", Ok(())), ("studio", Err(Forbidden))] {
            let admin = who("root", Role::Admin, tenant);
            let found = may(&admin, Action::ManageTenants, Object::Deployment);
            assert_eq!(found, expected, "{tenant}");
        }
    }
}
