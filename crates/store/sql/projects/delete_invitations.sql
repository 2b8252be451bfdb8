DELETE FROM invitations WHERE project_id = ?1
