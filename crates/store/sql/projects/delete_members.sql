DELETE FROM project_members WHERE project_id = ?1
