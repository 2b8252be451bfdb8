//! What a role may do (GW3): the table of SPEC.md section 2.

use crate::{Claims, Role};

/// Something a principal may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    CreateProject,
    /// List and read projects, join their rooms, read their tasks and assets.
    ReadProject,
    /// Write a room; create, cancel and retry tasks; rename a project.
    WriteProject,
    DeleteProject,
    /// Register, change and delete any server; clean up.
    ManageServers,
    /// The same for a server that the principal owns, and its tasks' results and heartbeats.
    ManageOwnServer,
}

impl Action {
    pub const ALL: [Self; 6] = [
        Self::CreateProject,
        Self::ReadProject,
        Self::WriteProject,
        Self::DeleteProject,
        Self::ManageServers,
        Self::ManageOwnServer,
    ];
}

/// True when the role of these claims allows the action; whose object it is, is asked elsewhere.
pub fn may(claims: &Claims, action: Action) -> bool {
    use Action::*;
    match claims.role {
        Role::Admin | Role::Service => true,
        Role::Editor => matches!(
            action,
            CreateProject | ReadProject | WriteProject | DeleteProject
        ),
        Role::Agent => matches!(action, ReadProject | WriteProject),
        Role::Viewer => matches!(action, ReadProject),
        Role::Server => matches!(action, ManageOwnServer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw3_the_matrix_of_roles_and_actions() {
        // CreateProject, ReadProject, WriteProject, DeleteProject, ManageServers, ManageOwnServer
        let table = [
            (Role::Admin, [true, true, true, true, true, true]),
            (Role::Service, [true, true, true, true, true, true]),
            (Role::Editor, [true, true, true, true, false, false]),
            (Role::Agent, [false, true, true, false, false, false]),
            (Role::Viewer, [false, true, false, false, false, false]),
            (Role::Server, [false, false, false, false, false, true]),
        ];
        for (role, expected) in table {
            let claims = Claims::access("x", role, 0, 60);
            let found = Action::ALL.map(|action| may(&claims, action));
            assert_eq!(found, expected, "{role:?}");
        }
    }
}
